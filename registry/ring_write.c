/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer's slow half; its fast half is inlined from adatrace/emit.h. docs/MEMORY-MODEL.md
 * draws every edge.
 */
#include <string.h>

#include "base/crash_point.h"
#include "registry/bell.h"
#include "registry/ring_away.h"
#include "registry/ring_producer.h"
#include "registry/ring_wait.h"

void ring_writer_init(struct ada_writer *w, struct ring_shared *ring, bool fast)
{
    /* Fast path off until everything else is in place: a handler may emit at any moment. */
    w->limit = 0;
    ADA_SIGNAL_FENCE();
    w->front = &ring->front;
    w->data = ring_data(ring);
    w->mask = ring->capacity - 1;
    w->reserve = load_relaxed(&ring->front.head); /* relaxed: we are its only writer */
    w->outer = w->outer_start = w->stalled_tail = w->been = 0;
    w->slow_start = 1; /* nowhere */
    w->slow_end = w->reserve;
    w->foot = w->foot_end = w->reserve - 8; /* nowhere */
    w->skip = w->touched = 0;
    w->bell = NULL;
    w->life = NULL;
    w->clocked = !fast;
    memset(&w->plan, 0, sizeof(w->plan));
    memset(&w->commit, 0, sizeof(w->commit));
    memset(w->given_up, 0, sizeof(w->given_up));
    w->given_ups = 0;
    w->plan.first = w->plan.gap = w->commit.at = RING_PLAN_NOTHING;
    w->tells = load_relaxed(&ring->told); /* relaxed: ours, as head is */
    w->tells_bytes = load_relaxed(&ring->told_bytes);
    w->telling = w->tell_to = w->tell_to_bytes = w->tell_ticks = 0;
    w->twins = 0;
    ADA_SIGNAL_FENCE();
    w->ring = ring; /* last: it says that the writer can be used */
}

/* Policy overwrite: tell readers which bytes are about to change, before any of them does. */
static void announce_block(struct ada_writer *w, uint64_t first)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t end = (first | (ring->block_bytes - 1)) + 1; /* of the whole block */

    if (load_relaxed(&ring->policy) != RING_OVERWRITE || end <= load_relaxed(&ring->intent))
        return;
    /* Lap. Release fence: that head has come to the oldest block that is left, and its mark, are
     * visible before intent. Pairs with the acquire fence in find_feet(). */
    fence_release();
    ring_figure_raise(&ring->intent, end); /* a handler may have announced more since */
    /* Intent. Release fence: intent is visible before the bytes that follow. Pairs with the acquire
     * fence behind the copy in copy_block(). */
    fence_release();
}

/* What stands in front of the record, and the record's block, once both are claimed. */
static void fill_front(struct ada_writer *w, const struct ring_layout *l, uint64_t ticks)
{
    const struct ring_in_front front = {l->written, l->told, l->told_bytes};

    ring_plan_settle(w);
    if (l->gap)
        ring_tell(w, l, ticks);
    ring_mark(w, l->first, &front);
}

/* Wake a drain that sleeps long, if there is much for it to do. */
static void bell_ring_if_much(const struct ada_writer *w, const struct ring_layout *l)
{
    const struct ring_shared *ring = ring_of(w);
    uint64_t step = ring_is_elastic(ring) ? ring->step_bytes : ring->block_bytes;
    uint64_t much = step / 2 > ring->base_bytes / 8 ? step / 2 : ring->base_bytes / 8;

    if (!w->bell || ring_bytes_between(w, l->tail, l->end) < much)
        return;
    /* Bell. Full fence: what is published is visible before we look whether anybody sleeps. Pairs
     * with the fence in came_too_late(). */
    fence_seq_cst();
    bell_ring(w->bell);
}

static struct ada_record drop(struct ada_writer *w, uint64_t bytes)
{
    ring_note_drop(w, bytes);
    return (struct ada_record){.payload = NULL, .writer = w};
}

static struct ada_record take(struct ada_writer *w, const struct ring_layout *l, uint64_t limit,
                              uint32_t tag, uint64_t bytes, uint64_t ticks)
{
    struct ada_record record = {.writer = w, .end = l->end, .nested = l->nested};

    if (!l->nested)
        w->slow_start = l->start;
    ring_figure_raise(&w->slow_end, l->end);
    fill_front(w, l, ticks);
    CRASH_POINT("grow.filled");
    w->limit = limit;
    ADA_SIGNAL_FENCE();
    if (ring_untold(ring_of(w)) || !w->ring) /* a handler dropped between the two, or forked */
        w->limit = 0;
    bell_ring_if_much(w, l);
    ring_touch(w, limit & w->mask);
    record.header = (unsigned char *)ring_word_at(w, l->end - bytes);
    if (!w->ring) /* a handler forked, we are the child, the claim is our parent's */
        return (struct ada_record){.payload = NULL, .writer = w};
    record.payload = record.header + 8;
    record.word = ada_record_word(tag, ticks);
    if ((tag & 0xff) == ADA_RECORD_LARGE) {
        memcpy(record.payload, &bytes, 8);
        record.payload += 8;
    }
    return record;
}

