/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "format/copy_state.h"

/*
 * A block that is damaged in one input can be whole in another, also in part, or damaged there as
 * well. How many of its records are stored is known before any of them is written: what other
 * inputs have of these ticks is looked at ahead. What is in none becomes a gap; it is told where
 * the first of them is missing, so it waits until the records before have been written.
 */

__extension__ typedef unsigned __int128 uint128;

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What other inputs have of a hole, in the order in which it will be written. */
struct cover {
    struct trace_gap hole;
    struct copy_extent extent; /* of the hole */
    uint64_t records;          /* of the hole, that others have */
    uint64_t ticks, count;     /* of the last of these: when, and how many then */
    uint64_t seen;             /* of those then, by `source` */
    uint32_t source;           /* that was looked at last */
    uint64_t from;             /* nothing is missing before */
    uint64_t run_from;         /* the last piece behind `from` without anything missing */
    uint32_t run_step;         /* where that ends, or what is before `from`; or COPY_STEP_NONE */
    bool begins;               /* others have the front of it */
    bool parted;               /* there is such a piece */
};

static const struct index_entry *entry_at(const struct trace_copy *c, size_t step)
{
    const struct copy_step *at = &c->steps[step];

    return &c->sources[at->source].trace->blocks.entries[at->place];
}

/* Nothing is missing between this block and the one before it of the same input. */
static bool step_follows(const struct trace_copy *c, size_t step)
{
    uint32_t before = c->links[step].before;

    return before != COPY_STEP_NONE && !entry_at(c, before)->damaged &&
           entry_at(c, before)->records;
}

/* ... nor behind it, up to the hole's end. */
static bool step_passes(const struct trace_copy *c, uint32_t step, uint64_t ticks)
{
    uint32_t behind = step == COPY_STEP_NONE ? COPY_STEP_NONE : c->links[step].behind;

    if (step == COPY_STEP_NONE)
        return false;
    return entry_at(c, step)->last_ticks > ticks ||
           (behind != COPY_STEP_NONE && !entry_at(c, behind)->damaged &&
            entry_at(c, behind)->records);
}

/* The k-th record of one input at some ticks is that of every other. */
static void cover_records(struct cover *v, const struct trace_block *block, uint32_t source)
{
    if (v->source != source)
        v->seen = 0;
    v->source = source;
    for (uint32_t i = 0; i < block->records && block->ticks[i] <= v->hole.last_ticks; i++) {
        uint64_t ticks = block->ticks[i];

        if (ticks < v->hole.first_ticks || ticks < v->ticks)
            continue;
        if (ticks > v->ticks) {
            v->ticks = ticks;
            v->count = v->seen = 0;
        }
        if (++v->seen > v->count) {
            v->count = v->seen;
            v->records++;
        }
    }
}

static void cover_add(struct cover *v, const struct trace_copy *c, uint32_t step)
{
    const struct trace_block *block = &c->reference.block;
    uint64_t from, to = entry_at(c, step)->last_ticks;

    if (block->records == 0)
        return;
    from = step_follows(c, step) ? entry_at(c, c->links[step].before)->last_ticks : block->ticks[0];
    cover_records(v, block, c->steps[step].source);
    if (!v->parted && (from <= v->from || from <= v->hole.first_ticks)) {
        if (to >= v->from) {
            v->from = to;
            v->begins = true;
            v->run_step = step;
        }
    } else if (!v->parted || from > entry_at(c, v->run_step)->last_ticks) {
        v->parted = true;
        v->run_from = block->ticks[0];
        v->run_step = step;
    } else if (to >= entry_at(c, v->run_step)->last_ticks) {
        v->run_step = step;
    }
}

/* ---- which blocks have something of it ---- */

static int cover_step(struct trace_copy *c, struct cover *v, uint32_t step)
{
    const struct copy_step *at = &c->steps[step];
    struct copy_source *s = &c->sources[at->source];
    int status = trace_block_load(s->trace, at->place, &s->wish, &c->reference);

    if (status == 0)
        cover_add(v, c, step);
    return status == -EBADMSG ? 0 : status;
}

