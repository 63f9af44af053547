/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ring_away.h"
#include "registry/ring_producer.h"

#include <string.h>

enum {
    STACK_REACH_BYTES = 64 << 20, /* farther from the stack's top than this is another stack */
};

static void given_up_count(struct ada_writer *w, uint64_t bytes)
{
    ada_add_local(&ring_of(w)->padding_bytes, bytes);
    ring_note_drop(w, bytes);
}

/* The record at `at` will never be finished: make it padding, and count it. */
static void give_up(struct ada_writer *w, uint64_t at, uint64_t word, uint64_t bytes)
{
    ring_figure_raise(&w->slow_end, at + bytes); /* as long as its word says so */
    /* Against a handler that does the same: one of us counts it. */
    if (ada_cmpxchg_local(ring_word_at(w, at), &word, ring_pad_word(w, RING_PAD_GIVEN_UP, bytes)))
        given_up_count(w, bytes);
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

    return (struct walked){word, bytes >= 8 && bytes % 8 == 0 && bytes <= end - at ? bytes : 0};
}

/* Walk from `at` over records that are complete, to `end` or to one that is held. What is PENDING
 * on the way was left by a handler that was jumped out of; or it may be, and is where the walk
 * ends.
 */
static uint64_t walk_complete(struct ada_writer *w, uint64_t at, uint64_t end, bool is_gone)
{
    for (struct walked r; at != end; at += r.bytes) {
        r = record_at(w, at, end);
        if (!r.bytes)
            return end;
        if (ada_record_type(r.word) == ADA_RECORD_HELD ||
            (ada_record_type(r.word) == ADA_RECORD_PENDING && !is_gone))
            return at;
        if (ada_record_type(r.word) == ADA_RECORD_PENDING)
            give_up(w, at, r.word, r.bytes);
    }
    return end;
}

/* `sign` of what one record adds to that. */
static void in_front_add(const struct ada_writer *w, struct ring_in_front *f, uint64_t at,
                         uint64_t word, uint64_t sign)
{
    struct ada_record_gap gap;

    if (ada_record_type(word) >= ADA_RECORD_FIRST_EVENT)
        f->written += sign;
    if (ada_record_type(word) != ADA_RECORD_GAP)
        return;
    memcpy(&gap, ring_word_at(w, at) + 1, sizeof(gap));
    f->told += sign * gap.records;
    f->told_bytes += sign * gap.bytes;
}

/* All that has been written and told, but for what stands from `at` on. */
static struct ring_in_front in_front_of(const struct ada_writer *w, uint64_t at)
{
    const struct ring_shared *ring = ring_of(w);
    struct ring_in_front f = {ring_written(ring), load_relaxed(&ring->told),
                              load_relaxed(&ring->told_bytes)};
    uint64_t reserve = load_relaxed(&w->reserve);

    for (struct walked r; at != reserve && (r = record_at(w, at, reserve)).bytes; at += r.bytes)
        in_front_add(w, &f, at, r.word, UINT64_MAX);
    return f;
}

/* Policy overwrite: blocks that were begun behind an unfinished record, from `head` to `end` and
 * with the one that begins at `end`, get their count now. Once a handler has published them itself,
 * which moves head, others may stand there already: then they are marked, and our count is not
 * theirs. */
static void mark_rest(struct ada_writer *w, uint64_t head, uint64_t end)
{
    const uint64_t *front_head = &ring_front_of(w)->head;
    struct ring_in_front f;
    uint64_t reserve, written, at = head;
    struct walked r;

    do { /* a handler may write, or commit what is held, or be left in the middle of that */
        ring_plan_settle(w);
        reserve = load_relaxed(&w->reserve);
        written = ring_written(ring_of(w));
        f = in_front_of(w, head);
    } while (reserve != load_relaxed(&w->reserve) || written != ring_written(ring_of(w)) ||
             ring_plan_is_open(w));
    while (load_relaxed(front_head) == head) {
        if (at != reserve)
            ring_mark(w, at, &f);
        if (at == end || !(r = record_at(w, at, end)).bytes)
            return;
        in_front_add(w, &f, at, r.word, 1);
        at += r.bytes;
    }
}

/* The unfinished record at `at` is the outermost one from now on. No frame's end gives it up when
 * it is held; else the end of the one that was the outermost does, which it has interrupted. */
static void outer_become(struct ada_writer *w, uint64_t at)
{
    bool is_held = ada_record_type(*ring_word_at(w, at)) == ADA_RECORD_HELD;

    w->outer = is_held ? 0 : w->outer & ~(uint64_t)RING_OUTER_SIZE_MASK;
    w->outer_start = at;
    w->outer_written = RING_WRITTEN_UNKNOWN;
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
    bool is_fast;
};

