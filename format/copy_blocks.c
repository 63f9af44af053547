/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "format/copy_state.h"

enum { PACK_LEVEL_MAX = 3 }; /* a block that was packed harder is not worth doing so again */

/* ---- frames as they are ---- */

/* The tables in front of a block's columns. */
struct front {
    unsigned char *runs;
    const unsigned char *gaps;
    uint32_t run_count;
};

static int front_find(struct byte_buffer *content, const struct block_header *header,
                      struct front *front)
{
    uint64_t bytes = BLOCK_DATA_BYTES + (uint64_t)header->gaps * BLOCK_GAP_BYTES;

    if (content->size < bytes || le32_load(content->bytes) != header->records ||
        le32_load(content->bytes + 4) != header->gaps)
        return -EBADMSG;
    front->run_count = le32_load(content->bytes + 8);
    if (front->run_count > BLOCK_RUNS_MAX ||
        content->size - bytes < (uint64_t)front->run_count * BLOCK_RUN_BYTES)
        return -EBADMSG;
    front->runs = content->bytes + BLOCK_DATA_BYTES;
    front->gaps = front->runs + (size_t)front->run_count * BLOCK_RUN_BYTES;
    return 0;
}

/* Change the numbers of types to those of the result. 1: some were others. */
static int front_renumber(struct trace_copy *c, struct copy_source *s, const struct front *front)
{
    int changed = 0;

    for (uint32_t i = 0; i < front->run_count; i++) {
        unsigned char *at = front->runs + (size_t)i * BLOCK_RUN_BYTES;
        uint32_t number = copy_type_number(c, s, le32_load(at));

        if (number == 0)
            return -ENOMEM;
        changed |= number != le32_load(at);
        le32_store(at, number);
    }
    return changed;
}

static void front_gaps_count(struct copy_part *part, const struct front *front, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *at = front->gaps + (size_t)i * BLOCK_GAP_BYTES;
        const struct trace_gap gap = {
            .kind = le32_load(at + 4),
            .records = le64_load(at + 24),
            .bytes = le64_load(at + 32),
        };

        copy_gap_count(part, &gap);
    }
}

static int pack_level(const struct block_header *header)
{
    return header->level < FRAME_LEVEL_MIN  ? FRAME_LEVEL_MIN
           : header->level > PACK_LEVEL_MAX ? PACK_LEVEL_MAX
                                            : header->level;
}

/* The frame, and for what it is looked into: *renumbered. */
static int frame_read(struct trace_copy *c, struct copy_source *s, struct index_entry *entry,
                      struct copy_part *part, struct block_header *header, bool *renumbered)
{
    struct block_loader *loader = &s->trace->loader;
    enum block_fault fault;
    struct front front;
    int status = trace_frame_fetch(s->trace, loader, entry, header, &fault);

    *renumbered = false;
    if (status == 0 && (s->watches_types || header->gaps)) {
        fault = BLOCK_CONTENT_DAMAGED;
        status = trace_frame_unpack(loader, header);
        if (status == 0) {
            fault = BLOCK_DATA_MALFORMED;
            status = front_find(&loader->content, header, &front);
        }
        if (status == 0 && s->watches_types) {
            status = front_renumber(c, s, &front);
            *renumbered = status == 1;
            status = status == 1 ? 0 : status;
        }
        if (status == 0)
            front_gaps_count(part, &front, header->gaps);
    }
    if (status == -EBADMSG)
        trace_fault_note(s->trace, entry, fault);
    return status;
}

static int block_keep(struct trace_copy *c, struct copy_source *s, struct copy_thread *thread,
                      struct index_entry *entry, struct copy_part *part, uint32_t number)
{
    struct block_loader *loader = &s->trace->loader;
    struct block_header header;
    bool renumbered;
    int status = frame_read(c, s, entry, part, &header, &renumbered);

    if (status == 0 && thread->stream)
        status = trace_stream_flush(thread->stream);
    if (status != 0)
        return status;
    header.thread = number;
    if (renumbered)
        status = writer_content_take(c->writer, &header, loader->content.bytes,
                                     loader->content.size, pack_level(&header));
    else
        status = writer_block_take(c->writer, &header, loader->frame.bytes);
    part->records += header.records;
    c->figures->blocks_kept += !renumbered;
    c->figures->blocks_packed += renumbered;
    trace_loader_trim(loader);
    return status;
}