/* The first block of an input, from step `least` on, of those that are written and reach so far. */
static uint32_t step_written(const struct trace_copy *c, uint32_t last, uint32_t least,
                             uint64_t ticks)
{
    enum { LOOKS_MAX = 16 }; /* a moment is in few blocks of one input */
    uint32_t found = COPY_STEP_NONE;

    for (int i = 0; i < LOOKS_MAX && last != COPY_STEP_NONE && last >= least &&
                    entry_at(c, last)->last_ticks >= ticks;
         i++) {
        found = last;
        last = c->links[last].before;
    }
    return found;
}

/* What other inputs have already, in the order of the steps. */
static int cover_behind(struct trace_copy *c, struct cover *v, size_t step)
{
    uint32_t own = c->steps[step].source, least = 0;
    int status = 0;

    while (status == 0) {
        uint32_t next = COPY_STEP_NONE;

        for (uint32_t i = 0; i < c->source_count; i++) {
            const struct copy_source *s = &c->sources[i];
            uint32_t place = i == own || s->family != c->sources[own].family
                                 ? NUMBER_MAP_NONE
                                 : trace_thread_place(s->trace, entry_at(c, step)->thread);
            uint32_t found = place == NUMBER_MAP_NONE ? COPY_STEP_NONE
                                                      : step_written(c, s->parts[place].last, least,
                                                                     v->hole.first_ticks);

            next = found < next ? found : next;
        }
        if (next == COPY_STEP_NONE)
            break;
        status = cover_step(c, v, next);
        least = next + 1;
    }
    return status;
}

/* The blocks to come, up to the hole's end. */
static int cover_ahead(struct trace_copy *c, struct cover *v, size_t step)
{
    const struct copy_source *own = &c->sources[c->steps[step].source];
    uint64_t end = copy_ticks(&own->clock, v->hole.last_ticks);
    int status = 0;

    for (uint32_t i = c->links[step].next;
         i != COPY_STEP_NONE && status == 0 && c->steps[i].key <= end; i = c->links[i].next)
        if (c->steps[i].source != c->steps[step].source && entry_at(c, i)->records)
            status = cover_step(c, v, i);
    return status;
}

/* ---- from one good block of an input to its next ---- */

/* Damaged blocks that follow upon it at the same ticks: nobody can tell whose records are whose. */
static int hole_widen(struct trace_copy *c, struct trace_gap *hole, size_t step, uint32_t *behind)
{
    *behind = c->links[step].behind;
    while (*behind != COPY_STEP_NONE && entry_at(c, *behind)->first_ticks <= hole->last_ticks) {
        const struct copy_step *at = &c->steps[*behind];
        struct copy_source *s = &c->sources[at->source];
        int status = trace_block_load(s->trace, at->place, &s->wish, &c->reference);

        if (status != -EBADMSG)
            return status;
        hole->records += entry_at(c, *behind)->records;
        if (entry_at(c, *behind)->last_ticks > hole->last_ticks)
            hole->last_ticks = entry_at(c, *behind)->last_ticks;
        c->links[*behind].told = true;
        *behind = c->links[*behind].behind;
    }
    return 0;
}

/* Records at the front of a block at these ticks. */
static int ties_count(struct trace_copy *c, uint32_t step, uint64_t ticks, uint64_t *ties)
{
    const struct copy_step *at = &c->steps[step];
    struct copy_source *s = &c->sources[at->source];
    int status;

    *ties = 0;
    if (entry_at(c, step)->first_ticks > ticks)
        return 0;
    status = trace_block_load(s->trace, at->place, &s->wish, &c->reference);
    while (status == 0 && *ties < c->reference.block.records &&
           c->reference.block.ticks[*ties] <= ticks)
        ++*ties;
    return status == -EBADMSG ? 0 : status;
}

