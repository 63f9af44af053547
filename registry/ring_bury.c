/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ring_producer.h"

#include <string.h>

enum {
    OUTER_SIZE_MASK = (1 << 20) - 1, /* the part of ada_writer_outer() that is no address */
    STACK_REACH_BYTES = 64 << 20,    /* farther from the stack's top than this is another stack */
};

void ring_note_drop(struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t now = ring_writer_ticks(w);

    /* relaxed: all of this is ours, against handlers of this thread only; the drain reads it as a
     * live figure while we run, and exactly after the thread's death, which orders everything. */
    if (!ring_untold(ring))
        store_relaxed(&ring->untold_first_ticks, now);
    if (load_relaxed(&ring->untold_last_ticks) < now) /* else a handler has dropped since */
        store_relaxed(&ring->untold_last_ticks, now);
    ada_add_local(&ring->dropped_bytes, bytes);
    ada_add_local(&ring->dropped, 1);
    if (load_relaxed(&ring->untold_first_ticks) > now) /* the same: it took its own for the first */
        store_relaxed(&ring->untold_first_ticks, now);
    w->limit = 0; /* the next record that fits has to tell of this one: by the slow path */
}

/* The record at `at` will never be finished: make it padding, and count it. */
static void give_up(struct ada_writer *w, uint64_t at, uint64_t word, uint64_t bytes)
{
    /* Against a handler that does the same: one of us counts it. */
    if (!ada_cmpxchg_local(ring_word_at(w, at), &word, ada_record_pad_word(bytes)))
        return;
    ada_add_local(&ring_of(w)->padding_bytes, bytes);
    ring_note_drop(w, bytes);
}

/* A record on a walk from one index to another. */
struct walked {
    uint64_t word;
    uint64_t bytes; /* 0: somebody scribbled on it; the reader says "damaged" */
};

static struct walked record_at(const struct ada_writer *w, uint64_t at, uint64_t end)
{
    uint64_t word = *ring_word_at(w, at);
    uint64_t second = ring_word_is_large(word) ? *ring_word_at(w, at + 8) : 0;
    uint64_t bytes = ring_word_bytes(word, second);

    return (struct walked){word, bytes >= 8 && bytes <= end - at ? bytes : 0};
}

/* Walk from `at` over records that are complete, to `end` or to one that is held. What is PENDING
 * on the way was left by a handler that was jumped out of. */
static uint64_t walk_complete(struct ada_writer *w, uint64_t at, uint64_t end)
{
    for (struct walked r; at != end; at += r.bytes) {
        r = record_at(w, at, end);
        if (!r.bytes)
            return end;
        if (ada_record_type(r.word) == ADA_RECORD_HELD)
            return at;
        if (ada_record_type(r.word) == ADA_RECORD_PENDING)
            give_up(w, at, r.word, r.bytes);
    }
    return end;
}

/* Events between two indexes that are complete. */
static uint64_t count_complete(const struct ada_writer *w, uint64_t at, uint64_t end)
{
    uint64_t count = 0;

    for (struct walked r; at != end && (r = record_at(w, at, end)).bytes; at += r.bytes)
        count += ada_record_type(r.word) >= ADA_RECORD_FIRST_EVENT;
    return count;
}

/* Policy overwrite: blocks that were begun from `head` to `end` behind an unfinished record get
 * their count now. */
static void mark_rest(struct ada_writer *w, uint64_t head, uint64_t end)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t written, reserve;

    do {
        reserve = load_relaxed(&w->reserve);
        written = load_relaxed(&ring_front_of(w)->written) - count_complete(w, head, reserve);
    } while (reserve != load_relaxed(&w->reserve));
    for (struct walked r; head != end && (r = record_at(w, head, end)).bytes; head += r.bytes) {
        struct ring_mark *mark = &ring->marks[head / ring->block_bytes % RING_BLOCKS];

        /* relaxed: head has not passed it yet, and its release orders this, too. */
        if ((head & (ring->block_bytes - 1)) == 0 && load_relaxed(&mark->index) == head)
            store_relaxed(&mark->written, written);
        written += ada_record_type(r.word) >= ADA_RECORD_FIRST_EVENT;
    }
}

static void figure_raise(uint64_t *figure, uint64_t to)
{
    uint64_t now = load_relaxed(figure);

    /* Ours, but a handler that comes in between may raise it farther. */
    while ((int64_t)(to - now) > 0 && !ada_cmpxchg_local(figure, &now, to)) {}
}

/*
 * Account for what stands in front of a record: the slow path does so itself, and does it in the
 * place of a slow path that was left. Figures only grow; a handler may have gone further.
 */
void ring_plan_settle(struct ada_writer *w)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_ring_plan *plan = &w->plan;

    /* Behind what we leave out comes a record: so we have claimed it. */
    if (!(plan->first & RING_PLAN_NOTHING) &&
        (int64_t)(load_relaxed(&w->reserve) - plan->first) > 0) {
        if (ring_is_elastic(ring) && (plan->first & w->mask) == 0)
            figure_raise(&w->skip, plan->start);
        figure_raise(&ring->skipped_bytes, plan->skipped_bytes);
        figure_raise(&ring->front_bytes, plan->front_bytes);
        ADA_SIGNAL_FENCE();
        plan->first |= RING_PLAN_NOTHING;
    }
    if (plan->gap && ada_record_type(*ring_word_at(w, plan->gap - 1)) == ADA_RECORD_GAP) {
        figure_raise(&ring->gap_bytes, plan->gap_bytes);
        figure_raise(&ring->told_bytes, plan->told_bytes);
        figure_raise(&ring->told, plan->told);
        ADA_SIGNAL_FENCE();
        plan->gap = 0;
    }
}

