/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the producer's slow path is made of: words in the ring, the account of what is in front of
 * records and of what was dropped, and records whose writer is gone. Producer only,
 * async-signal-safe: a handler may be in any of these while another is, on the same ring.
 */
#ifndef ADATRACE_REGISTRY_RING_PRODUCER_H
#define ADATRACE_REGISTRY_RING_PRODUCER_H

#include "base/atomic.h"
#include "base/clock.h"
#include "registry/ring_layout.h"
#include "registry/ring_words.h"

/* A plan's index, when nothing is planned: odd. It is settled (the index it had, with the bit), or
 * somebody is about to plan, who then finds by this word, which is like no other, whether a handler
 * has done so meanwhile, or has begun to and was left. */
enum { RING_PLAN_NOTHING = 1, RING_PLAN_BEGUN = 3, RING_PLAN_SHIFT = 3 };

/* A figure that only grows: ours, but a handler that comes in between may raise it farther. */
static inline void ring_figure_raise(uint64_t *figure, uint64_t to)
{
    uint64_t now = load_relaxed(figure);

    while ((int64_t)(to - now) > 0 && !ada_cmpxchg_local(figure, &now, to)) {}
}

/* No two are the same. */
static inline uint64_t ring_twin(struct ada_writer *w)
{
    uint64_t twin = w->twins;

    while (!ada_cmpxchg_local(&w->twins, &twin, twin + 1)) {}
    return twin;
}

static inline uint64_t ring_plan_begun(struct ada_writer *w)
{
    return ring_twin(w) << RING_PLAN_SHIFT | RING_PLAN_BEGUN;
}

/* ---- words ---- */

/* Data is read behind the mask: what a handler that forks wipes between the two is no address. */
static inline uint64_t *ring_word_at(const struct ada_writer *w, uint64_t index)
{
    uint64_t at = index & w->mask;
    unsigned char *data;

    ADA_SIGNAL_FENCE();
    data = w->data;
    return (uint64_t *)(void *)(data ? data + at : ring_nowhere.bytes);
}

static inline uint64_t ring_writer_ticks(const struct ada_writer *w)
{
    return w->clocked ? clock_monotonic_ns() : ada_ticks();
}

/* PENDING or HELD, of the record at `at`: like that of no other lap, for who exchanges it may have
 * been away for one. Like no claim_word() either, whose numbers are odd. */
static inline uint64_t ring_claimed_word(const struct ada_writer *w, uint32_t type, uint64_t at,
                                         uint64_t bytes)
{
    return ring_filler_word(type, bytes, at / (w->mask + 1) << 1);
}

/* What padding stands for. A reader asks for none of it; who looks for the outermost record does.
 */
enum ring_pad {
    RING_PAD_LEFT_OUT,    /* in front of a record, by the slow path */
    RING_PAD_ROLLED_BACK, /* a record, in no count */
    RING_PAD_GIVEN_UP,    /* a record, in the count of drops */
    RING_PAD_OUTERMOST,   /* the outermost one, given up: in the count once outer_start is odd */
    RING_PAD_KINDS
};

/* Leads over bytes in which no event stands. */
static inline uint64_t ring_pad_word(struct ada_writer *w, enum ring_pad kind, uint64_t bytes)
{
    return ring_filler_word(ADA_RECORD_PAD, bytes, ring_twin(w) * RING_PAD_KINDS | kind);
}

static inline bool ring_word_pads(uint64_t word, enum ring_pad kind)
{
    return ada_record_type(word) == ADA_RECORD_PAD &&
           (word >> RING_TWIN_SHIFT) % RING_PAD_KINDS == kind;
}

static inline bool ring_word_leaves_out(uint64_t word)
{
    return ring_word_pads(word, RING_PAD_LEFT_OUT) || ada_record_type(word) == ADA_RECORD_SKIP;
}

/* Leads from here over bytes that are left out. */
static inline uint64_t ring_leave_out_word(struct ada_writer *w, uint64_t bytes)
{
    uint64_t skips = (uint64_t)ADA_RECORD_SKIP << ADA_RECORD_TYPE_SHIFT;

    return ring_pad_word(w, RING_PAD_LEFT_OUT, bytes) | (ring_is_elastic(ring_of(w)) ? skips : 0);
}

/* ---- drops ---- */

/* One record of so many bytes was dropped, now. */
void ring_note_drop(struct ada_writer *writer, uint64_t bytes);

/* ---- what stands in front of a record ---- */

/* Before the claim: from it on, whoever comes behind it knows what is told in front of it. False: a
 * handler was faster. */
bool ring_tell_begin(struct ada_writer *writer, const struct ring_layout *layout);

/* Before the claim, too: what is left out in front of it. `planned`: plan.first, as it was when the
 * layout was made. False: a handler was faster. Every claim leaves another `first`. */
bool ring_plan_leap(struct ada_writer *writer, const struct ring_layout *layout, uint64_t *planned);

/* Nothing unfinished stands in the ring, so what counts as told stands there. If not, who was about
 * to tell is gone, or was given up: true, then it is to be told by whoever looks again. */
