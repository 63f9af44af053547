/* SPDX-License-Identifier: Apache-2.0 */
/* The writer goes on in another file; what it leaves behind becomes a trace ending. */
#include <errno.h>
#include <unistd.h>

#include "base/atomic.h"
#include "format/ending_state.h"
#include "format/writer_state.h"

/* The next file as far as it can be made before this one is left. */
static int volume_make(struct trace_writer *w, int fd, struct trace_volume *fresh)
{
    struct byte_buffer recording = {0}, items = {0};
    uint32_t count = 0;
    int status;

    trace_volume_open(fresh, fd, w->reserve_bytes);
    status = catalogue_recording(w->catalogue, &recording);
    if (status == 0)
        status = catalogue_items(w->catalogue, &items, &count);
    if (status == 0)
        status = trace_volume_begin(fresh, &w->encoder, &recording, &items, w->level);
    byte_buffer_free(&recording);
    byte_buffer_free(&items);
    if (status != 0)
        trace_volume_free(fresh);
    return status;
}

/* The addresses met so far go with the file that they stand in. */
static void addresses_move(struct trace_writer *w, struct trace_ending *ending)
{
    struct ending_addresses *to = ending->addresses;

    for (size_t i = 0; i < w->image_count; i++) {
        struct address_set *set = w->images[i] ? &w->images[i]->addresses : NULL;

        if (!set || !set->count)
            continue;
        *to++ = (struct ending_addresses){
            .image = w->images[i]->image, .uses = set->uses, .count = set->count};
        set->uses = NULL;
        address_set_free(set);
    }
    ending->address_images = (size_t)(to - ending->addresses);
    writer_images_settle(w);
}

/* Items that could not be written yet are for the end of the file that they belong to. */
static void meta_move(struct trace_writer *w, struct trace_ending *ending)
{
    int status = writer_meta_join(w);

    if (status != 0) /* some are missing; the file's error tells */
        writer_loss_count(w, 0, status);
    ending->meta = w->meta;
    ending->meta_items = w->meta_items;
    w->meta = (struct byte_buffer){0};
    w->meta_items = 0;
    w->meta_urgent = false;
}

int trace_writer_can_switch(const struct trace_writer *w)
{
    return w->store ? -ENOTSUP : w->volume.output.seekable ? 0 : -ESPIPE;
}

int trace_writer_switch(struct trace_writer *w, int fd, struct trace_ending **old)
{
    struct trace_ending *ending = ending_create(w->level);
    struct trace_volume fresh;
    int status = trace_writer_can_switch(w);

    *old = NULL;
    if (status == 0 && (!ending || ending_images(ending, w->image_count) != 0))
        status = -ENOMEM;
    if (status != 0) {
        close(fd);
        ending_free(ending);
        return status;
    }
    (void)!trace_writer_flush(w); /* an error is the old file's */
    status = volume_make(w, fd, &fresh);
    if (status != 0) {
        ending_free(ending);
        return status;
    }
    addresses_move(w, ending);
    meta_move(w, ending);
    ending->volume = w->volume;
    ending->volume.lost_records = w->stats.lost_records - w->lost_before;
    ending->volume.error = writer_outcome(w);
    w->lost_before = w->stats.lost_records;
    w->bytes_before += w->volume.output.written;
    w->volume = fresh;
    store_relaxed(&w->error, 0); /* relaxed: writer_error(); nothing is on its way */
    w->loss_error = 0;
    w->stats.file_bytes = w->bytes_before + fresh.output.written;
    *old = ending;
    return 0;
}
