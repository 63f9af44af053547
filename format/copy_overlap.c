/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/copy_state.h"

/*
 * Two snapshots of a session, or two slices of a file, can hold the same records, as the same
 * blocks or in blocks that end elsewhere. Blocks come in the order of their first records, so what
 * the thread has already stands at the front of a block, up to the ticks of the last record that
 * was written. Records of the same ticks are told apart by their number: an input's third at these
 * ticks is every other's third. Where blocks of several inputs touch, each is unpacked before it is
 * taken: another input may have what one of them has spoilt.
 */

__extension__ typedef unsigned __int128 uint128;

/* ---- which blocks ---- */

/* Blocks of a thread that touch each other in time. */
struct cluster {
    uint64_t reach_ticks; /* where those so far end */
    uint32_t first, last; /* steps; `last`: of all clusters */
    uint32_t source;      /* of the block that reaches there */
    bool begun, shared;
};

static struct copy_part *step_part(const struct trace_copy *c, size_t step)
{
    const struct copy_source *s = &c->sources[c->steps[step].source];

    return &s->parts[trace_thread_place(s->trace, copy_step_entry(c, step)->thread)];
}

static uint32_t place_of(struct trace_copy *c, size_t step)
{
    uint32_t number =
        copy_thread_number(&c->sources[c->steps[step].source], copy_step_entry(c, step)->thread);

    return copy_thread_of(c, number) ? number_map_find(&c->thread_places, number) : NUMBER_MAP_NONE;
}

/* Do inputs have the same times of the same threads? */
static bool any_overlap(struct trace_copy *c, struct cluster *latest)
{
    bool found = false;

    for (size_t i = 0; i < c->step_count && !found; i++) {
        const struct index_entry *entry = copy_step_entry(c, i);
        struct cluster *last = &latest[place_of(c, i)];

        found = entry->first_ticks < last->reach_ticks && c->steps[i].source != last->source;
        if (entry->last_ticks >= last->reach_ticks) {
            last->reach_ticks = entry->last_ticks;
            last->source = c->steps[i].source;
        }
    }
    return found;
}

static void cluster_share(struct trace_copy *c, struct cluster *cluster)
{
    cluster->shared = true;
    for (uint32_t i = cluster->first; i != COPY_STEP_NONE; i = c->links[i].next)
        c->links[i].shared = true;
}

static void step_link(struct trace_copy *c, uint32_t step, struct cluster *cluster)
{
    const struct index_entry *entry = copy_step_entry(c, step);
    struct copy_link *link = &c->links[step];
    struct copy_part *part = step_part(c, step);

    *link =
        (struct copy_link){.next = COPY_STEP_NONE, .before = part->last, .behind = COPY_STEP_NONE};
    if (part->last != COPY_STEP_NONE)
        c->links[part->last].behind = step;
    part->last = step;
    if (cluster->last != COPY_STEP_NONE)
        c->links[cluster->last].next = step;
    cluster->last = step;
    if (!cluster->begun || entry->first_ticks > cluster->reach_ticks) {
        cluster->begun = true;
        cluster->shared = false;
        cluster->first = step;
        cluster->source = c->steps[step].source;
        cluster->reach_ticks = 0;
    }
    if (entry->last_ticks > cluster->reach_ticks)
        cluster->reach_ticks = entry->last_ticks;
    link->shared = cluster->shared;
    if (!cluster->shared && c->steps[step].source != cluster->source)
        cluster_share(c, cluster);
}

static void parts_clear(struct trace_copy *c)
{
    for (size_t i = 0; i < c->source_count; i++)
        for (size_t k = 0; k <= c->sources[i].trace->threads.count; k++)
            c->sources[i].parts[k].last = COPY_STEP_NONE;
}

static int links_make(struct trace_copy *c, struct cluster *clusters)
{
    if (c->step_count >= COPY_STEP_NONE)
        return copy_fail(c, -E2BIG, "the files have more blocks than can be held against another");
    c->links = malloc((c->step_count + 1) * sizeof(*c->links));
    if (!c->links)
        return -ENOMEM;
    for (size_t i = 0; i < c->threads.count; i++)
        clusters[i] = (struct cluster){.last = COPY_STEP_NONE};
    parts_clear(c);
    for (size_t i = 0; i < c->step_count; i++)
        step_link(c, (uint32_t)i, &clusters[place_of(c, i)]);
    parts_clear(c);
    return 0;
}

int copy_overlap_look(struct trace_copy *c)
{
    struct cluster *clusters;
    int status = 0;

    for (size_t i = 0; i < c->step_count; i++)
        if (place_of(c, i) == NUMBER_MAP_NONE)
            return -ENOMEM;
    clusters = calloc(c->threads.count + 1, sizeof(*clusters));
    if (!clusters)
        return -ENOMEM;
    if (any_overlap(c, clusters))
        status = links_make(c, clusters);
    free(clusters);
    return status;
}

bool copy_is_shared(const struct trace_copy *c, size_t step)
{
    return c->links && c->links[step].shared;
}

/* ---- the same block ---- */