/* ---- record by record ---- */

static int stream_make(struct trace_copy *c, struct copy_thread *thread, uint32_t number)
{
    return thread->stream ? 0 : writer_stream_open(c->writer, number, &thread->stream);
}

static int block_encode(struct trace_copy *c, struct copy_source *s, struct copy_thread *thread,
                        size_t place, struct copy_part *part, uint32_t number)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    const struct trace_block *block = &c->decoded.block;
    bool overlaps = copy_overlaps(c, thread, s, entry);
    uint32_t skip = 0;
    int status = trace_block_load(s->trace, place, &s->wish, &c->decoded);

    if (status == 0 && overlaps)
        status = copy_overlap_trim(c, thread, &skip);
    if (status == 0)
        status = stream_make(c, thread, number);
    if (status == 0)
        status = copy_records(c, s, thread->stream, block, skip);
    if (status != 0)
        return status;
    for (uint32_t i = 0; i < block->gap_count; i++)
        copy_gap_count(part, &block->gaps[i]);
    part->trimmed |= overlaps || block->records != entry->records;
    part->records += block->records - skip;
    c->figures->blocks_encoded++;
    return 0;
}

/* What a damaged block had is missing here, and the file says so. */
static int block_miss(struct trace_copy *c, struct copy_source *s, struct copy_thread *thread,
                      const struct index_entry *entry, struct copy_part *part, uint32_t number)
{
    const struct trace_gap gap = {
        .kind = TRACE_GAP_DAMAGED,
        .first_ticks = copy_ticks(&s->clock, entry->first_ticks),
        .last_ticks = copy_ticks(&s->clock, entry->last_ticks),
        .records = entry->records,
    };
    int status = stream_make(c, thread, number);

    part->trimmed = true;
    copy_gap_count(part, &gap);
    c->figures->blocks_damaged++;
    return status ? status : trace_stream_gap(thread->stream, &gap);
}

/* ---- each in its turn ---- */

static bool is_inside(const struct copy_source *s, const struct index_entry *entry)
{
    return !s->wish.types && entry->first_ticks >= s->wish.from_ticks &&
           entry->last_ticks <= s->wish.to_ticks;
}

static int step_run(struct trace_copy *c, const struct copy_step *step)
{
    struct copy_source *s = &c->sources[step->source];
    struct index_entry *entry = &s->trace->blocks.entries[step->place];
    struct copy_part *part = &s->parts[trace_thread_place(s->trace, entry->thread)];
    uint32_t number = copy_thread_number(s, entry->thread);
    struct copy_thread *thread = copy_thread_of(c, number);
    uint64_t known = part->records + part->overwritten + part->damaged, before = part->records;
    bool missed;
    int status;

    if (!thread)
        return -ENOMEM;
    if (copy_is_twice(thread, s, entry)) {
        c->figures->blocks_twice++;
        part->trimmed = true;
        return 0;
    }
    if (entry->damaged)
        status = -EBADMSG;
    else if (is_inside(s, entry) && !s->clock.to && !copy_overlaps(c, thread, s, entry))
        status = block_keep(c, s, thread, entry, part, number);
    else
        status = block_encode(c, s, thread, step->place, part, number);
    missed = status == -EBADMSG;
    if (missed)
        status = block_miss(c, s, thread, entry, part, number);
    thread->known += part->records + part->overwritten + part->damaged - known;
    /* A block of which nothing was new, or can be read, is not the last one. */
    if (status == 0 && !missed &&
        (!thread->source || entry->last_ticks > thread->last_ticks ||
         (entry->last_ticks == thread->last_ticks && part->records > before))) {
        thread->source = s;
        thread->place = step->place;
        thread->last_ticks = entry->last_ticks;
    }
    return status;
}

int copy_steps_run(struct trace_copy *c)
{
    int status = c->source_count > 1 ? copy_overlap_look(c) : 0;

    for (size_t i = 0; i < c->step_count && status == 0; i++) {
        const struct copy_step *step = &c->steps[i];

        status = step_run(c, step);
        c->records_done += c->sources[step->source].trace->blocks.entries[step->place].records;
        if (c->watch)
            c->watch->step(c->watch->context, c->records_done, c->records_total);
    }
    return status;
}
