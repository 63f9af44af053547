/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in front of a record, and the account of it: a word that leads over bytes that are
 * left out, and a GAP record that tells of what was dropped. Producer only.
 *
 * A handler may come in anywhere and do the same, or leave us for ever. So what has to happen when
 * our words stand is planned first, with the figures as they will be, and whoever comes by settles
 * the plan: any number of times, for figures only grow. Who is about to plan marks `first` or
 * `gap`, and finds out by it that somebody else has made a plan meanwhile, or has begun one.
 */
#include "registry/ring_producer.h"

#include <string.h>

/* ---- drops ---- */

void ring_note_drop(struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t now = ring_writer_ticks(w);

    /* relaxed: all of this is ours, against handlers of this thread only; the drain reads it as a
     * live figure while we run, and exactly after the thread's death, which orders everything. */
    if (load_relaxed(&ring->dropped) == ring_told_before(w, load_relaxed(&w->reserve)).records)
        store_relaxed(&ring->untold_first_ticks, now);
    if (load_relaxed(&ring->untold_last_ticks) < now) /* else a handler has dropped since */
        store_relaxed(&ring->untold_last_ticks, now);
    ada_add_local(&ring->dropped_bytes, bytes);
    ada_add_local(&ring->dropped, 1);
    if (load_relaxed(&ring->untold_first_ticks) > now) /* the same: it took its own for the first */
        store_relaxed(&ring->untold_first_ticks, now);
    w->limit = 0; /* the next record that fits has to tell of this one: by the slow path */
}

/* ---- what is left out ---- */

bool ring_plan_leap(struct ada_writer *w, const struct ring_layout *l, uint64_t *planned)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t left_out = l->first - l->start, mark;

    if (!left_out)
        return ada_cmpxchg_local(&w->plan.first, planned, l->start | RING_PLAN_NOTHING);
    mark = ring_plan_begun(w);
    if (!ada_cmpxchg_local(&w->plan.first, planned, mark))
        return false;
    w->plan.start = l->start;
    w->plan.front_bytes = load_relaxed(&ring->front_bytes) + left_out;
    w->plan.skipped_bytes =
        load_relaxed(&ring->skipped_bytes) + (ring_is_elastic(ring) ? left_out - 8 : 0);
    ADA_SIGNAL_FENCE();
    *planned = mark;
    return ada_cmpxchg_local(&w->plan.first, planned, l->first);
}

static void leap_settle(struct ada_writer *w)
{
    struct ring_shared *ring = ring_of(w);
    /* Before the plan: of one that is not claimed yet, a handler may go another way. */
    uint64_t reserve = load_relaxed(&w->reserve);
    struct ada_ring_plan plan;

    ADA_SIGNAL_FENCE();
    plan = w->plan;
    ADA_SIGNAL_FENCE();
    /* Behind what we leave out comes a record: so we have claimed it. */
    if ((plan.first & RING_PLAN_NOTHING) || load_relaxed(&w->plan.first) != plan.first ||
        (int64_t)(reserve - plan.first) <= 0)
        return;
    if (ring_is_elastic(ring) && (plan.first & w->mask) == 0)
        ring_figure_raise(&w->skip, plan.start);
    ring_figure_raise(&ring->skipped_bytes, plan.skipped_bytes);
    ring_figure_raise(&ring->front_bytes, plan.front_bytes);
    ADA_SIGNAL_FENCE();
    (void)ada_cmpxchg_local(&w->plan.first, &plan.first, plan.first | RING_PLAN_NOTHING);
}

/* ---- what is told ---- */

/* Set it to what `told` is. A handler that tells in between raises both: then once more. */
static void tells_follow(uint64_t *tells, const uint64_t *told)
{
    uint64_t now = load_relaxed(tells);

    while (!ada_cmpxchg_local(tells, &now, load_relaxed(told))) {}
}

/* Of those who were about to tell nobody will: what stands is told, and the rest is to be. */
static void tells_reset(struct ada_writer *w)
{
    tells_follow(&w->tells, &ring_of(w)->told);
    tells_follow(&w->tells_bytes, &ring_of(w)->told_bytes);
}

bool ring_tell_begin(struct ada_writer *w, const struct ring_layout *l)
{
    /* Who comes before our claim tells himself, and says so. */
    w->limit = 0;
    /* Whom we interrupt has claimed his place: it counts as told. */
    ring_figure_raise(&w->tells, l->told);
    ring_figure_raise(&w->tells_bytes, l->told_bytes);
    ADA_SIGNAL_FENCE();
    w->telling = 0;
    ADA_SIGNAL_FENCE();
    w->tell_to = l->dropped;
    w->tell_to_bytes = l->dropped_bytes;
    ADA_SIGNAL_FENCE();
    /* A handler that has claimed since would count for one behind us. */
    if (load_relaxed(&w->reserve) == l->start)
        w->telling = l->end;
    ADA_SIGNAL_FENCE();
    if (load_relaxed(&w->reserve) == l->start)
        return true;
    w->telling = 0;
    return false;
}

bool ring_tell_anew(struct ada_writer *w, const struct ring_layout *l)
{
    uint64_t telling = w->telling;

    if (l->nested || l->told == load_relaxed(&ring_of(w)->told) ||
        load_relaxed(&w->reserve) != l->start)
        return false;
    if (telling && (int64_t)(telling - l->start) > 0) /* is about to claim: ours comes first */
        return false;
    tells_reset(w);
    (void)ada_cmpxchg_local(&w->telling, &telling, 0); /* unless a handler is about to */
    return true;
}