static const struct index_entry *entry_of(const struct copy_thread *thread)
{
    return &thread->source->trace->blocks.entries[thread->place];
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

/* What is damaged here may be whole elsewhere: that comes behind. */
static bool gaps_are_damage(const struct byte_buffer *content, const struct block_header *header)
{
    uint64_t bytes = BLOCK_DATA_BYTES + (uint64_t)header->gaps * BLOCK_GAP_BYTES;

    for (uint64_t at = BLOCK_DATA_BYTES; at < bytes && bytes <= content->size;
         at += BLOCK_GAP_BYTES) {
        uint32_t kind = le32_load(content->bytes + at + 4);

        if (kind != TRACE_GAP_DROPPED && kind != TRACE_GAP_OVERWRITTEN)
            return true;
    }
    return false;
}

/* Damaged: that is found out in its turn. */
static uint64_t resume_guess(const struct copy_source *s, size_t place)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];

    if (!copy_front_is_lost(s, place))
        return entry->first_ticks;
    return entry->last_ticks + (entry->last_ticks < UINT64_MAX); /* behind what others have */
}

uint64_t copy_resume_ticks(struct copy_source *s, size_t place)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    struct block_loader *loader = &s->trace->loader;
    struct block_header header;
    enum block_fault fault;
    uint64_t base;

    if (trace_header_read(s->trace, entry->offset, &header) != 0)
        return resume_guess(s, place);
    if (header.gaps == 0)
        return entry->first_ticks;
    if (trace_frame_load(s->trace, loader, entry, &header, &fault) != 0 ||
        loader->content.size < BLOCK_DATA_BYTES)
        return resume_guess(s, place);
    if (header.records == 0)
        return gaps_are_damage(&loader->content, &header) ? entry->first_ticks : entry->last_ticks;
    base = le64_load(loader->content.bytes + 12);
    return base < entry->first_ticks || base > entry->last_ticks ? entry->first_ticks : base;
}

/* ---- what is missing ---- */

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
    if (position < skip || (before && gap_is_in(before, gap)))
        return false;
    if (gap->kind == TRACE_GAP_OVERWRITTEN && skip == 0 && gap->first_ticks < thread->last_ticks)
        return gap_shrink(gap, thread);
    return true;
}

/* The thread's last block, as far as it can be read again. NULL: no gaps of it are known. */
static int block_before(struct trace_copy *c, const struct copy_thread *thread,
                        const struct trace_block **before)
{
    int status;

    *before = NULL;
    if (!thread->source)
        return 0;
    status = trace_block_load(thread->source->trace, thread->place, &thread->source->wish,
                              &c->reference);
    if (status == 0)
        *before = &c->reference.block;
    return status == -EBADMSG ? 0 : status;
}

/* The block's memory is the copy's own: trace_block only shows it as const. */
int copy_gaps_trim(struct trace_copy *c, struct copy_thread *thread, struct copy_part *part,
                   uint32_t skip)
{
    struct trace_block *block = &c->decoded.block;
    struct trace_gap *gaps = (struct trace_gap *)block->gaps;
    uint32_t *positions = (uint32_t *)block->gap_position, kept = 0, changed = 0;
    const struct trace_block *before;
    int status;

    if (block->gap_count == 0)
        return 0;
    status = block_before(c, thread, &before);
    if (status != 0)
        return status;
    for (uint32_t i = 0; i < block->gap_count; i++) {
        uint64_t records = gaps[i].records;

        /* What stood before all that the inputs so far have: there is no place for a gap. */
        if (gaps[i].kind == TRACE_GAP_OVERWRITTEN && positions[i] == 0 && skip &&
            part->last == COPY_STEP_NONE)
            copy_front_count(thread, part, records + skip, thread->known);
        if (!gap_is_new(&gaps[i], positions[i], skip, before, thread)) {
            changed = 1;
            continue;
        }
        changed |= gaps[i].records != records;
        if (gaps[i].first_ticks < thread->last_ticks)
            gaps[i].first_ticks = thread->last_ticks;
        if (gaps[i].last_ticks < gaps[i].first_ticks)
            gaps[i].last_ticks = gaps[i].first_ticks;
        gaps[kept] = gaps[i];
        positions[kept++] = positions[i];
    }
    block->gap_count = kept;
    return (int)changed;
}

/* ---- what is there ---- */

uint32_t copy_records_known(const struct trace_copy *c, const struct copy_thread *thread,
                            const struct copy_part *part)
{
    const struct trace_block *block = &c->decoded.block;
    uint64_t last = thread->record_ticks, seen;
    uint32_t at = 0;

    if (thread->tick_records == 0)
        return 0;
    while (at < block->records && block->ticks[at] < last)
        at++;
    seen = at == 0 && part->tick == last ? part->tick_records : 0;
    for (; at < block->records && block->ticks[at] == last && seen < thread->tick_records; at++)
        seen++;
    return at;
}

void copy_records_note(const struct trace_copy *c, struct copy_thread *thread,
                       struct copy_part *part, size_t step)
{
    const struct trace_block *block = &c->decoded.block;
    uint32_t same = 0;
    uint64_t last;

    part->last = (uint32_t)step;
    if (block->records == 0)
        return;
    last = block->ticks[block->records - 1];
    while (same < block->records && block->ticks[block->records - 1 - same] == last)
        same++;
    part->tick_records =
        same + (same == block->records && part->tick == last ? part->tick_records : 0);
    part->tick = last;
    if (thread->tick_records == 0 || last > thread->record_ticks ||
        (last == thread->record_ticks && part->tick_records > thread->tick_records)) {
        thread->record_ticks = last;
        thread->tick_records = part->tick_records;
    }
}