static bool is_front(uint64_t word)
{
    return ring_word_leaves_out(word) || ada_record_type(word) == ADA_RECORD_GAP;
}

static struct outer outer_record(const struct ada_writer *w, uint64_t head, uint64_t reserve)
{
    struct outer o = {head, ring_fast_bytes(w, head, reserve), true};

    /* It puts nothing in front. Not of this head: its writer was away, is back, and has moved head
     * back for a moment. (Odd: it is padding already.) */
    if (o.bytes && (w->outer_start & ~UINT64_C(1)) == head)
        return o;
    for (struct walked r; o.at != reserve && (r = record_at(w, o.at, reserve)).bytes;
         o.at += r.bytes)
        if (!is_front(r.word))
            return (struct outer){o.at, r.bytes, false};
    return (struct outer){o.at, 0, false}; /* nothing to give up */
}

static bool is_unfinished(uint64_t word)
{
    uint32_t type = ada_record_type(word);

    return type == ADA_RECORD_PENDING || type == ADA_RECORD_HELD;
}

bool ring_is_outermost(const struct ada_writer *w, uint64_t head, uint64_t start)
{
    /* Who has noted himself at head may have what is in front; or be another. */
    if (w->outer_start == head)
        return outer_record(w, head, load_relaxed(&w->reserve)).at == start;
    /* Who was about to publish what is complete may have been left. */
    for (struct walked r; (int64_t)(start - head) > 0; head += r.bytes) {
        r = record_at(w, head, start);
        if (!r.bytes || is_unfinished(r.word))
            return false;
    }
    return head == start;
}

uint64_t ring_outer_start(const struct ada_writer *w, uint64_t head, uint64_t start)
{
    struct outer o = outer_record(w, head, load_relaxed(&w->reserve));

    return (int64_t)(start - o.at) > 0 ? start : head;
}

uint64_t ring_bytes_behind_outer(const struct ada_writer *w, uint64_t head, uint64_t to)
{
    struct outer o = outer_record(w, head, to);
    uint64_t bytes = 0;

    for (struct walked r; o.bytes && (int64_t)(to - (o.at += o.bytes)) > 0; o.bytes = r.bytes) {
        r = record_at(w, o.at, to);
        bytes += is_front(r.word) ? 0 : r.bytes;
    }
    return bytes;
}

/* Is the outermost record in the count already? Then it is complete: its header came first. */
static bool outer_is_counted(const struct ada_writer *w, uint64_t head, const struct outer *o)
{
    uint64_t word = *ring_word_at(w, o->at);

    /* Of one that the slow path commits, what stands there says it. */
    if (w->outer_written == RING_WRITTEN_UNKNOWN)
        return ada_record_type(word) != ADA_RECORD_PENDING &&
               !ring_word_pads(word, RING_PAD_OUTERMOST);
    /* The others' count is the outermost record's alone. Or a handler has done all of it. */
    return (int64_t)(load_relaxed(&ring_front_of(w)->written) - w->outer_written) > 0 ||
           load_relaxed(&ring_front_of(w)->head) != head;
}

/* Is it complete, by its word? What the fast path has claimed has none before, and what stands
 * there is of an earlier lap: older than `back`, which was claimed in this one, and before it. */
static bool outer_is_whole(const struct ada_writer *w, const struct outer *o,
                           const struct ada_record *back)
{
    const uint64_t ticks = ~((UINT64_C(1) << ADA_RECORD_TICKS_SHIFT) - 1);
    uint64_t word = *ring_word_at(w, o->at);

    if (!o->is_fast)
        return !is_unfinished(word) && !ring_word_pads(word, RING_PAD_OUTERMOST);
    return ada_record_type(word) >= ADA_RECORD_FIRST_EVENT &&
           ring_word_bytes(word, 0) == o->bytes && o->at - back->end <= w->mask &&
           (int64_t)((word & ticks) - (back->word & ticks)) > 0;
}

void ring_keep_published(struct ada_writer *w, const struct ada_record *back)
{
    uint64_t head = ring_head_settle(w), reserve = load_relaxed(&w->reserve);
    struct outer o;

    if (head == reserve || w->outer_start != head || w->outer_written == RING_WRITTEN_UNKNOWN)
        return;
    o = outer_record(w, head, reserve);
    if (!o.bytes || (int64_t)(load_relaxed(&ring_front_of(w)->written) - w->outer_written) <= 0 ||
        !outer_is_whole(w, &o, back))
        return;
    ring_figure_raise(&w->been, o.at + o.bytes);
    ring_head_settle(w);
}

