/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring protocol: the producer's slow half, then the consumer. The producer's fast half is
 * inlined from adatrace/emit.h. docs/MEMORY-MODEL.md draws every edge.
 */
#include "registry/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/bell.h"
#include "registry/ring_layout.h"
#include "registry/ring_wait.h"

enum {
    PLAN_NOTHING = 1,
    OUTER_SIZE_MASK = (1 << 20) - 1, /* the part of ada_writer_outer() that is no address */
    STACK_REACH_BYTES = 64 << 20,    /* farther from the stack's top than this is another stack */
    FEET_TRIES = 4,                  /* to read a mark that the producer is about to pass */
};

/* ---- the producer ------------------------------------------------------------------------------
 */

void ring_writer_init(struct ada_writer *w, struct ring_shared *ring, bool fast)
{
    /* Fast path off until everything else is in place: a handler may emit at any moment. */
    w->limit = 0;
    ADA_SIGNAL_FENCE();
    w->front = &ring->front;
    w->data = ring_data(ring);
    w->mask = ring->capacity - 1;
    w->reserve = load_relaxed(&ring->front.head); /* relaxed: we are its only writer */
    w->outer = w->outer_start = w->stalled_tail = w->buried = w->kept = 0;
    w->skip = w->touched = 0;
    w->bell = NULL;
    w->clocked = !fast;
    w->telling = 0;
    memset(&w->plan, 0, sizeof(w->plan));
    w->plan.first = PLAN_NOTHING;
    ADA_SIGNAL_FENCE();
    w->ring = ring; /* last: it says that the writer can be used */
}

/* Data is read behind the mask: what a handler that forks wipes between the two is no address. */
static uint64_t *word_at(const struct ada_writer *w, uint64_t index)
{
    uint64_t at = index & w->mask;
    unsigned char *data;

    ADA_SIGNAL_FENCE();
    data = w->data;
    return (uint64_t *)(void *)(data ? data + at : ring_nowhere.bytes);
}

static uint64_t writer_ticks(const struct ada_writer *w)
{
    return w->clocked ? clock_monotonic_ns() : ada_ticks();
}

/* PENDING, HELD: reserved and not committed; the ticks' bits hold the size in words. */
static uint64_t reserved_word(uint32_t type, uint64_t bytes)
{
    return ada_record_pad_word(bytes) | type << ADA_RECORD_TYPE_SHIFT;
}

/* Size of the record that `word` heads; 0: no record looks like this. */
static uint64_t word_bytes(uint64_t word, uint64_t second)
{
    uint32_t type = ada_record_type(word);
    uint64_t words = word & 0xff;

    if (type <= ADA_RECORD_SKIP && type != ADA_RECORD_GAP)
        return words ? 0 : word >> ADA_RECORD_TICKS_SHIFT << 3;
    return words == ADA_RECORD_LARGE ? second : words << 3;
}

static void note_drop(struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t now = writer_ticks(w);

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
    if (!ada_cmpxchg_local(word_at(w, at), &word, ada_record_pad_word(bytes)))
        return;
    ada_add_local(&ring_of(w)->padding_bytes, bytes);
    note_drop(w, bytes);
}

/* Walk from `at` over records that are complete, to `end` or to one that is held. What is PENDING
 * on the way was left by a handler that was jumped out of. */
static uint64_t walk_complete(struct ada_writer *w, uint64_t at, uint64_t end)
{
    for (uint64_t bytes; at != end; at += bytes) {
        uint64_t word = *word_at(w, at);

        bytes = word_bytes(word, *word_at(w, at + 8));
        if (bytes < 8 || bytes > end - at)
            return end; /* somebody scribbled on it; the reader says "damaged" */
        if (ada_record_type(word) == ADA_RECORD_HELD)
            return at;
        if (ada_record_type(word) == ADA_RECORD_PENDING)
            give_up(w, at, word, bytes);
    }
    return end;
}

/* Events between two indexes that are complete. */
static uint64_t count_complete(const struct ada_writer *w, uint64_t at, uint64_t end)
{
    uint64_t count = 0;

    for (uint64_t bytes; at != end; at += bytes) {
        uint64_t word = *word_at(w, at);

        bytes = word_bytes(word, *word_at(w, at + 8));
        if (bytes < 8 || bytes > end - at)
            break;
        count += ada_record_type(word) >= ADA_RECORD_FIRST_EVENT;
    }
    return count;
}

/* Policy overwrite: blocks that were begun from `head` to `end` behind an unfinished record get
 * their count now. */
