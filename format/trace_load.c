/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "format/trace_state.h"

/*
 * In two steps, because blocks can be unpacked by other threads than the trace's own
 * (trace_ahead.c): loading reads the trace but changes nothing in it; what was found is noted
 * afterwards, by the trace's own thread and in the order in which blocks are used.
 */

enum { KEPT_BYTES_MAX = 8 << 20 /* of a loader's scratch memory, from block to block */ };

int trace_loader_init(struct block_loader *loader)
{
    memset(loader, 0, sizeof(*loader));
    loader->decompressor = frame_decompressor_create();
    return loader->decompressor ? 0 : -ENOMEM;
}

void trace_loader_fini(struct block_loader *loader)
{
    frame_decompressor_destroy(loader->decompressor);
    column_decoder_fini(&loader->decoder);
    byte_buffer_free(&loader->frame);
    byte_buffer_free(&loader->content);
    memset(loader, 0, sizeof(*loader));
}

void trace_loader_trim(struct block_loader *loader)
{
    if (loader->frame.capacity > KEPT_BYTES_MAX)
        byte_buffer_free(&loader->frame);
    if (loader->content.capacity > KEPT_BYTES_MAX)
        byte_buffer_free(&loader->content);
}

/* ---- loading: any thread ---- */

static bool entry_matches(const struct index_entry *entry, const struct block_header *header)
{
    return entry->kind == header->kind && entry->flags == header->flags &&
           entry->thread == header->thread && entry->records == header->records &&
           entry->frame_bytes == header->frame_bytes && entry->first_ticks == header->first_ticks &&
           entry->last_ticks == header->last_ticks;
}

int trace_frame_fetch(const struct trace *t, struct block_loader *loader,
                      const struct index_entry *entry, struct block_header *header,
                      enum block_fault *fault)
{
    size_t bytes = BLOCK_HEADER_BYTES + (size_t)entry->frame_bytes;
    int64_t got;
    int status;

    /* The entry may come from a hostile index: no more memory than the file has bytes. */
    *fault = BLOCK_CUT_OFF;
    if (bytes > t->size || entry->offset > t->size - bytes)
        return -EBADMSG;
    loader->frame.size = 0;
    if (byte_buffer_reserve(&loader->frame, bytes) != 0)
        return -ENOMEM;
    got = trace_bytes_read(t, entry->offset, loader->frame.bytes, bytes);
    if (got < 0)
        return (int)got;
    *fault = BLOCK_HEADER_DAMAGED;
    status = block_header_decode(loader->frame.bytes, (size_t)got, header);
    if (status != 0 || header->recording != t->recording || !entry_matches(entry, header))
        return -EBADMSG;
    *fault = BLOCK_CONTENT_DAMAGED;
    if (got != BLOCK_HEADER_BYTES + (int64_t)header->frame_bytes ||
        crc32c(loader->frame.bytes + BLOCK_HEADER_BYTES, header->frame_bytes) != header->frame_crc)
        return -EBADMSG;
    return 0;
}

int trace_frame_unpack(struct block_loader *loader, const struct block_header *header)
{
    return frame_decode(loader->decompressor, loader->frame.bytes + BLOCK_HEADER_BYTES,
                        header->frame_bytes, header->content_bytes, &loader->content);
}

int trace_frame_load(const struct trace *t, struct block_loader *loader,
                     const struct index_entry *entry, struct block_header *header,
                     enum block_fault *fault)
{
    int status = trace_frame_fetch(t, loader, entry, header, fault);

    return status ? status : trace_frame_unpack(loader, header);
}

/* By what the header says already. */
static bool is_larger(const struct block_header *header, size_t bytes)
{
    return header->content_bytes > bytes ||
           16 * (uint64_t)header->records + sizeof(struct trace_gap) * header->gaps > bytes;
}

void trace_data_load(const struct trace *t, struct block_loader *loader,
                     const struct index_entry *entry, const struct block_wish *wish,
                     struct decoded_block *out, struct block_found *found)
{
    struct block_types types = {&t->type_of_number, t->type_list};
    const struct thread_row *threads = t->threads.rows;
    struct block_header header;