/* PENDING, unlike any other: our word, and not one of a handler's. */
static uint64_t claim_word(struct ada_writer *w, uint64_t bytes)
{
    return ring_filler_word(ADA_RECORD_PENDING, bytes, ring_twin(w) << 1 | 1);
}

/*
 * Claim the bytes from start to end: first the words that lead over them, in the free space, so
 * that whoever walks behind us finds his way at any moment, then the index. False: a handler was
 * faster.
 */
static bool layout_claim(struct ada_writer *w, const struct ring_layout *l, uint64_t *ticks)
{
    uint64_t *word[2] = {ring_word_at(w, l->first), ring_word_at(w, l->start)}, start = l->start;
    uint64_t old[2] = {*word[0], *word[1]};
    uint64_t lead[2] = {claim_word(w, l->end - l->first),
                        ring_leave_out_word(w, l->first - l->start)};
    uint64_t planned = w->plan.first;
    int count = l->first == l->start ? 1 : 2, done = 0;

    ADA_SIGNAL_FENCE();
    /* Still free: then `old` is of an earlier lap. */
    if (load_relaxed(&w->reserve) != start || !ring_plan_leap(w, l, &planned))
        return false;
    *ticks = ring_writer_ticks(w);
    if (l->gap)
        w->tell_ticks = *ticks;
    while (done < count && ada_cmpxchg_local(word[done], &old[done], lead[done]))
        done++;
    if (done == count && ada_cmpxchg_local(&w->reserve, &start, l->end)) {
        /* Who finishes it does not know the number. */
        (void)ada_cmpxchg_local(
            word[0], &lead[0],
            ring_claimed_word(w, ADA_RECORD_PENDING, l->first, l->end - l->first));
        return true;
    }
    /* What we took for free may be a handler's that is just what lay there before: in the middle of
     * its payload, or its header word, where the clock has not moved for a lap. No `ring`: a
     * handler forked, we are the child, and these are our parent's. */
    while (w->ring && done-- > 0)
        (void)ada_cmpxchg_local(word[done], &lead[done], old[done]);
    return false;
}

/* What finds no room. True: there is some now. */
static bool wait_or_bury(struct ada_writer *w, const struct ring_layout *l, uint64_t bytes,
                         uint64_t sp)
{
    uint64_t head;

    if (w->bell)
        bell_ring(w->bell);
    /* Behind somebody who is there nobody waits. Behind who is gone: the reader comes to where he
     * begins, and then there is room for us and for what tells of him. */
    if ((!l->nested || ring_outer_is_gone(w, sp)) &&
        ring_wait_for_room(w, bytes + (l->nested ? RING_GAP_BYTES : 0)))
        return true;
    head = ring_head_settle(w);
    /* Handlers that fill much of a ring behind one unfinished record: more likely, its writer was
     * left in a way that we cannot see. Either way no thread stays silent for ever: of what is left
     * out at ends of laps, and a record's length, there is no more than the rest. */
    if (l->nested && (int64_t)(l->start - head) > 0 &&
        ring_bytes_behind_outer(w, head, l->start) > load_relaxed(&ring_of(w)->room) / 4 &&
        ring_away_has_room(w, l->tail))
        ring_bury_away(w, head);
    return false;
}

/* Is somebody who is taken for gone to be given up? Not where we have no room either and nothing
 * stands behind him: should he come back (his frame was on another stack), nothing in
 * ada_commit_fast() would tell him. He is in nobody's way: the reader comes to where he begins. */
static bool is_to_bury(const struct ada_writer *w, const struct ring_layout *l, uint64_t bytes,
                       uint64_t sp)
{
    uint64_t head = load_relaxed(&ring_front_of(w)->head);

    if (!l->nested || !ring_outer_is_gone(w, sp))
        return false;
    if ((int64_t)(l->start - head) <= 0) /* handlers came: nothing to bury, and all to lay out */
        return true;
    return ring_bytes_behind_outer(w, head, l->start) ||
           ring_layout_for(w, bytes + RING_GAP_BYTES).fits; /* which tells of him */
}