static void mark_rest(struct ada_writer *w, uint64_t head, uint64_t end)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t written, reserve, bytes;

    do {
        reserve = load_relaxed(&w->reserve);
        written = load_relaxed(&ring_front_of(w)->written) - count_complete(w, head, reserve);
    } while (reserve != load_relaxed(&w->reserve));
    for (uint64_t at = head; at != end; at += bytes) {
        struct ring_mark *mark = &ring->marks[at / ring->block_bytes % RING_BLOCKS];
        uint64_t word = *word_at(w, at);

        bytes = word_bytes(word, *word_at(w, at + 8));
        if (bytes < 8 || bytes > end - at)
            return;
        /* relaxed: head has not passed it yet, and its release orders this, too. */
        if ((at & (ring->block_bytes - 1)) == 0 && load_relaxed(&mark->index) == at)
            store_relaxed(&mark->written, written);
        written += ada_record_type(word) >= ADA_RECORD_FIRST_EVENT;
    }
}

static uint64_t leave_out_word(const struct ada_writer *w, uint64_t bytes)
{
    return ring_is_elastic(ring_of(w)) ? ada_record_skip_word(bytes) : ada_record_pad_word(bytes);
}

static void figure_raise(uint64_t *figure, uint64_t to)
{
    /* relaxed: ours, against handlers of this thread only. */
    if ((int64_t)(to - load_relaxed(figure)) > 0)
        store_relaxed(figure, to);
}

/*
 * Account for what stands in front of a record: the slow path does so itself, and does it in the
 * place of a slow path that was left. Figures only grow; a handler may have gone further.
 */
static void plan_settle(struct ada_writer *w)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_ring_plan *plan = &w->plan;

    /* Behind what we leave out comes a record: so we have claimed it. */
    if (!(plan->first & PLAN_NOTHING) && (int64_t)(load_relaxed(&w->reserve) - plan->first) > 0) {
        if (ring_is_elastic(ring) && (plan->first & w->mask) == 0)
            w->skip = plan->start;
        figure_raise(&ring->skipped_bytes, plan->skipped_bytes);
        figure_raise(&ring->front_bytes, plan->front_bytes);
        ADA_SIGNAL_FENCE();
        plan->first |= PLAN_NOTHING;
    }
    if (plan->gap && ada_record_type(*word_at(w, plan->gap - 1)) == ADA_RECORD_GAP) {
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
    plan_settle(w);
    w->plan.gap = 0;
    ADA_SIGNAL_FENCE();
    w->telling = 0;
}

/*
 * The outermost record is finished: publish what stands behind it, up to one that is held. That one
 * is then the outermost, and its commit goes on from there.
 */
static void publish_rest(struct ada_writer *w)
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
static bool outer_is_gone(const struct ada_writer *w, uint64_t sp)
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
    while (o.at != reserve) {
        uint64_t word = *word_at(w, o.at);

        o.bytes = word_bytes(word, *word_at(w, o.at + 8));
        if (o.bytes < 8 || o.bytes > reserve - o.at)
            return (struct outer){head, 0};
        if (!is_front(ada_record_type(word)))
            return o;
        o.at += o.bytes;
    }
    return (struct outer){reserve, 0};
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
static void bury_outer(struct ada_writer *w)
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
            give_up(w, o.at, *word_at(w, o.at), o.bytes);
    }
    publish_rest(w);
    w->buried = load_relaxed(&ring_front_of(w)->head);
}

/* Has this record been given up, or published by others, though its writer was only away? */
static bool is_buried(const struct ada_writer *w, uint64_t end)
{
    return end <= w->buried;
}

/*
 * The writer of a buried record has come back and committed it: take back what that has done. Its
 * store moved head back; the consumer ignores that. A record that was counted when it was buried is
 * in the file; any other was counted as dropped, and may have been read already, as padding.
 */
static void bury_again(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t records)
{
    uint64_t bytes = (end - (uint64_t)(header - w->data)) & w->mask;
    uint64_t word = ada_record_pad_word(bytes);

    if (end != w->kept) {
        if (load_relaxed(&w->reserve) - end + bytes <= w->mask + 1) /* else it is another's */
            memcpy(header, &word, 8);
        ada_add_local(&ring_front_of(w)->written, 0 - records);
    }
    if (load_relaxed(&ring_front_of(w)->head) < w->buried)
        store_release(&ring_front_of(w)->head, w->buried); /* Publish, as in publish_rest(). */
    ADA_SIGNAL_FENCE();
}

