/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow path's commit: of records behind an unfinished one, of what was reserved by hand, of
 * batches. Producer only.
 *
 * The record's final word and the count that it is in have to be one: a handler may jump out of any
 * instruction here for ever, and whoever publishes later sees nothing but the word. So both are
 * planned, and whoever comes by settles the plan: it exchanges the word for the final one, unless
 * the record was given up meanwhile, and raises the figures to what they are then. They are
 * raised by nobody else, and only after all earlier plans were settled, so that the outcome is the
 * same any number of times over. The fast path's count is another one, for that reason.
 */
#include "registry/ring_producer.h"

#include <string.h>

/* Where the record begins, its header word that is; what the writer put in front is not counted. */
static uint64_t record_start(const struct ada_record *record)
{
    const struct ada_writer *w = record->writer;

    return record->end - ((record->end - (uint64_t)(record->header - w->data)) & w->mask);
}

void ring_commit_settle(struct ada_writer *w)
{
    struct ring_shared *ring = ring_of(w);
    struct ada_commit_plan plan;

    if (load_relaxed(&w->commit.at) & RING_PLAN_NOTHING)
        return;
    plan = w->commit;
    ADA_SIGNAL_FENCE();
    /* Else a handler has settled it. */
    if ((plan.at & RING_PLAN_NOTHING) || load_relaxed(&w->commit.at) != plan.at)
        return;
    /* When it fails, `claimed` is what stands there. */
    if (ada_cmpxchg_local(ring_word_at(w, plan.at), &plan.claimed, plan.word) ||
        plan.claimed == plan.word) {
        ring_figure_raise(&ring->written_slow, plan.written);
        ring_figure_raise(&ring->nested, plan.nested);
    }
    ADA_SIGNAL_FENCE();
    (void)ada_cmpxchg_local(&w->commit.at, &plan.at, plan.at | RING_PLAN_NOTHING);
}

/* Settle what others have planned, and keep the plan to ourselves: until another one does the same.
 */
static uint64_t plan_begin(struct ada_writer *w)
{
    uint64_t mark = ring_plan_begun(w), planned;

    do {
        ring_commit_settle(w);
        planned = load_relaxed(&w->commit.at);
    } while (!(planned & RING_PLAN_NOTHING) || !ada_cmpxchg_local(&w->commit.at, &planned, mark));
    return mark;
}

/* False: handlers were faster; again. */
static bool plan_try(const struct ada_record *record, uint64_t start, uint32_t claimed_as,
                     uint64_t word, uint64_t records)
{
    struct ada_writer *w = record->writer;
    struct ring_shared *ring = ring_of(w);
    uint64_t mark = plan_begin(w);

    w->commit.claimed = ring_claimed_word(w, claimed_as, start, record->end - start);
    w->commit.word = word;
    w->commit.written = load_relaxed(&ring->written_slow) + records; /* relaxed: ours */
    w->commit.nested = load_relaxed(&ring->nested) + (record->nested ? records : 0);
    ADA_SIGNAL_FENCE();
    return ada_cmpxchg_local(&w->commit.at, &mark, start);
}

/* Was it given up? Behind head nothing is claimed: it was published as padding, and its place may
 * be another's by now. */
static bool is_lost(const struct ada_record *record, uint64_t start)
{
    const struct ada_writer *w = record->writer;

    return ring_is_given_up(w, record->end) ||
           (int64_t)(load_relaxed(&ring_front_of(w)->head) - start) > 0;
}

/* Let the final word stand, and count. False: it was given up, and counted as that. */
static bool word_finish(const struct ada_record *record, uint64_t start, uint32_t claimed_as,
                        uint64_t word, uint64_t records)
{
    do {
        if (is_lost(record, start))
            return false;
    } while (!plan_try(record, start, claimed_as, word, records));
    ring_commit_settle(record->writer);
    return !ring_is_given_up(record->writer, record->end);
}

bool ring_finish(struct ada_record *record, uint32_t claimed_as, uint64_t word, uint64_t records,
                 uint64_t sp)
{
    struct ada_writer *w = record->writer;
    uint64_t start, head;
    bool stands;

    if (!w->ring) /* wiped: we are a forked child, and the reservation is our parent's */
        return true;
    ring_head_settle(w);
    ring_note_find(w);
    start = record_start(record);
    head = load_relaxed(&ring_front_of(w)->head);
    /* The outermost one, by hand or a batch: from here on its word says whether it is in the count.
     * Was it held, so that ring_publish_rest() has stopped at it, it can be left again. */
    if ((!record->nested || ring_is_outermost(w, head, start)) &&
        (!w->outer || w->outer_start == head)) {
        w->outer_written = RING_WRITTEN_UNKNOWN;
        w->outer_start = ring_outer_start(w, head, start);
        ADA_SIGNAL_FENCE();
        if (!w->outer)
            w->outer = ada_writer_outer(sp, 0);
    }
    ADA_SIGNAL_FENCE();
    stands = word_finish(record, start, claimed_as, word, records);
    head = load_relaxed(&ring_front_of(w)->head);
    if (record->nested && (!stands || !ring_is_outermost(w, head, start)))
        return stands;
    /* Publish. Release: as in ada_commit_fast(). Pairs with the acquire of head in ring_peek().
     * Unless a handler has done so, and gone on from there. Of a nested one the walk does it: its
     * block may have no mark. */
    if (!record->nested && (int64_t)(record->end - head) > 0)
        (void)compare_exchange_release(&ring_front_of(w)->head, &head, record->end);
    ADA_SIGNAL_FENCE();
    ring_publish_rest(w);
    return stands;
}

void ring_commit(struct ada_record *record)
{
    (void)ring_finish(record, ADA_RECORD_HELD, record->word, 1, ring_caller_sp());
}

void ring_rollback(struct ada_record *record)
{
    uint64_t bytes = record->end - record_start(record);

    if (record->writer->ring)
        ada_add_local(&ring_of(record->writer)->padding_bytes, bytes);
    (void)ring_finish(record, ADA_RECORD_HELD,
                      ring_pad_word(record->writer, RING_PAD_ROLLED_BACK, bytes), 0,
                      ring_caller_sp());
}

/*
 * The writer of a record that was given up has come back and committed it: take back what that has
 * done. It was counted as dropped, and may have been read already, as padding.
 */
static void give_up_again(struct ada_writer *w, const struct ada_record *back)
{
    uint64_t bytes = (back->end - (uint64_t)(back->header - w->data)) & w->mask;
    uint64_t padding = ring_pad_word(w, RING_PAD_GIVEN_UP, bytes), word = back->word;

    /* Unless a handler, which came since, has claimed the place. */
    (void)ada_cmpxchg_local((uint64_t *)(void *)back->header, &word, padding);
    ADA_SIGNAL_FENCE();
    ring_keep_published(w, back);
    ada_add_local(&ring_front_of(w)->written, UINT64_MAX);
    ADA_SIGNAL_FENCE();
    /* Whom we have interrupted may move head back as well, and finds it by `been` again. */
    ring_figure_raise(&w->been, load_relaxed(&ring_front_of(w)->head));
}

void ring_commit_slow(struct ada_writer *w, unsigned char *header, uint64_t end, uint64_t word,
                      bool nested)
{
    struct ada_record record = {
        .header = header, .end = end, .word = word, .writer = w, .nested = true};

    if (nested) {
        (void)ring_finish(&record, ADA_RECORD_PENDING, word, 1, 0);
        return;
    }
    if (ring_is_given_up(w, end))
        give_up_again(w, &record);
    ring_head_settle(w);
    ring_publish_rest(w);
}