/* The moment in which the hole ends may go on behind it, in the input's next good block: that has
 * what the hole has not, where others have all before, and else the last of what they have. */
static int moment_part(struct trace_copy *c, struct cover *v, uint32_t behind,
                       struct copy_part *part)
{
    uint64_t others = v->ticks == v->hole.last_ticks ? v->count : 0, ties, own;
    int status = ties_count(c, behind, v->hole.last_ticks, &ties);

    if (v->begins && !v->parted && v->from >= v->hole.last_ticks) {
        own = v->hole.records + others - lesser(v->records, v->hole.records + others);
        ties = others - lesser(own, others);
    } else if (!step_passes(c, v->run_step, v->hole.last_ticks) &&
               (v->run_step == COPY_STEP_NONE || c->links[v->run_step].behind != COPY_STEP_NONE)) {
        ties = 0; /* the others break off there: they have its beginning */
    }
    ties = lesser(ties, others);
    v->records -= lesser(ties, v->records);
    part->tick = v->hole.last_ticks;
    part->tick_records = others - ties;
    return status;
}

static int cover_make(struct trace_copy *c, struct cover *v, size_t step, struct copy_part *part)
{
    uint32_t behind;
    int status = hole_widen(c, &v->hole, step, &behind);

    if (behind != COPY_STEP_NONE && entry_at(c, behind)->first_ticks < v->hole.last_ticks)
        v->hole.last_ticks = entry_at(c, behind)->first_ticks;
    v->extent = (struct copy_extent){v->hole.first_ticks, v->hole.last_ticks, v->hole.first_ticks,
                                     v->hole.last_ticks};
    if (step_follows(c, step))
        v->extent.from = entry_at(c, c->links[step].before)->last_ticks;
    if (behind != COPY_STEP_NONE && !entry_at(c, behind)->damaged)
        v->extent.to = entry_at(c, behind)->first_ticks;
    v->source = v->run_step = COPY_STEP_NONE;
    v->from = v->hole.first_ticks;
    if (part->tick_records && part->tick == v->hole.first_ticks) {
        v->ticks = part->tick;
        v->count = part->tick_records;
    }
    if (status == 0)
        status = cover_behind(c, v, step);
    if (status == 0)
        status = cover_ahead(c, v, step);
    part->tick_records = 0;
    if (status != 0 || behind == COPY_STEP_NONE || entry_at(c, behind)->damaged)
        return status;
    return moment_part(c, v, behind, part);
}

/* How many of the hole's records are in no other input, and where. */
static uint64_t cover_rest(const struct trace_copy *c, const struct cover *v,
                           struct copy_extent *rest)
{
    bool passes = step_passes(c, v->run_step, v->hole.last_ticks);

    *rest = v->extent;
    if (v->begins) {
        rest->from = v->from;
        rest->first_ticks = greater(v->from + 1, rest->first_ticks);
    }
    if (passes && v->parted) {
        rest->to = v->run_from;
        rest->last_ticks = lesser(v->run_from - 1, rest->last_ticks);
    }
    rest->last_ticks = greater(rest->last_ticks, rest->first_ticks);
    if (passes && !v->parted)
        return 0;
    return v->hole.records - lesser(v->records, v->hole.records);
}

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
    return status ? status : trace_stream_gap(thread->stream, &gap);
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

