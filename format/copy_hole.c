/* SPDX-License-Identifier: Apache-2.0 */
#include "format/copy_hole.h"

/*
 * A block that is damaged in one input can be whole in another, also in part, or damaged there as
 * well. What is in none becomes a gap; it is told where the first of them is missing, so it waits
 * until the records before have been written.
 */

__extension__ typedef unsigned __int128 uint128;

/* ---- the gap ---- */

static int hole_write(struct trace_copy *c, struct copy_thread *thread, uint64_t before)
{
    struct copy_hole *hole = &thread->hole;
    struct trace_gap gap = {.kind = TRACE_GAP_DAMAGED,
                            .records = hole->records,
                            .first_ticks = hole->extent.first_ticks,
                            .last_ticks = hole->extent.last_ticks};
    int status = copy_stream_make(c, thread);

    if (gap.last_ticks > before)
        gap.last_ticks = before;
    if (gap.first_ticks < thread->last_ticks)
        gap.first_ticks = thread->last_ticks;
    if (gap.first_ticks > before)
        gap.first_ticks = before;
    if (gap.last_ticks < gap.first_ticks)
        gap.last_ticks = gap.first_ticks;
    if (gap.last_ticks > thread->last_ticks)
        thread->last_ticks = gap.last_ticks;
    gap.first_ticks = copy_ticks(&hole->of->clock, gap.first_ticks);
    gap.last_ticks = copy_ticks(&hole->of->clock, gap.last_ticks);
    hole->records = 0;
    return status ? status : trace_stream_gaps(thread->stream, &gap, 1);
}

int copy_hole_tell(struct trace_copy *c, struct copy_thread *thread, uint64_t ticks)
{
    if (thread->hole.records == 0 || ticks < thread->hole.extent.first_ticks)
        return 0;
    return hole_write(c, thread, ticks);
}

int copy_holes_end(struct trace_copy *c)
{
    struct copy_thread *threads = c->threads.rows;
    int status = 0;

    for (size_t i = 0; i < c->threads.count && status == 0; i++)
        status = copy_hole_tell(c, &threads[i], UINT64_MAX);
    return status;
}

/* ---- what several inputs miss ---- */

/* One tick more or less: either can begin and end in the middle of a moment. */
static bool is_within(const struct copy_extent *a, const struct copy_extent *b)
{
    return (a->from >= b->from || a->first_ticks + 1 >= b->first_ticks) &&
           (a->to <= b->to || a->last_ticks <= b->last_ticks + 1);
}

/* Of the rest, how many other inputs miss, too, and have told of. Exact where one has all of the
 * other's damage; else by the time that is common to both. */
static uint64_t rest_known(const struct copy_hole *hole, const struct copy_extent *damaged,
                           const struct copy_extent *rest, uint64_t records)
{
    uint64_t from = greater(hole->extent.first_ticks, rest->first_ticks);
    uint64_t to = lesser(hole->extent.last_ticks, rest->last_ticks);
    uint64_t common = lesser(hole->all, records), share;

    if (!hole->of || from > to + 1)
        return 0;
    if (is_within(rest, &hole->extent) || is_within(&hole->extent, damaged))
        return common;
    if (from >= to)
        return 0;
    share = (uint64_t)((uint128)records * (to - from) / (rest->last_ticks - rest->first_ticks));
    return lesser(common, share);
}

int hole_add(struct trace_copy *c, struct copy_thread *thread, const struct copy_source *s,
             const struct copy_extent *rest, uint64_t added)
{
    struct copy_hole *hole = &thread->hole;
    struct copy_extent *extent = &hole->extent;
    int status = 0;

    if (hole->of && rest->first_ticks > extent->last_ticks + 1) {
        status = copy_hole_tell(c, thread, rest->first_ticks);
        hole->of = NULL;
    }
    if (!hole->of)
        *hole = (struct copy_hole){.extent = *rest, .of = s};
    extent->from = lesser(extent->from, rest->from);
    extent->to = greater(extent->to, rest->to);
    extent->first_ticks = lesser(extent->first_ticks, rest->first_ticks);
    extent->last_ticks = greater(extent->last_ticks, rest->last_ticks);
    hole->records += added;
    hole->all += added;
    return status;
}

void hole_count(struct trace_copy *c, const struct index_entry *entry, struct copy_part *part,
                uint64_t records, uint64_t of)
{
    part->damaged += records;
    part->trimmed |= records != of;
    c->figures->blocks_damaged += entry->damaged && records;
    c->figures->blocks_twice += entry->damaged && !records;
}

int copy_hole_open(struct trace_copy *c, size_t step, const struct trace_gap *missing)
{
    struct copy_source *s = &c->sources[c->steps[step].source];
    const struct index_entry *entry = copy_step_entry(c, step);
    struct copy_thread *thread = copy_thread_of(c, copy_thread_number(s, entry->thread));
    struct copy_part *part = &s->parts[trace_thread_place(s->trace, entry->thread)];
    struct hole_cover v = {.hole = *missing};
    struct copy_extent where;
    uint64_t rest, added;
    int status;

    if (c->links[step].told)
        return 0;
    if (entry->damaged && c->links[step].before == COPY_STEP_NONE &&
        copy_front_is_lost(s, c->steps[step].place))
        return hole_front_open(c, step, thread, part, missing);
    status = hole_cover_make(c, &v, step, part);
    if (status != 0)
        return status;
    rest = hole_cover_rest(c, &v, &where);
    added = rest - rest_known(&thread->hole, &v.extent, &where, rest);
    hole_count(c, entry, part, added, v.hole.records);
    return rest ? hole_add(c, thread, s, &where, added) : 0;
}
