/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "format/copy_hole.h"

/*
 * How many of a hole's records are stored is known before any of them is written: what other inputs
 * have of these ticks is looked at ahead. Those that they have already were written before; blocks
 * to come are read twice.
 */

/* Nothing is missing between this block and the one before it of the same input. */
static bool step_follows(const struct trace_copy *c, size_t step)
{
    uint32_t before = c->links[step].before;

    return before != COPY_STEP_NONE && !copy_step_entry(c, before)->damaged &&
           copy_step_entry(c, before)->records;
}

/* ... nor behind it, up to the hole's end. */
static bool step_passes(const struct trace_copy *c, uint32_t step, uint64_t ticks)
{
    uint32_t behind = step == COPY_STEP_NONE ? COPY_STEP_NONE : c->links[step].behind;

    if (step == COPY_STEP_NONE)
        return false;
    return copy_step_entry(c, step)->last_ticks > ticks ||
           (behind != COPY_STEP_NONE && !copy_step_entry(c, behind)->damaged &&
            copy_step_entry(c, behind)->records);
}

/* The k-th record of one input at some ticks is that of every other. */
static void cover_records(struct hole_cover *v, const struct trace_block *block, uint32_t source)
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

static void cover_add(struct hole_cover *v, const struct trace_copy *c, uint32_t step)
{
    const struct trace_block *block = &c->reference.block;
    uint64_t from, to = copy_step_entry(c, step)->last_ticks;

    if (block->records == 0)
        return;
    from = step_follows(c, step) ? copy_step_entry(c, c->links[step].before)->last_ticks
                                 : block->ticks[0];
    cover_records(v, block, c->steps[step].source);
    if (!v->parted && (from <= v->from || from <= v->hole.first_ticks)) {
        if (to >= v->from) {
            v->from = to;
            v->begins = true;
            v->run_step = step;
        }
    } else if (!v->parted || from > copy_step_entry(c, v->run_step)->last_ticks) {
        v->parted = true;
        v->run_from = block->ticks[0];
        v->run_step = step;
    } else if (to >= copy_step_entry(c, v->run_step)->last_ticks) {
        v->run_step = step;
    }
}

/* ---- which blocks have something of it ---- */

static int cover_step(struct trace_copy *c, struct hole_cover *v, uint32_t step)
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
                    copy_step_entry(c, last)->last_ticks >= ticks;
         i++) {
        found = last;
        last = c->links[last].before;
    }
    return found;
}

/* What other inputs have already, in the order of the steps. */
static int cover_behind(struct trace_copy *c, struct hole_cover *v, size_t step)
{
    uint32_t own = c->steps[step].source, least = 0;
    int status = 0;

    while (status == 0) {
        uint32_t next = COPY_STEP_NONE;

        for (uint32_t i = 0; i < c->source_count; i++) {
            const struct copy_source *s = &c->sources[i];
            uint32_t place = i == own || s->family != c->sources[own].family
                                 ? NUMBER_MAP_NONE
                                 : trace_thread_place(s->trace, copy_step_entry(c, step)->thread);
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
static int cover_ahead(struct trace_copy *c, struct hole_cover *v, size_t step)
{
    const struct copy_source *own = &c->sources[c->steps[step].source];
    uint64_t end = copy_ticks(&own->clock, v->hole.last_ticks);
    int status = 0;

    for (uint32_t i = c->links[step].next;
         i != COPY_STEP_NONE && status == 0 && c->steps[i].key <= end; i = c->links[i].next)
        if (c->steps[i].source != c->steps[step].source && copy_step_entry(c, i)->records)
            status = cover_step(c, v, i);
    return status;
}

/* ---- from one good block of an input to its next ---- */

/* Damaged blocks that follow upon it at the same ticks: nobody can tell whose records are whose. */
static int hole_widen(struct trace_copy *c, struct trace_gap *hole, size_t step, uint32_t *behind)
{
    *behind = c->links[step].behind;
    while (*behind != COPY_STEP_NONE &&
           copy_step_entry(c, *behind)->first_ticks <= hole->last_ticks) {
        const struct copy_step *at = &c->steps[*behind];
        struct copy_source *s = &c->sources[at->source];
        int status = trace_block_load(s->trace, at->place, &s->wish, &c->reference);

        if (status != -EBADMSG)
            return status;
        hole->records += copy_step_entry(c, *behind)->records;
        if (copy_step_entry(c, *behind)->last_ticks > hole->last_ticks)
            hole->last_ticks = copy_step_entry(c, *behind)->last_ticks;
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
    if (copy_step_entry(c, step)->first_ticks > ticks)
        return 0;
    status = trace_block_load(s->trace, at->place, &s->wish, &c->reference);
    while (status == 0 && *ties < c->reference.block.records &&
           c->reference.block.ticks[*ties] <= ticks)
        ++*ties;
    return status == -EBADMSG ? 0 : status;
}

/* The moment in which the hole ends may go on behind it, in the input's next good block: that has
 * what the hole has not, where others have all before, and else the last of what they have. */
static int moment_part(struct trace_copy *c, struct hole_cover *v, uint32_t behind,
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

int hole_cover_make(struct trace_copy *c, struct hole_cover *v, size_t step, struct copy_part *part)
{
    uint32_t behind;
    int status = hole_widen(c, &v->hole, step, &behind);

    if (behind != COPY_STEP_NONE && copy_step_entry(c, behind)->first_ticks < v->hole.last_ticks)
        v->hole.last_ticks = copy_step_entry(c, behind)->first_ticks;
    v->extent = (struct copy_extent){v->hole.first_ticks, v->hole.last_ticks, v->hole.first_ticks,
                                     v->hole.last_ticks};
    if (step_follows(c, step))
        v->extent.from = copy_step_entry(c, c->links[step].before)->last_ticks;
    if (behind != COPY_STEP_NONE && !copy_step_entry(c, behind)->damaged)
        v->extent.to = copy_step_entry(c, behind)->first_ticks;
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
    if (status != 0 || behind == COPY_STEP_NONE || copy_step_entry(c, behind)->damaged)
        return status;
    return moment_part(c, v, behind, part);
}

uint64_t hole_cover_rest(const struct trace_copy *c, const struct hole_cover *v,
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