    found->undescribed = 0;
    found->status = trace_frame_fetch(t, loader, entry, &header, &found->fault);
    if (found->status == 0 && wish->bytes_max && is_larger(&header, wish->bytes_max))
        found->status = -E2BIG;
    if (found->status == 0)
        found->status = trace_frame_unpack(loader, &header);
    if (found->status != 0)
        return;
    found->fault = BLOCK_DATA_MALFORMED;
    found->status = block_decode(&loader->decoder, &header, &types, wish, loader->content.bytes,
                                 loader->content.size, out, &found->undescribed);
    out->block.thread = &threads[trace_thread_place(t, entry->thread)].thread;
}

/* ---- noting: the trace's own thread ---- */

void trace_fault_note(struct trace *t, struct index_entry *entry, enum block_fault fault)
{
    static const struct {
        const char *what, *how;
    } words[] = {
        [BLOCK_CUT_OFF] = {"block", "cut off"},
        [BLOCK_HEADER_DAMAGED] = {"block header", "damaged"},
        [BLOCK_CONTENT_DAMAGED] = {"content of the block", "damaged"},
        [BLOCK_DATA_MALFORMED] = {"data of the block", "malformed"},
    };

    trace_damage(t, entry, entry->offset, "the %s at offset %llu is %s", words[fault].what,
                 (unsigned long long)entry->offset, words[fault].how);
}

int trace_entry_read(struct trace *t, struct index_entry *entry, struct block_header *header)
{
    enum block_fault fault;
    int status;

    if (entry->damaged)
        return -EBADMSG;
    status = trace_frame_load(t, &t->loader, entry, header, &fault);
    if (status == -EBADMSG)
        trace_fault_note(t, entry, fault);
    return status;
}

int trace_block_read(struct trace *t, size_t place, struct block_header *header)
{
    return trace_entry_read(t, &t->blocks.entries[place], header);
}

int trace_found_note(struct trace *t, size_t place, const struct block_found *found)
{
    struct index_entry *entry = &t->blocks.entries[place];

    if (found->status == -EBADMSG)
        trace_fault_note(t, entry, found->fault);
    if (found->status == 0 && found->undescribed && !entry->undescribed) {
        entry->undescribed = true;
        t->condition.undescribed_records += found->undescribed;
    }
    return found->status;
}

int trace_block_load(struct trace *t, size_t place, const struct block_wish *wish,
                     struct decoded_block *out)
{
    const struct index_entry *entry = &t->blocks.entries[place];
    struct block_found found;

    if (entry->damaged)
        return -EBADMSG;
    trace_data_load(t, &t->loader, entry, wish, out, &found);
    return trace_found_note(t, place, &found);
}

/* One whose gaps were all that it held has lost no record that was to be in the file. */
int trace_block_miss(const struct trace *t, size_t place, struct decoded_block *out)
{
    const struct index_entry *entry = &t->blocks.entries[place];
    const struct thread_row *threads = t->threads.rows;
    struct missing {
        struct trace_gap gap;
        uint32_t position;
    } * missing;

    memset(&out->block, 0, sizeof(out->block));
    out->block.thread = &threads[trace_thread_place(t, entry->thread)].thread;
    if (entry->records == 0)
        return 0;
    out->gaps.size = 0;
    if (byte_buffer_reserve(&out->gaps, sizeof(*missing)) != 0)
        return -ENOMEM;
    missing = (struct missing *)out->gaps.bytes;
    missing->gap = (struct trace_gap){
        .thread = entry->thread,
        .kind = TRACE_GAP_DAMAGED,
        .first_ticks = entry->first_ticks,
        .last_ticks = entry->last_ticks,
        .records = entry->records,
    };
    missing->position = 0;
    out->block.gap_count = 1;
    out->block.gaps = &missing->gap;
    out->block.gap_position = &missing->position;
    return 0;
}