static struct ada_record_gap gap_of(const struct ada_writer *w, const struct ring_layout *l,
                                    uint64_t ticks)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_record_gap gap = {
        .records = l->dropped - l->told,
        .bytes = l->dropped_bytes - l->told_bytes,
        .first_ticks = load_relaxed(&ring->untold_first_ticks),
        .last_ticks = load_relaxed(&ring->untold_last_ticks),
    };

    /* A handler may have dropped since our time was read, and before it wrote in front of us: the
     * ring is in the order of time. */
    if (gap.last_ticks > ticks)
        gap.last_ticks = ticks;
    if (gap.first_ticks < l->told_ticks)
        gap.first_ticks = l->told_ticks;
    if (gap.first_ticks > ticks)
        gap.first_ticks = ticks;
    if (gap.last_ticks < gap.first_ticks)
        gap.last_ticks = gap.first_ticks;
    return gap;
}

/* Once it is planned it stands: whoever comes by writes the word, and no jump out of a handler
 * takes it back. Unless one who thought that its writer had been left has given it up. */
static void gap_settle(struct ada_writer *w)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_ring_plan plan = w->plan;
    uint64_t *word;

    ADA_SIGNAL_FENCE();
    if ((plan.gap & RING_PLAN_NOTHING) || load_relaxed(&w->plan.gap) != plan.gap)
        return;
    word = ring_word_at(w, plan.gap);
    if (ada_cmpxchg_local(word, &plan.gap_claimed, plan.gap_word) ||
        plan.gap_claimed == plan.gap_word) {
        ring_figure_raise(&ring->gap_bytes, plan.gap_bytes);
        ring_figure_raise(&ring->told_bytes, plan.told_bytes);
        ring_figure_raise(&ring->told, plan.told);
    } else {
        tells_reset(w);
    }
    ADA_SIGNAL_FENCE();
    (void)ada_cmpxchg_local(&w->plan.gap, &plan.gap, plan.gap | RING_PLAN_NOTHING);
}

/* False: a handler was faster. */
static bool gap_plan(struct ada_writer *w, const struct ring_layout *l,
                     const struct ada_record_gap *gap, uint64_t ticks)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t planned, mark = ring_plan_begun(w);

    gap_settle(w);
    planned = load_relaxed(&w->plan.gap);
    if (!(planned & RING_PLAN_NOTHING) || !ada_cmpxchg_local(&w->plan.gap, &planned, mark))
        return false;
    w->plan.gap_claimed = ring_claimed_word(w, ADA_RECORD_PENDING, l->first, l->end - l->first);
    w->plan.gap_word = ada_record_word(ada_record_tag(ADA_RECORD_GAP, RING_GAP_BYTES), ticks);
    w->plan.gap_bytes = load_relaxed(&ring->gap_bytes) + RING_GAP_BYTES;
    w->plan.told = load_relaxed(&ring->told) + gap->records;
    w->plan.told_bytes = load_relaxed(&ring->told_bytes) + gap->bytes;
    ADA_SIGNAL_FENCE();
    return ada_cmpxchg_local(&w->plan.gap, &mark, l->first);
}

void ring_tell(struct ada_writer *w, const struct ring_layout *l, uint64_t ticks)
{
    struct ada_record_gap gap = gap_of(w, l, ticks);
    uint64_t record = l->first + RING_GAP_BYTES;

    ring_figure_raise(&w->tells, l->dropped);
    ring_figure_raise(&w->tells_bytes, l->dropped_bytes);
    memcpy(ring_word_at(w, l->first) + 1, &gap, sizeof(gap));
    *ring_word_at(w, record) = ring_claimed_word(w, ADA_RECORD_PENDING, record, l->end - record);
    ADA_SIGNAL_FENCE();
    while (!gap_plan(w, l, &gap, ticks)) {}
    gap_settle(w);
    w->telling = 0;
}

/* ---- marks ---- */

void ring_mark(struct ada_writer *w, uint64_t at, const struct ring_in_front *front)
{
    struct ring_shared *ring = ring_of(w);
    struct ring_mark *mark = &ring->marks[at / ring->block_bytes % RING_BLOCKS];

    /* What is not known is left to whoever publishes us: who interrupted us may have done so. */
    if ((at & (ring->block_bytes - 1)) || front->written == RING_WRITTEN_UNKNOWN)
        return;
    /* Raised: a later lap's are larger, and handlers may come to one between any two of these.
     * relaxed: nobody needs it before the block is the oldest; announce_block() has the fences.
     * `index` last: we may be left before it. */
    ring_figure_raise(&mark->written, front->written);
    ring_figure_raise(&mark->told, front->told);
    ring_figure_raise(&mark->told_bytes, front->told_bytes);
    ADA_SIGNAL_FENCE();
    ring_figure_raise(&mark->index, at);
}

/* ---- leaps and what is told ---- */

void ring_plan_settle(struct ada_writer *w)
{
    leap_settle(w);
    gap_settle(w);
    ring_commit_settle(w);
}

void ring_plan_end(struct ada_writer *w)
{
    ring_plan_settle(w);
    tells_reset(w);
    ADA_SIGNAL_FENCE();
    w->telling = 0;
}