struct ada_record ring_reserve_slow(struct ada_writer *w, uint32_t tag, uint64_t bytes, uint64_t sp)
{
    if (bytes > ring_record_max(ring_of(w)))
        return drop(w, bytes);
    for (;;) {
        struct ring_layout l;
        uint64_t ticks, limit;

        ring_head_settle(w);
        ring_note_find(w);
        ring_plan_settle(w); /* of the one whom we interrupt: we may have a plan, too */
        l = ring_layout_for(w, bytes);
        if (is_to_bury(w, &l, bytes, sp)) {
            ring_bury_outer(w);
            continue;
        }
        if (ring_tell_anew(w, &l))
            continue;
        /* A handler came while we looked: head and tail may be beyond what we took for the end. */
        if (!l.fits && load_relaxed(&w->reserve) != l.start)
            continue;
        if (!l.nested) /* also when it does not fit: the fast path's note may be of two records */
            ring_figure_raise(&w->been, l.start);
        if (!l.fits) {
            if (wait_or_bury(w, &l, bytes, sp))
                continue;
            return drop(w, bytes);
        }
        limit = ring_limit_for(w, l.end);
        if (ring_is_elastic(ring_of(w)) && !ring_reach(w, &l, limit))
            continue;
        CRASH_POINT("grow.reached");
        announce_block(w, l.first);
        if (load_relaxed(&w->reserve) != l.start) /* a handler's note, if there is one, is right */
            continue;
        if (l.nested) {
            ring_note_keep(w, l.start);
        } else {
            w->outer = ada_writer_outer(sp, 0);
            w->outer_start = l.start;
            w->outer_written = load_relaxed(&ring_front_of(w)->written); /* relaxed: ours */
        }
        CRASH_POINT("grow.announced");
        /* Before the claim: who interrupts us behind it does not tell what we are about to. */
        if ((!l.gap || ring_tell_begin(w, &l)) && layout_claim(w, &l, &ticks))
            return take(w, &l, limit, tag, bytes, ticks);
        if (!l.nested) /* as in ada_reserve_fast() */
            w->outer = ada_writer_outer(sp, ADA_OUTER_LOST);
        if (l.gap)
            w->telling = 0;
    }
}

bool ring_reserve_at(struct ada_writer *w, uint32_t type, uint64_t payload_bytes, uint64_t sp,
                     struct ada_record *record)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    uint64_t at, claimed;

    *record = ring_reserve_slow(w, ada_record_tag(type, bytes), bytes, sp);
    if (!record->payload)
        return false;
    at = record->end - bytes;
    claimed = ring_claimed_word(w, ADA_RECORD_PENDING, at, bytes);
    /* From here on our caller's: no frame's end gives it up. Unless handlers have done so since it
     * was claimed; then it is published as padding, and counted. */
    if (ring_is_given_up(w, record->end) || !w->ring ||
        !ada_cmpxchg_local((uint64_t *)(void *)record->header, &claimed,
                           ring_claimed_word(w, ADA_RECORD_HELD, at, bytes))) {
        record->payload = NULL;
        return false;
    }
    ADA_SIGNAL_FENCE();
    if (!record->nested)
        w->outer = 0;
    return true;
}

bool ring_reserve(struct ada_writer *w, uint32_t type, uint64_t payload_bytes,
                  struct ada_record *record)
{
    return ring_reserve_at(w, type, payload_bytes, ring_caller_sp(), record);
}

void ring_touch(struct ada_writer *w, uint64_t bytes)
{
    enum { PAGE_BYTES = 4096 }; /* the smallest there is */
    uint64_t there = load_relaxed(&ring_of(w)->touched_bytes);

    if (bytes > there)
        bytes = there;
    if (bytes > w->mask + 1)
        bytes = w->mask + 1;
    /* Reading is enough: where the kernel finds sixteen pages together it maps them all, and
     * writable. */
    for (; w->touched < bytes; w->touched += PAGE_BYTES)
        (void)load_relaxed((volatile unsigned char *)ring_word_at(w, w->touched));
}

bool ring_write(struct ada_writer *w, uint32_t type, const void *payload, uint64_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    uint32_t tag = ada_record_tag(type, bytes);
    struct ada_record record;

    if (bytes > ADA_RECORD_SMALL_MAX || !ada_reserve_fast(w, tag, bytes, &record))
        record = ring_reserve_slow(w, tag, bytes, ring_caller_sp());
    if (!record.payload)
        return false;
    if (payload_bytes)
        memcpy(record.payload, payload, payload_bytes);
    if (ada_commit_fast(&record))
        return true;
    ring_commit_slow(w, record.header, record.end, record.word, record.nested);
    return !ring_is_given_up(w, record.end);
}

/* One drop was counted for the whole batch: count the others. */
static void others_note_drop(struct ada_writer *w, size_t count)
{
    for (size_t i = 1; i < count; i++)
        ring_note_drop(w, 0);
}

bool ring_write_batch(struct ada_writer *w, const struct ring_item *items, size_t count)
{
    uint64_t total = 0, bytes;
    struct ada_record batch;
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        total += ada_record_bytes(items[i].payload_bytes);
    if (!count)
        return true;
    batch = ring_reserve_slow(w, 0, total, ring_caller_sp());
    if (!batch.payload) {
        others_note_drop(w, count);
        return false;
    }
    /* Back to front: the first header word, which makes the walk valid, is written last. */
    for (size_t i = count, end = total; i-- > 0; end -= bytes) {
        unsigned char *at;

        bytes = ada_record_bytes(items[i].payload_bytes);
        at = batch.header + (end - bytes);
        word = batch.word | ada_record_tag(items[i].type, bytes);
        if ((word & 0xff) == ADA_RECORD_LARGE)
            memcpy(at + 8, &bytes, 8);
        if (items[i].payload_bytes)
            memcpy(at + ((word & 0xff) == ADA_RECORD_LARGE ? 16 : 8), items[i].payload,
                   items[i].payload_bytes);
        if (i)
            memcpy(at, &word, 8);
    }
    if (ring_finish(&batch, ADA_RECORD_PENDING, word, count, ring_caller_sp()))
        return true;
    others_note_drop(w, count);
    return false;
}
