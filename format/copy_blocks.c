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

int copy_stream_make(struct trace_copy *c, struct copy_thread *thread)
{
    return thread->stream ? 0 : writer_stream_open(c->writer, thread->number, &thread->stream);
}

static bool is_inside(const struct copy_source *s, const struct index_entry *entry)
{
    return !s->wish.types && entry->first_ticks >= s->wish.from_ticks &&
           entry->last_ticks <= s->wish.to_ticks;
}

/* Records of types whose description is lost: their columns cannot be parted. */
static int undescribed_miss(struct copy_thread *thread, const struct copy_source *s,
                            struct copy_part *part, uint64_t ticks, uint32_t records)
{
    const struct trace_gap gap = {.kind = TRACE_GAP_DAMAGED,
                                  .first_ticks = copy_ticks(&s->clock, ticks),
                                  .last_ticks = copy_ticks(&s->clock, ticks),
                                  .records = records};

    if (records == 0)
        return 0;
    copy_gap_count(part, &gap);
    return trace_stream_gaps(thread->stream, &gap, 1);
}

/* What is in c->decoded. */
static int block_write(struct trace_copy *c, struct copy_source *s, struct copy_thread *thread,
                       struct copy_part *part, uint32_t skip)
{
    const struct trace_block *block = &c->decoded.block;
    int status = copy_stream_make(c, thread);

    if (status == 0)
        status = copy_records(c, s, thread->stream, block, skip);
    if (status != 0)
        return status;
    for (uint32_t i = 0; i < block->gap_count; i++)
        copy_gap_count(part, &block->gaps[i]);
    part->records += block->records - skip;
    c->figures->blocks_encoded++;
    return 0;
}

static int block_encode(struct trace_copy *c, struct copy_source *s, struct copy_thread *thread,
                        size_t place, struct copy_part *part)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    int status = trace_block_load(s->trace, place, &s->wish, &c->decoded);
    uint32_t others;

    if (status != 0)
        return status;
    others = entry->records - c->decoded.block.records;
    part->trimmed |= others != 0;
    status = block_write(c, s, thread, part, 0);
    if (status == 0 && is_inside(s, entry))
        status = undescribed_miss(thread, s, part, entry->last_ticks, others);
    return status;
}

/* ---- what cannot be read ---- */

/* What a damaged block had is missing here, and the file says so. */
static int block_miss(struct trace_copy *c, const struct copy_source *s, struct copy_thread *thread,
                      const struct trace_gap *missing, struct copy_part *part)
{
    struct trace_gap gap = *missing;
    int status = copy_stream_make(c, thread);

    gap.first_ticks = copy_ticks(&s->clock, missing->first_ticks);
    gap.last_ticks = copy_ticks(&s->clock, missing->last_ticks);
    copy_gap_count(part, &gap);
    c->figures->blocks_damaged++;
    return status ? status : trace_stream_gaps(thread->stream, &gap, 1);
}

/* ---- each in its turn ---- */

/* A block that was there, and has become records of the result, is its thread's last. */
static void last_set(struct copy_thread *thread, const struct copy_source *s, size_t place,
                     bool adds)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];

    if (thread->source && entry->last_ticks <= thread->last_ticks &&
        (entry->last_ticks < thread->last_ticks || !adds))
        return;
    thread->source = s;
    thread->place = place;
    if (entry->last_ticks > thread->last_ticks)
        thread->last_ticks = entry->last_ticks;
}

/* A block of gaps only: what is damaged in it may be whole elsewhere. */
static int holes_take(struct trace_copy *c, size_t step)
{
    struct trace_block *block = &c->decoded.block;
    struct trace_gap *gaps = (struct trace_gap *)block->gaps; /* as in copy_gaps_trim() */
    uint32_t kept = 0;
    int status = 0;

    for (uint32_t i = 0; i < block->gap_count && status == 0; i++)
        if (gaps[i].kind == TRACE_GAP_DROPPED || gaps[i].kind == TRACE_GAP_OVERWRITTEN)
            gaps[kept++] = gaps[i];
        else
            status = copy_hole_open(c, step, &gaps[i]);
    block->gap_count = kept;
    return status;
}

/* Other inputs may have it, too, or some of it. */
static int shared_run(struct trace_copy *c, size_t at, struct copy_thread *thread,
                      struct copy_part *part)
{
    const struct copy_step *step = &c->steps[at];
    struct copy_source *s = &c->sources[step->source];
    struct index_entry *entry = &s->trace->blocks.entries[step->place];
    const struct trace_block *block = &c->decoded.block;
    uint32_t skip, gaps, others;
    int status = trace_block_load(s->trace, step->place, &s->wish, &c->decoded), trimmed;

    if (status != 0)
        return status;
    gaps = block->gap_count;
    others = entry->records - block->records; /* of types that are not described */
    if (block->records == 0)
        status = holes_take(c, at);
    skip = copy_records_known(c, thread, part);
    if (status == 0 && skip < block->records)
        status = copy_hole_tell(c, thread, block->ticks[skip]);
    trimmed = status ? status : copy_gaps_trim(c, thread, part, skip);
    if (trimmed < 0)
        return trimmed;
    part->trimmed |= trimmed || skip;
    if (skip == 0 && part->last == COPY_STEP_NONE)
        thread->run = 0;
    thread->run += block->records - skip;
    copy_records_note(c, thread, part, at);
    if (status != 0 || (skip == block->records && block->gap_count == 0 && (skip || !others)))
        return status;
    if (is_inside(s, entry) && !s->clock.to && !trimmed && skip == 0 && gaps == block->gap_count &&
        entry->first_ticks >= thread->last_ticks) {
        status = block_keep(c, s, thread, entry, part, thread->number);
    } else {
        status = block_write(c, s, thread, part, skip);
        if (status == 0)
            status = undescribed_miss(thread, s, part, entry->last_ticks, others);
    }
    if (status == 0)
        last_set(thread, s, step->place, skip < block->records);
    return status;
}

