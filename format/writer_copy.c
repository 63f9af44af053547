/* SPDX-License-Identifier: Apache-2.0 */
#include "format/writer_copy.h"

#include <errno.h>

#include "format/writer_state.h"

int writer_type_declare(struct trace_writer *w, uint32_t number, const void *schema, size_t size)
{
    struct item_type item = {.type = number, .schema_bytes = (uint32_t)size};
    int status;
    struct writer_type *type = writer_type_create(schema, size, &status);

    if (!type)
        return status;
    type->number = number;
    if (writer_type_keep(w, type) != 0) {
        writer_type_free(type);
        return -ENOMEM;
    }
    if (number <= WRITER_ID_MAX) {
        if (writer_ids_grow(&w->copied, number) != 0)
            return -ENOMEM;
        w->copied.type_of_id[number] = type;
    }
    item.schema = type->bytes;
    return writer_item_append(w, ITEM_TYPE, &item, true);
}

int writer_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
{
    return stream_create(w, thread, &w->copied, out);
}

/* What streams and other threads have on its way stands before this block, metadata included. */
static int place_make(struct trace_writer *w)
{
    int status = w->meta_urgent ? writer_meta_flush(w) : 0;

    writer_settle(w);
    if (status == 0)
        status = writer_items_catch_up(w, &w->encoder, w->level);
    return status ? status : writer_error(w);
}

static int block_count(struct trace_writer *w, const struct block_header *header, int status)
{
    writer_lock(w);
    if (status == 0)
        w->stats.records += header->records;
    else
        w->stats.lost_records += header->records;
    writer_unlock(w);
    return status;
}

int writer_block_take(struct trace_writer *w, struct block_header *header, unsigned char *bytes)
{
    int status = place_make(w);

    if (status == 0)
        status = writer_block_commit(w, header, bytes, false);
    return block_count(w, header, status);
}

int writer_content_take(struct trace_writer *w, struct block_header *header, const void *content,
                        size_t size, int level)
{
    int status = place_make(w);

    if (status == 0)
        status = writer_block_write(w, header, content, size, level, false);
    return block_count(w, header, status);
}

void writer_loss_inherit(struct trace_writer *w, uint64_t records, int error)
{
    w->copied_lost += records;
    if (w->copied_error == 0)
        w->copied_error = error;
}