bool ring_tell_anew(struct ada_writer *writer, const struct ring_layout *layout);

/* Behind the claim: write the GAP record, and account for it. */
void ring_tell(struct ada_writer *writer, const struct ring_layout *layout, uint64_t ticks);

/* Account for what others have planned, commits as well: the slow path does so itself, and does it
 * in the place of a slow path that was interrupted or left. Any number of times. */
void ring_plan_settle(struct ada_writer *writer);

/* Has somebody been left, or come in between, before his plan was settled? */
static inline bool ring_plan_is_open(const struct ada_writer *w)
{
    return !(load_relaxed(&w->commit.at) & load_relaxed(&w->plan.gap) & RING_PLAN_NOTHING);
}

/* Whoever had a plan, or was about to tell, is gone: what does not stand by now never will. */
void ring_plan_end(struct ada_writer *writer);

/* Policy overwrite: what stands in front of the block that begins at an index. */
struct ring_in_front {
    uint64_t written, told, told_bytes;
};

/* Mark it, if a block begins at `at` and the count is known, unless somebody has marked a later one
 * in its place. */
void ring_mark(struct ada_writer *writer, uint64_t at, const struct ring_in_front *front);

/* ---- commits ---- */

/*
 * Finish what was claimed as PENDING or HELD, as `records` records (0: padding) whose first header
 * is `word`, and publish, if nothing unfinished stands in front. `sp`: of the frame that does.
 * False: it was given up meanwhile, and is counted as dropped.
 */
bool ring_finish(struct ada_record *record, uint32_t claimed_as, uint64_t word, uint64_t records,
                 uint64_t sp);

/* Finish what others have begun to commit, as far as it stands. Any number of times. */
void ring_commit_settle(struct ada_writer *writer);

/* ---- records of others on this thread ---- */

/* The part of ada_writer_outer() that is no address. */
enum { RING_OUTER_SIZE_MASK = (1 << 20) - 1 };

/* A writer that comes back to what was published meanwhile moves head back to the end of its own
 * record, which the consumer ignores: bring head to where it has been, and say where that is.
 * Whoever looks at head on the slow path does so first. */
uint64_t ring_head_settle(struct ada_writer *writer);

/* Bytes of the record at head, if it is the fast path's, which has no word to walk by and may have
 * been left; 0: words lead over what stands there. As long as nobody has claimed anything behind
 * it, it is all that is reserved; and who does keeps where it ends. */
uint64_t ring_fast_bytes(const struct ada_writer *writer, uint64_t head, uint64_t reserve);

/* A reserve of the fast path's that failed has written its note over that of a handler's, whose
 * record may have been left: find out which one stands at head. The slow path does so first. */
void ring_note_find(struct ada_writer *writer);

/* Before something is claimed at `start`, behind the record at head: keep where that ends. */
void ring_note_keep(struct ada_writer *writer, uint64_t start);

/* The outermost record is finished: publish what stands behind it, up to one that is held. That one
 * is then the outermost, and its commit goes on from there. */
void ring_publish_rest(struct ada_writer *writer);

/* Has the frame that was writing the record at head been left (siglongjmp out of a handler that
 * interrupted it)? `sp`: of the caller's frame. Only said of frames on this thread's own stack; a
 * handler's alternate stack proves nothing. */
bool ring_outer_is_gone(const struct ada_writer *writer, uint64_t sp);

/* Stands nothing unfinished between `head` and the record at `start`? */
bool ring_is_outermost(const struct ada_writer *writer, uint64_t head, uint64_t start);

/* What the outermost writer notes of where his record begins, at `start`: `head`, where what he has
 * put in front does; or `start`, when who was about to publish what else stands there has been
 * left. */
uint64_t ring_outer_start(const struct ada_writer *writer, uint64_t head, uint64_t start);

/* The writer of `back` was given up, has come back, counted it and moved head back. Before it takes
 * the count back: what a handler has published since, of which only the count tells, stays so. */
void ring_keep_published(struct ada_writer *writer, const struct ada_record *back);

/* Bytes of records that stand between the unfinished one at `head` and `to`. */
uint64_t ring_bytes_behind_outer(const struct ada_writer *writer, uint64_t head, uint64_t to);

/* Give up the record at head, whose writer is gone, and what others that are gone have left behind
 * it; publish the rest. */
void ring_bury_outer(struct ada_writer *writer);

/* The same as a last resort: the writer may only be away. What stands behind it is published up to
 * another unfinished record, whose writer may be so, too: that one is then the outermost. `head`:
 * where the record stands of which that was found; a handler may have done it since, and then
 * another one stands in front. */
void ring_bury_away(struct ada_writer *writer, uint64_t head);

enum { RING_GIVEN_UP = sizeof(((struct ada_writer *)0)->given_up) / sizeof(uint64_t) };

/* Was this record given up, though its writer was only away? It is counted as dropped then. */
static inline bool ring_is_given_up(const struct ada_writer *w, uint64_t end)
{
    for (int i = 0; i < RING_GIVEN_UP; i++)
        if (end == w->given_up[i])
            return true;
    return false;
}

#endif