/* Whoever had a plan is gone: what does not stand by now never will. */
static void plan_end(struct ada_writer *w)
{
    ring_plan_settle(w);
    w->plan.gap = 0;
    ADA_SIGNAL_FENCE();
    w->telling = 0;
}

/*
 * The outermost record is finished: publish what stands behind it, up to one that is held. That one
 * is then the outermost, and its commit goes on from there.
 */
void ring_publish_rest(struct ada_writer *w)
{
    uint64_t head, end, reserve;

    plan_end(w); /* of handlers that were left */
    while ((head = load_relaxed(&ring_front_of(w)->head)) !=
           (reserve = load_relaxed(&w->reserve))) {
        end = walk_complete(w, head, reserve);
        if (end != reserve)
            w->outer = 0; /* no frame's end gives up a record that is held */
        if (load_relaxed(&ring_of(w)->policy) == RING_OVERWRITE)
            mark_rest(w, head, end);
        /* Publish. Release: as in ada_commit_record(). Pairs with the acquire of head in
         * ring_peek(). */
        store_release(&ring_front_of(w)->head, end);
        ADA_SIGNAL_FENCE();
        if (end != reserve)
            return;
    }
}

/* Has the frame that was writing the record at head been left (siglongjmp out of a handler that
 * interrupted it)? Only said of frames on this thread's own stack; a handler's alternate stack
 * proves nothing. */
bool ring_outer_is_gone(const struct ada_writer *w, uint64_t sp)
{
    uint64_t outer = w->outer >> 20 << 4, top = w->stack_top;

    return outer && sp && top && (sp & ~UINT64_C(15)) >= outer && sp <= top &&
           top - outer < STACK_REACH_BYTES;
}

/* The record at head, whose writer is gone or away, behind what the slow path put in front of it.
 */
struct outer {
    uint64_t at, bytes;
};

static bool is_front(uint32_t type)
{
    return type == ADA_RECORD_PAD || type == ADA_RECORD_SKIP || type == ADA_RECORD_GAP;
}

static struct outer outer_record(const struct ada_writer *w, uint64_t head, uint64_t reserve)
{
    struct outer o = {head, (w->outer & OUTER_SIZE_MASK) << 3};

    if (o.bytes) /* the fast path says it, and puts nothing in front */
        return o.bytes <= reserve - head ? o : (struct outer){head, 0};
    for (struct walked r; o.at != reserve && (r = record_at(w, o.at, reserve)).bytes;
         o.at += r.bytes)
        if (!is_front(ada_record_type(r.word)))
            return (struct outer){o.at, r.bytes};
    return o; /* .bytes is 0: nothing to give up */
}

/* Is the outermost record in the count already? Then it is complete: its header came first. The
 * count is made exact for when it is not, and is given up. */
static bool outer_is_counted(struct ada_writer *w, const struct outer *o)
{
    uint64_t reserve, behind;
    bool counted;

    do {
        reserve = load_relaxed(&w->reserve);
        behind = w->outer_written + count_complete(w, o->at + o->bytes, reserve);
        counted = load_relaxed(&ring_front_of(w)->written) > behind;
        if (!counted) /* parts of a batch may be complete */
            store_relaxed(&ring_front_of(w)->written, behind);
    } while (reserve != load_relaxed(&w->reserve));
    return counted;
}

/*
 * Give up the record at head, whose writer is gone, and publish what stands behind it. Should its
 * writer come back after all, its commit finds that head has passed its record. A handler that
 * comes in between may do the same: every step can be done twice.
 */
void ring_bury_outer(struct ada_writer *w)
{
    uint64_t head = load_relaxed(&ring_front_of(w)->head);

    if (!w->outer)
        return;
    plan_end(w);
    /* Else it was left between publishing its own record and what stands behind. */
    if (w->outer_start == head) {
        struct outer o = outer_record(w, head, load_relaxed(&w->reserve));

        if (o.bytes && outer_is_counted(w, &o))
            w->kept = o.at + o.bytes;
        else if (o.bytes)
            give_up(w, o.at, *ring_word_at(w, o.at), o.bytes);
    }
    ring_publish_rest(w);
    w->buried = load_relaxed(&ring_front_of(w)->head);
}

/*
 * The writer of a buried record has come back and committed it: take back what that has done. Its
 * store moved head back; the consumer ignores that. A record that was counted when it was buried is
 * in the file; any other was counted as dropped, and may have been read already, as padding.
 */
void ring_bury_again(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t records)
{
    uint64_t bytes = (end - (uint64_t)(header - w->data)) & w->mask;
    uint64_t word = ada_record_pad_word(bytes);

    if (end != w->kept) {
        if (load_relaxed(&w->reserve) - end + bytes <= w->mask + 1) /* else it is another's */
            memcpy(header, &word, 8);
        ada_add_local(&ring_front_of(w)->written, 0 - records);
    }
    if (load_relaxed(&ring_front_of(w)->head) < w->buried)
        store_release(&ring_front_of(w)->head, w->buried); /* Publish, as in ring_publish_rest(). */
    ADA_SIGNAL_FENCE();
}

void ring_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, bool nested)
{
    if (ring_is_buried(w, end))
        ring_bury_again(w, header, end, 1);
    else if (nested)
        ada_add_local(&ring_of(w)->nested, 1);
    if (!nested)
        ring_publish_rest(w);
}
