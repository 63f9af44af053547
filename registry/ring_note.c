/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who writes the outermost record, where head was, and where a record of the fast path's ends: that
 * has no word to walk by before its commit, and what stands there is of an earlier lap. Producer
 * only.
 *
 * The fast path and the slow path note themselves before they claim (outer, outer_start,
 * outer_written), an instruction at a time, and a handler may note itself in between and be left.
 * So a note is believed to be there, not to be whole: who a record belongs to follows from where
 * the slow path has been, and from the words that it puts in front of a claim.
 */
#include "registry/ring_producer.h"

/* Where the fast path noted itself as the outermost writer head was. A reserve that was interrupted
 * may have noted itself where a handler's record stands, and have been left before it found out. */
static bool note_is_fast(const struct ada_writer *w)
{
    uint64_t words = w->outer & RING_OUTER_SIZE_MASK;

    return words && words != ADA_OUTER_LOST >> 3 &&
           (w->outer_start & ~UINT64_C(1)) != w->slow_start;
}

uint64_t ring_head_settle(struct ada_writer *w)
{
    uint64_t *front_head = &ring_front_of(w)->head;
    /* Wherever the fast path has begun a record, head was. Relaxed: what was published there was so
     * by this thread, before it stored what stands in head now, and that was a release. */
    uint64_t been = ring_later(w->been, note_is_fast(w) ? w->outer_start & ~UINT64_C(1) : 0);

    ring_figure_raise(front_head, been);
    return ring_later(load_relaxed(front_head), been); /* one may come back, and be left, now */
}

/* Do words lead from `at` to `to` as the slow path puts them there before its claim: over what is
 * left out, and over the record, which is PENDING? What an earlier lap has left, or a claim that
 * was left before it stood, may do so as well: then it leads over just this record. */
static bool words_lead(const struct ada_writer *w, uint64_t at, uint64_t to)
{
    uint64_t word = *ring_word_at(w, at), over = ring_word_bytes(word, 0);

    if (ring_word_leaves_out(word) && over < to - at) {
        at += over;
        word = *ring_word_at(w, at);
    }
    return ada_record_type(word) == ADA_RECORD_PENDING && ring_word_bytes(word, 0) == to - at;
}

uint64_t ring_fast_bytes(const struct ada_writer *w, uint64_t head, uint64_t reserve)
{
    uint64_t bytes = reserve - head;

    if (!bytes) /* nobody writes, and what stands there may be given back just now */
        return 0;
    if (w->foot == head)
        bytes = w->foot_end - head;
    else if ((int64_t)(w->slow_end - head) > 0 || words_lead(w, head, reserve))
        bytes = 0;
    return bytes <= ADA_RECORD_SMALL_MAX ? bytes : 0;
}

void ring_note_keep(struct ada_writer *w, uint64_t start)
{
    uint64_t head = load_relaxed(&ring_front_of(w)->head);

    if (w->foot == head)
        return;
    if (!ring_fast_bytes(w, head, start)) { /* a slow path's, that was about to say so, too */
        ring_figure_raise(&w->slow_end, start);
        return;
    }
    ring_figure_raise(&w->foot_end, start);
    ring_figure_raise(&w->foot, head); /* last: it says whose end that is */
}

void ring_note_find(struct ada_writer *w)
{
    uint64_t outer = w->outer, start = w->outer_start, written = w->outer_written;
    uint64_t head, reserve, bytes;

    ADA_SIGNAL_FENCE();
    head = ring_head_settle(w);
    reserve = load_relaxed(&w->reserve);
    bytes = ring_fast_bytes(w, head, reserve);
    if ((outer & RING_OUTER_SIZE_MASK) != ADA_OUTER_LOST >> 3 &&
        (!bytes || (start & ~UINT64_C(1)) == head))
        return;
    /* Unless a handler has noted another one meanwhile. It is in no count as far as we know: else
     * what stands there, of an earlier lap, would be taken for its record. */
    if (bytes && (start & ~UINT64_C(1)) != head &&
        !ada_cmpxchg_local(&w->outer_start, &start, head))
        return;
    if (bytes &&
        !ada_cmpxchg_local(&w->outer_written, &written, load_relaxed(&ring_front_of(w)->written)))
        return;
    (void)ada_cmpxchg_local(&w->outer, &outer,
                            (outer & ~(uint64_t)RING_OUTER_SIZE_MASK) | bytes >> 3);
}
