/* SPDX-License-Identifier: Apache-2.0 */
/* Telling others what the file is told. */
#include "format/writer_state.h"

void trace_writer_listen(struct trace_writer *w, const struct trace_listener *listener)
{
    w->listener = listener;
}

static void image_retell(const struct writer_image *image, const struct trace_listener *listener)
{
    for (uint32_t id = 0; id < image->id_count; id++)
        if (image->type_of_id[id])
            listener->declared(listener->context, image->image, id, image->type_of_id[id]->number);
}

int trace_writer_retell(struct trace_writer *w, const struct trace_listener *listener)
{
    struct byte_buffer items = {0};
    uint32_t count = 0;
    int status = catalogue_recording(w->catalogue, &items);

    if (status == 0)
        status = catalogue_items(w->catalogue, &items, &count);
    if (status == 0) {
        listener->items(listener->context, items.bytes, items.size);
        for (size_t i = 0; i < w->image_count; i++)
            if (w->images[i])
                image_retell(w->images[i], listener);
    }
    byte_buffer_free(&items);
    return status;
}
