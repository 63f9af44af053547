/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_ending.h"

#include <errno.h>
#include <stdlib.h>

#include "format/ending_state.h"

enum { META_BLOCK_BYTES = 64 * 1024 /* waiting metadata becomes a block at this size */ };

struct trace_ending *ending_create(int level)
{
    struct trace_ending *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->level = level;
    e->volume.output.fd = -1;
    if (block_encoder_init(&e->encoder) == 0)
        return e;
    ending_free(e);
    return NULL;
}

void ending_free(struct trace_ending *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->address_images; i++)
        free(e->addresses[i].uses);
    free(e->addresses);
    byte_buffer_free(&e->meta);
    block_encoder_fini(&e->encoder);
    trace_volume_free(&e->volume);
    free(e);
}

int ending_images(struct trace_ending *e, size_t count)
{
    e->addresses = calloc(count ? count : 1, sizeof(*e->addresses));
    if (!e->addresses)
        return -ENOMEM;
    e->address_images = count;
    return 0;
}

/* ---- metadata ---- */

static int failed(struct trace_ending *e, int status)
{
    if (status != 0 && e->volume.error == 0)
        e->volume.error = status;
    return status;
}

int ending_meta_flush(struct trace_ending *e, bool last)
{
    struct block_header header = {.kind = BLOCK_META, .records = e->meta_items};
    int status;

    if (e->meta_items == 0)
        return 0;
    status = trace_volume_write(&e->volume, &e->encoder, &header, e->meta.bytes, e->meta.size,
                                e->level, last);
    e->meta.size = 0;
    e->meta_items = 0;
    return failed(e, status);
}

static int meta_flush_if_full(struct trace_ending *e)
{
    /* The file's records are in it: this is what the room at its end is kept for. */
    return e->meta.size >= META_BLOCK_BYTES ? ending_meta_flush(e, true) : 0;
}

int ending_item(struct trace_ending *e, enum item_kind kind, const void *record)
{
    int status = failed(e, item_append(&e->meta, kind, record));

    if (status != 0)
        return status;
    e->meta_items++;
    return meta_flush_if_full(e);
}

int trace_ending_symbol(struct trace_ending *e, const struct trace_symbol *symbol)
{
    return ending_item(e, ITEM_SYMBOL, symbol);
}

int trace_ending_note(struct trace_ending *e, const struct trace_note *note)
{
    return ending_item(e, ITEM_NOTE, note);
}

void trace_ending_addresses(struct trace_ending *e,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context)
{
    for (size_t i = 0; i < e->address_images; i++) {
        const struct ending_addresses *a = &e->addresses[i];

        for (size_t n = 0; n < a->count; n++)
            visit(context, a->image, a->uses[n].address, a->uses[n].first_ticks,
                  a->uses[n].last_ticks);
    }
}

/* ---- the end ---- */

uint64_t trace_ending_bytes(const struct trace_ending *e)
{
    return e->volume.output.written;
}

int trace_ending_close(struct trace_ending *e, uint64_t *file_bytes)
{
    int status;

    (void)failed(e, trace_volume_loss_append(&e->volume, &e->meta, &e->meta_items));
    (void)!ending_meta_flush(e, true); /* sticks */
    status = trace_volume_end(&e->volume, &e->encoder);
    status = e->volume.error ? e->volume.error : status;
    if (file_bytes)
        *file_bytes = e->volume.output.written;
    ending_free(e);
    return status;
}
