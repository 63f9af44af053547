/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/copy_state.h"

/*
 * Two snapshots of a session, or two slices of a file, can hold the same records, as the same
 * blocks or in blocks that end elsewhere. Blocks come in the order of their first ticks, so
 * whatever a thread's block shares with other inputs is shared with the last one written. Ticks
 * that are only equal where one block ends and the next begins are no sign of anything: a batch has
 * one time.
 */

__extension__ typedef unsigned __int128 uint128;

/* A thread's block that ends last, of those before. */
struct latest {
    uint64_t ticks;
    uint32_t source;
};

static uint32_t place_of(struct trace_copy *c, const struct copy_step *step)
{
    const struct copy_source *s = &c->sources[step->source];
    uint32_t thread = s->trace->blocks.entries[step->place].thread;

    if (!copy_thread_of(c, copy_thread_number(s, thread)))
        return NUMBER_MAP_NONE;
    return number_map_find(&c->thread_places, copy_thread_number(s, thread));
}

int copy_overlap_look(struct trace_copy *c)
{
    struct latest *latest;

    for (size_t i = 0; i < c->step_count; i++)
        if (place_of(c, &c->steps[i]) == NUMBER_MAP_NONE)
            return -ENOMEM;
    latest = calloc(c->threads.count + 1, sizeof(*latest));
    if (!latest)
        return -ENOMEM;
    for (size_t i = 0; i < c->step_count && !c->overlapping; i++) {
        const struct copy_step *step = &c->steps[i];
        const struct index_entry *entry =
            &c->sources[step->source].trace->blocks.entries[step->place];
        struct latest *last = &latest[place_of(c, step)];

        c->overlapping = entry->first_ticks < last->ticks && step->source != last->source;
        if (entry->last_ticks >= last->ticks)
            *last = (struct latest){entry->last_ticks, step->source};
    }
    free(latest);
    return 0;
}

static const struct index_entry *entry_of(const struct copy_thread *thread)
{
    return &thread->source->trace->blocks.entries[thread->place];
}

bool copy_overlaps(const struct trace_copy *c, const struct copy_thread *thread,
                   const struct copy_source *s, const struct index_entry *entry)
{
    if (!thread->source || thread->source == s)
        return false;
    return entry->first_ticks < thread->last_ticks ||
           (c->overlapping && entry->first_ticks == thread->last_ticks);
}

bool copy_is_twice(const struct copy_thread *thread, const struct copy_source *s,
                   const struct index_entry *entry)
{
    const struct index_entry *other;
    struct block_header a, b;

    if (!thread->source || thread->source == s)
        return false;
    other = entry_of(thread);
    return other->first_ticks == entry->first_ticks && other->last_ticks == entry->last_ticks &&
           other->records == entry->records && other->frame_bytes == entry->frame_bytes &&
           trace_header_read(thread->source->trace, other->offset, &a) == 0 &&
           trace_header_read(s->trace, entry->offset, &b) == 0 && a.frame_crc == b.frame_crc;
}

uint64_t copy_resume_ticks(struct copy_source *s, size_t place)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    struct block_loader *loader = &s->trace->loader;
    struct block_header header;
    enum block_fault fault;
    uint64_t base;

    if (trace_header_read(s->trace, entry->offset, &header) != 0 || header.gaps == 0)
        return entry->first_ticks;
    if (header.records == 0)
        return entry->last_ticks;
    if (trace_frame_load(s->trace, loader, entry, &header, &fault) != 0 ||
        loader->content.size < BLOCK_DATA_BYTES)
        return entry->first_ticks; /* damaged: that is found out in its turn */
    base = le64_load(loader->content.bytes + 12);
    return base < entry->first_ticks || base > entry->last_ticks ? entry->first_ticks : base;
}

static bool gap_is_in(const struct trace_block *block, const struct trace_gap *gap)
{
    for (uint32_t i = 0; i < block->gap_count; i++) {
        const struct trace_gap *other = &block->gaps[i];

        if (other->kind == gap->kind && other->first_ticks == gap->first_ticks &&
            other->last_ticks == gap->last_ticks && other->records == gap->records)
            return true;
    }
    return false;
}

/*
 * A snapshot begins with a gap: all that it does not have any more, since the thread began. What of
 * that the inputs before it have is not missing. False: nothing is.
 */
static bool gap_shrink(struct trace_gap *gap, const struct copy_thread *thread)
{
    if (gap->last_ticks <= thread->last_ticks || gap->records <= thread->known)
        return false;
    gap->bytes -= (uint64_t)((uint128)gap->bytes * thread->known / gap->records);
    gap->records -= thread->known;
    gap->first_ticks = thread->last_ticks;
    return true;
}

/* A gap before records that are left out is there already; one behind them may be. */
static bool gap_is_new(struct trace_gap *gap, uint32_t position, uint32_t skip,
                       const struct trace_block *before, const struct copy_thread *thread)
{
    if (position < skip || gap_is_in(before, gap))
        return false;
    if (gap->kind == TRACE_GAP_OVERWRITTEN && skip == 0 && gap->first_ticks < thread->last_ticks)
        return gap_shrink(gap, thread);
    return true;
}

/* The block's memory is the copy's own: trace_block only shows it as const. */
static void gaps_trim(struct trace_block *block, uint32_t skip, const struct trace_block *before,
                      const struct copy_thread *thread)
{
    struct trace_gap *gaps = (struct trace_gap *)block->gaps;
    uint32_t *positions = (uint32_t *)block->gap_position, kept = 0;

    for (uint32_t i = 0; i < block->gap_count; i++) {
        if (!gap_is_new(&gaps[i], positions[i], skip, before, thread))
            continue;
        gaps[kept] = gaps[i];
        positions[kept++] = positions[i];
    }
    block->gap_count = kept;
}

/* Records at the front of `block` that are in `before`, or in a block before that. */
static uint32_t records_known(const struct trace_block *block, const struct trace_block *before)
{
    uint32_t same = 0, at = 0;
    uint64_t last;

    if (before->records == 0)
        return 0;
    last = before->ticks[before->records - 1];
    while (same < before->records && before->ticks[before->records - 1 - same] == last)
        same++;
    while (at < block->records && block->ticks[at] < last)
        at++;
    for (; same && at < block->records && block->ticks[at] == last; same--)
        at++;
    return at;
}

int copy_overlap_trim(struct trace_copy *c, const struct copy_thread *thread, uint32_t *skip)
{
    int status = trace_block_load(thread->source->trace, thread->place, &thread->source->wish,
                                  &c->reference);

    *skip = 0;
    if (status != 0)
        return status;
    *skip = records_known(&c->decoded.block, &c->reference.block);
    gaps_trim(&c->decoded.block, *skip, &c->reference.block, thread);
    return 0;
}