/* No other has anything of it. */
static int alone_run(struct trace_copy *c, size_t at, struct copy_thread *thread,
                     struct copy_part *part)
{
    const struct copy_step *step = &c->steps[at];
    struct copy_source *s = &c->sources[step->source];
    struct index_entry *entry = &s->trace->blocks.entries[step->place];
    uint64_t before = part->records;
    int status = copy_hole_tell(c, thread, UINT64_MAX);

    if (status != 0)
        return status;
    if (entry->damaged)
        return -EBADMSG;
    if (is_inside(s, entry) && !s->clock.to)
        status = block_keep(c, s, thread, entry, part, thread->number);
    else
        status = block_encode(c, s, thread, step->place, part);
    if (status != 0)
        return status;
    thread->run = (thread->source == s ? thread->run : 0) + part->records - before;
    last_set(thread, s, step->place, part->records > before);
    part->last = (uint32_t)at;
    part->tick_records = thread->tick_records = 0;
    return 0;
}

static int alone_miss(struct trace_copy *c, size_t at, struct copy_thread *thread,
                      const struct trace_gap *missing, struct copy_part *part)
{
    const struct copy_step *step = &c->steps[at];
    const struct copy_source *s = &c->sources[step->source];

    if (c->links && c->links[at].before == COPY_STEP_NONE && copy_front_is_lost(s, step->place))
        copy_front_count(thread, part, trace_ledger_of(s->trace, missing->thread)->overwritten,
                         thread->known);
    return block_miss(c, s, thread, missing, part);
}

/* The records of the thread's last block are those of this one, too. */
static void twice_note(struct trace_copy *c, const struct copy_thread *thread,
                       struct copy_part *part, size_t at)
{
    const struct trace *t = thread->source->trace;
    const struct copy_part *other =
        &thread->source->parts[trace_thread_place(t, t->blocks.entries[thread->place].thread)];

    part->tick = other->tick;
    part->tick_records = other->tick_records;
    part->last = (uint32_t)at;
    part->trimmed = true;
    c->figures->blocks_twice++;
}

static int step_run(struct trace_copy *c, size_t at)
{
    const struct copy_step *step = &c->steps[at];
    struct copy_source *s = &c->sources[step->source];
    struct index_entry *entry = &s->trace->blocks.entries[step->place];
    struct copy_part *part = &s->parts[trace_thread_place(s->trace, entry->thread)];
    struct copy_thread *thread = copy_thread_of(c, copy_thread_number(s, entry->thread));
    uint64_t known = part->records + part->overwritten + part->damaged;
    const struct trace_gap missing = {.thread = entry->thread,
                                      .kind = TRACE_GAP_DAMAGED,
                                      .first_ticks = entry->first_ticks,
                                      .last_ticks = entry->last_ticks,
                                      .records = entry->records};
    int status;

    if (!thread)
        return -ENOMEM;
    if (copy_is_twice(thread, s, entry)) {
        twice_note(c, thread, part, at);
        return 0;
    }
    status =
        copy_is_shared(c, at) ? shared_run(c, at, thread, part) : alone_run(c, at, thread, part);
    if (status == -EBADMSG && copy_is_shared(c, at))
        status = copy_hole_open(c, at, &missing);
    else if (status == -EBADMSG)
        status = alone_miss(c, at, thread, &missing, part);
    thread->known += part->records + part->overwritten + part->damaged - known;
    return status;
}

static int step_check(struct trace_copy *c, size_t at)
{
    const struct copy_step *step = &c->steps[at];
    struct copy_source *s = &c->sources[step->source];

    return trace_block_load(s->trace, step->place, &s->wish, &c->reference);
}

/* A good block behind a damaged one can begin in the middle of a moment that others have from its
 * beginning: those come first. */
static int moment_run(struct trace_copy *c, size_t at)
{
    const struct copy_step *step = &c->steps[at];
    const struct copy_source *s = &c->sources[step->source];
    const struct index_entry *entry = &s->trace->blocks.entries[step->place];
    const struct copy_part *part = &s->parts[trace_thread_place(s->trace, entry->thread)];
    uint32_t before = c->links[at].before;
    int status = 0;

    if (part->tick_records == 0 || part->tick != entry->first_ticks || before == COPY_STEP_NONE ||
        !s->trace->blocks.entries[c->steps[before].place].damaged)
        return 0;
    for (uint32_t i = c->links[at].next;
         i != COPY_STEP_NONE && c->steps[i].key == step->key && status == 0; i = c->links[i].next) {
        if (c->steps[i].source == step->source)
            break;
        if (c->links[i].done)
            continue;
        status = step_check(c, i);
        if (status == 0)
            status = step_run(c, i);
        c->links[i].done = status == 0;
        status = status == -EBADMSG ? 0 : status;
    }
    return status;
}

int copy_steps_run(struct trace_copy *c)
{
    int status = c->source_count > 1 ? copy_overlap_look(c) : 0;

    for (size_t i = 0; i < c->step_count && status == 0; i++) {
        const struct copy_step *step = &c->steps[i];

        if (copy_is_shared(c, i) && !c->links[i].done)
            status = moment_run(c, i);
        if (status == 0 && !(c->links && c->links[i].done))
            status = step_run(c, i);
        c->records_done += c->sources[step->source].trace->blocks.entries[step->place].records;
        if (c->watch)
            c->watch->step(c->watch->context, c->records_done, c->records_total);
    }
    return status ? status : copy_holes_end(c);
}