/* Also of one whose frame is gone: on another stack, that lies in a frame of this one, frames are
 * not where they seem, and then its writer comes back. But nobody waits there for the reader to
 * come behind those who are away. */
static void given_up_note(struct ada_writer *w, const struct outer *o, bool is_gone)
{
    uint64_t n = load_relaxed(&w->given_ups);

    /* relaxed: an entry that is written over is none. */
    if (!is_gone || ring_away_has_room(w, load_relaxed(&ring_of(w)->tail)))
        ring_away_note(w, o->at, o->bytes); /* for the reader, and before it comes here */
    while (!ada_cmpxchg_local(&w->given_ups, &n, n + 1)) {}
    w->given_up[n % RING_GIVEN_UP] = o->at + o->bytes;
    ADA_SIGNAL_FENCE();
}

/* Padding in its place, unless somebody was left who had just done that. What the fast path has
 * claimed has no word yet: what stands there is of an earlier lap. */
static void outer_pad(struct ada_writer *w, const struct outer *o, uint64_t word, bool is_gone)
{
    if (!o->is_fast && ring_word_pads(word, RING_PAD_OUTERMOST))
        return;
    if (!o->is_fast)
        ring_figure_raise(&w->slow_end, o->at + o->bytes); /* as in give_up() */
    given_up_note(w, o, is_gone);
    (void)ada_cmpxchg_local(ring_word_at(w, o->at), &word,
                            ring_pad_word(w, RING_PAD_OUTERMOST, o->bytes));
}

/* A handler that comes in between may do the same: then head has moved on, or the word is another
 * one. */
static void outer_give_up(struct ada_writer *w, uint64_t head, bool is_gone)
{
    struct outer o;
    uint64_t word;

    if (w->outer_start != head) /* left between publishing its own record and what stands behind */
        return;
    o = outer_record(w, head, load_relaxed(&w->reserve));
    word = *ring_word_at(w, o.at);
    if (!o.bytes || outer_is_counted(w, head, &o) ||
        (!o.is_fast && ada_record_type(word) == ADA_RECORD_HELD) ||
        load_relaxed(&ring_front_of(w)->head) != head)
        return;
    outer_pad(w, &o, word, is_gone);
    /* The word says nothing of who made it padding, this does; once it is odd, it is done. */
    if (ada_cmpxchg_local(&w->outer_start, &head, head | 1))
        given_up_count(w, o.bytes);
}

/* Publish what stands behind head, to the end or to where the walk ends. A handler may do so in
 * between, and then we begin again where it has come to. */
static void publish_walk(struct ada_writer *w, bool is_gone)
{
    uint64_t *front_head = &ring_front_of(w)->head, head, end, reserve;

    for (;;) {
        head = ring_head_settle(w);
        reserve = load_relaxed(&w->reserve);
        if (head == reserve)
            return;
        /* One of the fast path's, which has no word to walk by: a handler's that was left, for it
         * has interrupted us, or whom we have; or the one that a handler did away with. */
        ring_note_find(w);
        if (w->outer_start == head && ring_fast_bytes(w, head, reserve))
            outer_give_up(w, head, true);
        end = walk_complete(w, head, reserve, is_gone);
        if (load_relaxed(front_head) != head)
            continue;
        ring_plan_settle(w); /* of handlers that were left meanwhile: while their words stand */
        if (load_relaxed(&ring_of(w)->policy) == RING_OVERWRITE)
            mark_rest(w, head, end);
        if (load_relaxed(front_head) != head)
            continue;
        if (end != reserve)
            outer_become(w, end);
        if (!w->ring) /* a handler forked, we are the child, and that head is our parent's */
            return;
        /* Publish. Release: as in ada_commit_fast(). Pairs with the acquire of head in
         * ring_peek(). */
        if (!compare_exchange_release(front_head, &head, end))
            continue;
        ring_figure_raise(&w->been, end);
        if (end != reserve)
            return;
    }
}

void ring_publish_rest(struct ada_writer *w)
{
    ring_plan_end(w); /* of handlers that were left */
    publish_walk(w, true);
}

void ring_bury_outer(struct ada_writer *w)
{
    uint64_t head = ring_head_settle(w);

    ring_note_find(w);
    if (!w->outer)
        return;
    ring_plan_end(w);
    outer_give_up(w, head, true);
    ring_publish_rest(w);
}

void ring_bury_away(struct ada_writer *w, uint64_t head)
{
    ring_note_find(w);
    if (!w->outer)
        return;
    ring_plan_settle(w);
    outer_give_up(w, head, false);
    publish_walk(w, false);
}