void ring_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, bool nested)
{
    if (is_buried(w, end))
        bury_again(w, header, end, 1);
    else if (nested)
        ada_add_local(&ring_of(w)->nested, 1);
    if (!nested)
        publish_rest(w);
}

/* Policy overwrite: tell readers which bytes are about to change, before any of them does. */
static void announce_block(struct ada_writer *w, uint64_t first)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t end = (first | (ring->block_bytes - 1)) + 1; /* of the whole block */

    if (load_relaxed(&ring->policy) != RING_OVERWRITE || end <= ring->intent)
        return;
    store_relaxed(&ring->intent, end);
    /* Intent. Release fence: intent is visible before the bytes that follow. Pairs with the acquire
     * fence behind the copy in copy_block(). */
    fence_release();
}

static void mark_block(struct ada_writer *w, const struct ring_layout *l, uint64_t ticks)
{
    struct ring_shared *ring = ring_of(w);
    struct ring_mark *mark = &ring->marks[l->first / ring->block_bytes % RING_BLOCKS];

    store_relaxed(&mark->written, l->written);
    store_relaxed(&mark->ticks, ticks);
    /* Mark. Release: pairs with the acquire of index in mark_read(). */
    store_release(&mark->index, l->first);
}

/* Tell of what was dropped, in front of the record. Until `telling` is over no handler does. */
static void tell(struct ada_writer *w, const struct ring_layout *l, uint64_t ticks)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_record_gap gap;
    uint64_t *at = word_at(w, l->first), record = l->first + RING_GAP_BYTES;
    uint64_t claimed = reserved_word(ADA_RECORD_PENDING, l->end - l->first);
    uint64_t told = ada_record_word(ada_record_tag(ADA_RECORD_GAP, RING_GAP_BYTES), ticks);

    w->telling = 1;
    ADA_SIGNAL_FENCE();
    gap.first_ticks = load_relaxed(&ring->untold_first_ticks);
    gap.last_ticks = load_relaxed(&ring->untold_last_ticks);
    /* A handler may have dropped since our time was read: the ring is in the order of time. */
    if (gap.last_ticks > ticks)
        gap.last_ticks = ticks;
    if (gap.first_ticks > ticks)
        gap.first_ticks = ticks;
    /* 0: a handler has told it before us. */
    gap.records = ring_untold(ring);
    w->plan.told = load_relaxed(&ring->told) + gap.records;
    w->plan.told_bytes = load_relaxed(&ring->dropped_bytes);
    gap.bytes = w->plan.told_bytes - load_relaxed(&ring->told_bytes);
    w->plan.gap_bytes = load_relaxed(&ring->gap_bytes) + RING_GAP_BYTES;
    memcpy(at + 1, &gap, sizeof(gap));
    *word_at(w, record) = reserved_word(ADA_RECORD_PENDING, l->end - record);
    w->plan.gap = l->first + 1;
    ADA_SIGNAL_FENCE();
    /* From here on it stands: no jump out of a handler takes it back. Unless one who thought that
     * we had been left has given it up. */
    (void)ada_cmpxchg_local(at, &claimed, told);
    ADA_SIGNAL_FENCE();
    plan_settle(w);
    w->telling = 0;
}

/* What stands in front of the record, and the record's block, once both are claimed. */
static void fill_front(struct ada_writer *w, const struct ring_layout *l, uint64_t ticks)
{
    plan_settle(w);
    if (l->gap)
        tell(w, l, ticks);
    if ((l->first & (ring_of(w)->block_bytes - 1)) == 0)
        mark_block(w, l, ticks);
}

/* Wake a drain that sleeps long, if there is much for it to do. */
static void bell_ring_if_much(const struct ada_writer *w, const struct ring_layout *l)
{
    const struct ring_shared *ring = ring_of(w);
    uint64_t much = (ring_is_elastic(ring) ? ring->step_bytes : ring->block_bytes) / 2;

    if (w->bell && ring_bytes_between(w, l->tail, l->end) >= much)
        bell_ring(w->bell);
}

static struct ada_record drop(struct ada_writer *w, uint64_t bytes)
{
    note_drop(w, bytes);
    return (struct ada_record){.payload = NULL, .writer = w};
}