static int hole_add(struct trace_copy *c, struct copy_thread *thread, const struct copy_source *s,
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

/* ---- a flight recorder's first block ---- */

bool copy_front_is_lost(const struct copy_source *s, size_t place)
{
    const struct index_entry *entry = &s->trace->blocks.entries[place];
    const struct trace_ledger *ledger = trace_ledger_of(s->trace, entry->thread);
    struct block_header header;

    return ledger && ledger->overwritten + ledger->dropped && s->trace->about.policy &&
           strncmp(s->trace->about.policy, "flight", 6) == 0 &&
           (trace_header_read(s->trace, entry->offset, &header) != 0 || header.gaps);
}

void copy_front_count(struct copy_thread *thread, struct copy_part *part, uint64_t let_go,
                      uint64_t known)
{
    part->let_go = let_go > known ? let_go - known : 0;
    part->trimmed |= part->let_go != let_go;
    thread->known += part->let_go;
}

/* Records that are written, of later ticks. */
static int records_behind(struct trace_copy *c, const struct copy_thread *thread, uint64_t ticks,
                          uint64_t *count)
{
    const struct trace_block *block = &c->reference.block;
    int status;

    *count = 0;
    if (!thread->source || thread->last_ticks <= ticks)
        return 0;
    status = trace_block_load(thread->source->trace, thread->place, &thread->source->wish,
                              &c->reference);
    while (status == 0 && *count < block->records &&
           block->ticks[block->records - 1 - *count] > ticks)
        ++*count;
    return status == -EBADMSG ? 0 : status;
}

static void damage_count(struct trace_copy *c, const struct index_entry *entry,
                         struct copy_part *part, uint64_t records, uint64_t of)
{
    part->damaged += records;
    part->trimmed |= records != of;
    c->figures->blocks_damaged += entry->damaged && records;
    c->figures->blocks_twice += entry->damaged && !records;
}

/*
 * A flight recorder's first block: its ticks begin where the thread did, so nobody knows where its
 * first record stood; but where the last one did, and how many there were before the first. It
 * comes behind what others have up to there. What its gap told of, the ledger does.
 */
static int front_run(struct trace_copy *c, size_t step, struct copy_thread *thread,
                     struct copy_part *part, const struct trace_gap *missing)
{
    const struct copy_source *s = &c->sources[c->steps[step].source];
    const struct index_entry *entry = entry_at(c, step);
    uint64_t let_go = trace_ledger_of(s->trace, entry->thread)->overwritten;
    struct copy_extent extent = {0};
    struct cover v = {.hole = *missing};
    uint64_t behind, known, have, rest;
    int status;

    v.hole.first_ticks = missing->last_ticks;
    status = cover_make(c, &v, step, part); /* for the moment in which it ends */
    if (status == 0)
        status = records_behind(c, thread, v.hole.last_ticks, &behind);
    if (status != 0)
        return status;
    known = thread->known - behind;
    have = known > let_go ? known - let_go : 0;
    if (thread->record_ticks >= v.hole.last_ticks && thread->run > behind + have)
        have = thread->run - behind; /* those that come last of what others have */
    rest = v.hole.records - lesser(have, v.hole.records);
    copy_front_count(thread, part, let_go + v.hole.records, known + rest);
    damage_count(c, entry, part, rest, v.hole.records);
    extent.to = extent.last_ticks = v.hole.last_ticks;
    extent.from = extent.first_ticks = lesser(thread->record_ticks, v.hole.last_ticks);
    return rest ? hole_add(c, thread, s, &extent, rest) : 0;
}

int copy_hole_open(struct trace_copy *c, size_t step, const struct trace_gap *missing)
{
    struct copy_source *s = &c->sources[c->steps[step].source];
    const struct index_entry *entry = entry_at(c, step);
    struct copy_thread *thread = copy_thread_of(c, copy_thread_number(s, entry->thread));
    struct copy_part *part = &s->parts[trace_thread_place(s->trace, entry->thread)];
    struct cover v = {.hole = *missing};
    struct copy_extent where;
    uint64_t rest, added;
    int status;

    if (c->links[step].told)
        return 0;
    if (entry->damaged && c->links[step].before == COPY_STEP_NONE &&
        copy_front_is_lost(s, c->steps[step].place))
        return front_run(c, step, thread, part, missing);
    status = cover_make(c, &v, step, part);
    if (status != 0)
        return status;
    rest = cover_rest(c, &v, &where);
    added = rest - rest_known(&thread->hole, &v.extent, &where, rest);
    damage_count(c, entry, part, added, v.hole.records);
    return rest ? hole_add(c, thread, s, &where, added) : 0;
}