static struct ada_record take(struct ada_writer *w, const struct ring_layout *l, uint64_t limit,
                              uint32_t tag, uint64_t bytes, uint64_t ticks)
{
    struct ada_record record = {.writer = w, .end = l->end, .nested = l->nested};

    fill_front(w, l, ticks);
    w->limit = limit;
    ADA_SIGNAL_FENCE();
    if (ring_untold(ring_of(w))) /* a handler dropped between the two */
        w->limit = 0;
    bell_ring_if_much(w, l);
    ring_touch(w, limit & w->mask);
    record.header = (unsigned char *)word_at(w, l->end - bytes);
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

/* False: a handler was faster. Every claim leaves another `first`, so we find out. */
static bool plan_leap(struct ada_writer *w, const struct ring_layout *l, uint64_t *planned)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t left_out = l->first - l->start;

    if (!left_out)
        return ada_cmpxchg_local(&w->plan.first, planned, l->start | PLAN_NOTHING);
    w->plan.start = l->start;
    w->plan.front_bytes = load_relaxed(&ring->front_bytes) + left_out;
    w->plan.skipped_bytes =
        load_relaxed(&ring->skipped_bytes) + (ring_is_elastic(ring) ? left_out - 8 : 0);
    ADA_SIGNAL_FENCE();
    return ada_cmpxchg_local(&w->plan.first, planned, l->first);
}

/*
 * Claim the bytes from start to end: first the words that lead over them, in the free space, so
 * that whoever walks behind us finds his way at any moment, then the index. False: a handler was
 * faster.
 */
static bool layout_claim(struct ada_writer *w, const struct ring_layout *l, uint64_t *ticks)
{
    uint64_t *word[2] = {word_at(w, l->first), word_at(w, l->start)}, start = l->start;
    uint64_t old[2] = {*word[0], *word[1]};
    uint64_t lead[2] = {reserved_word(ADA_RECORD_PENDING, l->end - l->first),
                        leave_out_word(w, l->first - l->start)};
    uint64_t planned = w->plan.first;
    int count = l->first == l->start ? 1 : 2, done = 0;

    ADA_SIGNAL_FENCE();
    /* Still free: then `old` is of an earlier lap, and what a handler writes differs from it. */
    if (load_relaxed(&w->reserve) != start || !plan_leap(w, l, &planned))
        return false;
    *ticks = writer_ticks(w);
    while (done < count && ada_cmpxchg_local(word[done], &old[done], lead[done]))
        done++;
    if (done == count && ada_cmpxchg_local(&w->reserve, &start, l->end))
        return true;
    /* At `start` a handler's words begin in any case. At `first` they need not: what we took for
     * free may be in the middle of a payload that happens to be what lay there before. */
    if (done && count == 2)
        (void)ada_cmpxchg_local(word[0], &lead[0], old[0]);
    return false;
}

/* What finds no room. True: there is some now. */
static bool wait_or_bury(struct ada_writer *w, const struct ring_layout *l, uint64_t bytes)
{
    uint64_t head = load_relaxed(&ring_front_of(w)->head);

    if (w->bell)
        bell_ring(w->bell);
    if (!l->nested && ring_wait_for_room(w, bytes))
        return true;
    /* Handlers that fill half a ring behind one unfinished record: more likely, its writer was
     * left in a way that we cannot see. Either way no thread stays silent for ever. */
    if (l->nested && ring_bytes_between(w, head, l->start) > load_relaxed(&ring_of(w)->room) / 2)
        bury_outer(w);
    return false;
}

struct ada_record ring_reserve_slow(struct ada_writer *w, uint32_t tag, uint64_t bytes, uint64_t sp)
{
    if (bytes > ring_record_max(ring_of(w)))
        return drop(w, bytes);
    for (;;) {
        struct ring_layout l;
        uint64_t ticks, limit;

        plan_settle(w); /* of the one whom we interrupt: we may have a plan, too */
        l = ring_layout_for(w, bytes);

        if (l.nested && outer_is_gone(w, sp)) {
            bury_outer(w);
            continue;
        }
        if (!l.fits) {
            if (wait_or_bury(w, &l, bytes))
                continue;
            return drop(w, bytes);
        }
        limit = ring_limit_for(w, l.end);
        if (ring_is_elastic(ring_of(w)) && !ring_reach(w, &l, limit))
            continue;
        announce_block(w, l.first);
        if (!l.nested) {
            w->outer = ada_writer_outer(sp, 0);
            w->outer_start = l.start;
            w->outer_written = l.written;
        }
        if (layout_claim(w, &l, &ticks))
            return take(w, &l, limit, tag, bytes, ticks);
    }
}

bool ring_reserve_at(struct ada_writer *w, uint32_t type, uint64_t payload_bytes, uint64_t sp,
                     struct ada_record *record)
{
    uint64_t bytes = ada_record_bytes(payload_bytes), held;

    *record = ring_reserve_slow(w, ada_record_tag(type, bytes), bytes, sp);
    if (!record->payload)
        return false;
    /* From here on our caller's: no frame's end gives it up. */
    held = reserved_word(ADA_RECORD_HELD, bytes);
    memcpy(record->header, &held, 8);
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

/* Where the record begins, its header word that is; what the writer put in front is not counted. */
static uint64_t record_start(const struct ada_record *record)
{
    const struct ada_writer *w = record->writer;

    return record->end - ((record->end - (uint64_t)(record->header - w->data)) & w->mask);
}

/*
 * Put the final header word of `records` records (0: padding) there, and publish, if nothing
 * unfinished stands in front.
 */
static void finish(struct ada_record *record, uint64_t word, uint64_t records, uint64_t sp)
{
    struct ada_writer *w = record->writer;
    bool outermost;

    /* A wiped writer: we are a forked child, and the reservation is our parent's. */
    if (!w->ring || is_buried(w, record->end))
        return;
    /* Nested, and publish_rest() has stopped at us: then we were held. */
    outermost = !record->nested || load_relaxed(&ring_front_of(w)->head) == record_start(record);
    if (outermost && !w->outer) { /* was held; now it can be left again */
        w->outer_start = UINT64_MAX;
        w->outer = ada_writer_outer(sp, 0);
    }
    ADA_SIGNAL_FENCE();
    memcpy(record->header, &word, 8);
    if (records)
        ada_add_local(&ring_front_of(w)->written, records);
    ADA_SIGNAL_FENCE();
    if (is_buried(w, record->end)) { /* by handlers, since we looked */
        bury_again(w, record->header, record->end, records);
        return;
    }
    if (records && record->nested)
        ada_add_local(&ring_of(w)->nested, records);
    if (!outermost)
        return;
    /* Publish. Release: as in ada_commit_record(). Pairs with the acquire of head in ring_peek().
     */
    store_release(&ring_front_of(w)->head, record->end);
    ADA_SIGNAL_FENCE();
    publish_rest(w);
}

void ring_commit(struct ada_record *record)
{
    finish(record, record->word, 1, ring_caller_sp());
}

void ring_rollback(struct ada_record *record)
{
    uint64_t bytes = record->end - record_start(record);

    if (record->writer->ring && !is_buried(record->writer, record->end))
        ada_add_local(&ring_of(record->writer)->padding_bytes, bytes);
    finish(record, ada_record_pad_word(bytes), 0, ring_caller_sp());
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
        (void)load_relaxed((volatile unsigned char *)word_at(w, w->touched));
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
    finish(&record, record.word, 1, ring_caller_sp());
    return true;
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
        /* One drop was counted for the whole: count the others. */
        for (size_t i = 1; i < count; i++)
            note_drop(w, 0);
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
    finish(&batch, word, count, ring_caller_sp());
    return true;
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

int ring_reader_init(struct ring_reader *r, struct ring_shared *ring, const unsigned char *data,
                     uint64_t capacity, enum ring_policy policy)
{
    memset(r, 0, sizeof(*r));
    if (capacity < RING_CAPACITY_MIN || (capacity & (capacity - 1)))
        return -EINVAL;
    r->shared = ring;
    r->data = data;
    r->capacity = capacity;
    r->block_bytes = policy == RING_OVERWRITE ? capacity / RING_BLOCKS : capacity;
    r->policy = policy;
    /* relaxed: the consumer's own fields, left by the consumer before us. */
    r->tail = r->at = r->head = load_relaxed(&ring->tail);
    r->taken = load_relaxed(&ring->taken);
    r->overwritten = load_relaxed(&ring->overwritten);
    r->overwritten_bytes = load_relaxed(&ring->overwritten_bytes);
    r->damaged_bytes = load_relaxed(&ring->damaged_bytes);
    r->high_water_bytes = load_relaxed(&ring->high_water_bytes);
    r->known_written = r->taken + r->overwritten;
    r->skipped = r->skipped_at_tail = load_relaxed(&ring->skipped_taken);
    /* Untrusted, and harmless: it only widens what is not taken for damage. */
    r->span = policy != RING_OVERWRITE && ring_is_elastic(ring) ? 2 * capacity : capacity;
    r->room = load_relaxed(&ring->room);
    if (policy == RING_OVERWRITE) {
        r->copy = malloc(r->block_bytes);
        if (!r->copy)
            return -ENOMEM;
    }
    return 0;
}

void ring_reader_fini(struct ring_reader *r)
{
    if (r->shared)
        ring_tell_gone(r->shared);
    free(r->copy);
    memset(r, 0, sizeof(*r));
}

/* What stands up to head cannot be read: leave it. */
static void pass_over(struct ring_reader *r)
{
    r->damaged_bytes += r->head - r->at;
    r->at = r->head;
    r->copy_from = r->copy_to = 0;
}

/* See how far the producer has come. -EBADMSG: head is nowhere it could be. */
static int refresh_head(struct ring_reader *r)
{
    /* Publish. Acquire: the records below head are visible. Pairs with the release of head in
     * ada_commit_record(), publish() and publish_rest(). */
    uint64_t head = load_acquire(&r->shared->front.head);

    /* A writer that was given up and came back moves head back for a moment: not news. */
    if ((int64_t)(head - r->head) <= 0)
        return 0;
    if ((head & 7) || (r->policy != RING_OVERWRITE && head - r->tail > r->span)) {
        /* Untrusted: somebody wrote over the ring's header. Nothing below head can be believed, but
         * if head goes on from here, so can we. */
        r->damaged_bytes += 8;
        r->at = r->head = head & ~UINT64_C(7);
        return -EBADMSG;
    }
    r->head = head;
    return 0;
}

/* How many records were written before block `first`, if that can be known. */
static bool mark_read(struct ring_reader *r, uint64_t first, uint64_t intent, uint64_t *written)
{
    struct ring_mark *mark = &r->shared->marks[first / r->block_bytes % RING_BLOCKS];

    /* Mark. Acquire: pairs with the release of index in mark_block(). */
    if (load_acquire(&mark->index) != first)
        return false;
    *written = load_relaxed(&mark->written);
    /* Intent. Acquire fence, as in copy_block(): a mark is overwritten after its block was
     * announced to be. */
    fence_acquire();
    return load_relaxed(&r->shared->intent) == intent && *written != RING_WRITTEN_UNKNOWN;
}

/* Policy overwrite: the bytes below `lost` are gone. Go on at the oldest block that still stands.
 */
static int find_feet(struct ring_reader *r, uint64_t lost)
{
    uint64_t intent = lost + r->capacity, oldest, written, head;

    for (int tries = 0; tries < FEET_TRIES; tries++) {
        oldest = ((intent - r->capacity - 1) | (r->block_bytes - 1)) + 1;
        if (mark_read(r, oldest, intent, &written)) {
            if (written > r->known_written) {
                r->overwritten += written - r->known_written;
                r->known_written = written;
            }
            break;
        }
        intent = load_relaxed(&r->shared->intent); /* relaxed: mark_read() looks again */
    }
    /* Publish. Acquire: as in refresh_head(). */
    head = load_acquire(&r->shared->front.head);
    /* Untrusted: blocks are announced at most one lap ahead of head. */
    if ((int64_t)(oldest - r->at) <= 0 || (int64_t)(head - oldest) < 0) {
        pass_over(r);
        return -EBADMSG;
    }
    r->overwritten_bytes += oldest - r->at;
    r->at = oldest;
    if (r->head < oldest)
        r->head = head & ~UINT64_C(7);
    return -EOVERFLOW;
}

/* The producer may be writing what we copy; copy_block() finds out afterwards. That is the
 * protocol, so ThreadSanitizer must not see it as a race. */
__attribute__((no_sanitize("thread"))) static void copy_words(unsigned char *to,
                                                              const unsigned char *from,
                                                              uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 8)
        *(uint64_t *)(void *)(to + i) = load_relaxed((const uint64_t *)(const void *)(from + i));
}

/* Policy overwrite: copy what is published of the block at `at`, then see whether it was still
 * whole. */
static int copy_block(struct ring_reader *r)
{
    uint64_t block_end = (r->at | (r->block_bytes - 1)) + 1;
    uint64_t to = r->head < block_end ? r->head : block_end, intent;

    if (r->at >= r->copy_from && r->at < r->copy_to)
        return 0;
    copy_words(r->copy, r->data + (r->at & (r->capacity - 1)), to - r->at);
    /* Intent. Acquire fence: the copy was read before intent is. Pairs with the release fence in
     * announce_block(). */
    fence_acquire();
    intent = load_relaxed(&r->shared->intent);
    r->copy_from = r->copy_to = 0;
    if (intent > r->capacity && (int64_t)(intent - r->capacity - r->at) > 0)
        return find_feet(r, intent - r->capacity);
    /* Untrusted: a head that far ahead was announced. */
    if (r->head - r->at > r->capacity) {
        pass_over(r);
        return -EBADMSG;
    }
    r->copy_from = r->at;
    r->copy_to = to;
    return 0;
}

static const unsigned char *bytes_at(const struct ring_reader *r, uint64_t index)
{
    return r->copy ? r->copy + (index - r->copy_from) : r->data + (index & (r->capacity - 1));
}

/* Untrusted: the producer's process can scribble on these bytes at any moment. Each word is read
 * once, checked against what we know ourselves, and never read again. */
static uint64_t record_bytes_checked(const struct ring_reader *r, uint64_t *word)
{
    const unsigned char *at = bytes_at(r, r->at);
    uint64_t room = r->block_bytes - (r->at & (r->block_bytes - 1));
    uint64_t end = r->copy ? r->copy_to : r->head, bytes, second = 0;

    if (room > end - r->at)
        room = end - r->at;
    *word = load_relaxed((const uint64_t *)(const void *)at);
    if ((*word & 0xff) == ADA_RECORD_LARGE && room >= 16)
        second = load_relaxed((const uint64_t *)(const void *)(at + 8));
    bytes = word_bytes(*word, second);
    if (bytes < 8 || (bytes & 7) || bytes > room)
        return 0;
    if (ada_record_type(*word) == ADA_RECORD_PENDING || ada_record_type(*word) == ADA_RECORD_HELD)
        return 0;
    if ((*word & 0xff) == ADA_RECORD_LARGE && bytes < 16)
        return 0;
    return bytes;
}

/* `stay`: what was shown before has to stay where it is, so neither look for news nor copy. */
static int peek(struct ring_reader *r, struct ring_record *record, bool stay)
{
    for (;;) {
        uint64_t word, bytes, large;
        int err;

        if (r->at == r->head && !stay && (err = refresh_head(r)))
            return err;
        if (r->at == r->head || (stay && r->copy && r->at >= r->copy_to))
            return 0;
        if (r->copy && (err = copy_block(r)))
            return err;
        bytes = record_bytes_checked(r, &word);
        if (!bytes) {
            pass_over(r);
            return -EBADMSG;
        }
        if (ada_record_type(word) == ADA_RECORD_PAD) {
            r->at += bytes;
            continue;
        }
        if (ada_record_type(word) == ADA_RECORD_SKIP) {
            r->at += bytes;
            r->skipped += bytes - 8;
            continue;
        }
        large = (word & 0xff) == ADA_RECORD_LARGE ? 8 : 0;
        record->type = ada_record_type(word);
        record->ticks = word >> ADA_RECORD_TICKS_SHIFT;
        record->payload = bytes_at(r, r->at) + 8 + large;
        record->payload_bytes = (uint32_t)(bytes - 8 - large);
        record->bytes = (uint32_t)bytes;
        return 1;
    }
}

int ring_peek(struct ring_reader *r, struct ring_record *record)
{
    return peek(r, record, false);
}

void ring_advance(struct ring_reader *r, const struct ring_record *record)
{
    r->at += record->bytes;
    if (record->type != ADA_RECORD_GAP) {
        r->taken++;
        r->known_written++;
    }
}

/* Bytes in use from `index` to the producer's head, behind `skipped` addresses that were left out.
 * Untrusted: a figure. */
static uint64_t bytes_used(const struct ring_reader *r, uint64_t head, uint64_t index,
                           uint64_t skipped)
{
    /* relaxed: read after head, so it may be ahead of it; then the figure is too low. */
    uint64_t left_out = load_relaxed(&r->shared->skipped_bytes) - skipped;

    return left_out <= head - index ? head - index - left_out : 0;
}

void ring_release(struct ring_reader *r)
{
    struct ring_shared *ring = r->shared;
    /* relaxed: only its distance from tail matters. */
    uint64_t head = load_relaxed(&ring->front.head);
    uint64_t fill = bytes_used(r, head, r->tail, r->skipped_at_tail);

    if (fill <= r->capacity && fill > r->high_water_bytes) {
        r->high_water_bytes = fill;
        store_relaxed(&ring->high_water_bytes, fill); /* relaxed: a figure for people */
    }
    store_relaxed(&ring->taken, r->taken);
    store_relaxed(&ring->overwritten, r->overwritten);
    store_relaxed(&ring->overwritten_bytes, r->overwritten_bytes);
    store_relaxed(&ring->damaged_bytes, r->damaged_bytes);
    if (r->tail != r->at) {
        r->tail = r->at;
        r->skipped_at_tail = r->skipped;
        store_relaxed(&ring->skipped_taken, r->skipped);
        /* Reclaim. Release: our reads of these bytes end before the producer may reuse them. Pairs
         * with the acquire of tail in ring_layout_for() and ring_limit_for(). Relaxed would pass
         * every test on x86 and corrupt records on Arm. */
        store_release(&ring->tail, r->at);
    }
    if (r->policy == RING_BLOCK)
        ring_tell_room(ring, bytes_used(r, head, r->tail, r->skipped), r->room);
}

int ring_read(struct ring_reader *r, void *out, size_t capacity, struct ring_record *record)
{
    int got = ring_peek(r, record);

    if (got <= 0)
        return got;
    if (record->payload_bytes > capacity)
        return -ENOBUFS;
    memcpy(out, record->payload, record->payload_bytes);
    record->payload = out;
    ring_advance(r, record);
    ring_release(r);
    return 1;
}

int ring_read_batch(struct ring_reader *r, struct ring_record *records, unsigned max)
{
    unsigned n = 0;

    while (n < max) {
        /* A batch ends where head was last seen: to look again for every record would take the
         * producer's line away from it. And it is of one copy. */
        int got = peek(r, &records[n], n != 0);

        if (got <= 0)
            return n ? (int)n : got;
        ring_advance(r, &records[n++]);
    }
    return (int)n;
}

const unsigned char *ring_view(const struct ring_reader *r, uint64_t *bytes)
{
    uint64_t end = r->copy ? r->copy_to : r->head;
    uint64_t room = r->block_bytes - (r->at & (r->block_bytes - 1));

    /* Policy overwrite: only of what was copied out and found whole. */
    if (r->at == end || (r->copy && (r->at < r->copy_from || r->at > end)))
        return NULL;
    *bytes = end - r->at < room ? end - r->at : room;
    return bytes_at(r, r->at);
}

void ring_take(struct ring_reader *r, uint64_t records, uint64_t bytes)
{
    r->at += bytes;
    r->taken += records;
    r->known_written += records;
}

int ring_set_policy(struct ring_shared *ring, enum ring_policy policy, uint64_t timeout_ns)
{
    if ((policy == RING_OVERWRITE) != (load_relaxed(&ring->policy) == RING_OVERWRITE))
        return -ENOTSUP;
    /* relaxed: the producer looks when its ring is full, and either policy is right at that moment.
     */
    store_relaxed(&ring->timeout_ns, timeout_ns);
    store_relaxed(&ring->policy, (uint32_t)policy);
    ring_tell_here(ring);
    return 0;
}

uint64_t ring_available_to_read(struct ring_reader *r)
{
    uint64_t bytes = refresh_head(r) ? 0 : bytes_used(r, r->head, r->at, r->skipped);

    return bytes < r->capacity ? bytes : r->capacity;
}

void ring_set_room(struct ring_reader *r, uint64_t bytes)
{
    r->room = bytes;
    /* Grant. Release: what we did with memory that was given back is visible before there is room
     * again. Pairs with the acquire in place_of(). For less room, ring_spare() makes sure. */
    store_release(&r->shared->room, bytes);
}

bool ring_spare(struct ring_reader *r, uint64_t *from, uint64_t *to)
{
    uint64_t base = r->room, reach, head;

    /* Room. Full fence: the room is visible before we look where the producer is. Pairs with the
     * fence in ring_reach(): either we see it there, or it sees that the room is gone. */
    fence_seq_cst();
    /* Acquire: what was written there is visible by its head. Pairs with the release in
     * ring_reach(). */
    reach = load_acquire(&r->shared->reach);
    /* Publish. Acquire: as in refresh_head(). */
    head = load_acquire(&r->shared->front.head);
    if (head != r->at || head != r->tail)
        return false;
    /* Untrusted: a wrong reach loses that thread's own records. It stays between head and reach
     * until it comes by; what lies behind is free. */
    *from = reach > base ? reach : base;
    *to = r->capacity;
    return *from < *to;
}

void ring_reset(struct ring_reader *r)
{
    struct ring_record record = {0};
    uint64_t until;
    int got;

    (void)refresh_head(r);
    until = r->head;
    while ((int64_t)(until - r->at) > 0 && (got = ring_peek(r, &record)) != 0)
        if (got > 0)
            ring_advance(r, &record);
    ring_release(r);
}
