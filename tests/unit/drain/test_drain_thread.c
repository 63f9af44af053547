/* SPDX-License-Identifier: Apache-2.0 */
/* One ring becomes one stream: order, fairness, gaps at their place, exact ledgers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "fake_writer.h"
#include "producer.h"

static const struct stage_options small = {.ring_bytes = 4096};

static const struct trace_ledger *ledger_of(uint32_t thread)
{
    const struct fake_call *call = fake_last(FAKE_LEDGER, thread);

    assert_non_null(call);
    return &call->item.ledger;
}

/* Write until the ring is full and `drops` more; returns how many were written. */
static uint64_t overfill(struct producer *p, uint64_t drops)
{
    uint64_t written = 0;

    while (producer_write(p, written))
        written++;
    for (uint64_t i = 1; i < drops; i++)
        assert_false(producer_write(p, 0));
    return written;
}

static void records_arrive_in_order_with_whole_ticks(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t before = clock_source_ticks(CLOCK_SOURCE_MONOTONIC), last = before;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 50; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 50);
    for (uint64_t i = 0; i < 50; i++) {
        const struct fake_call *call = fake_find(FAKE_RECORD, 0, i);

        assert_int_equal(call->value, i);
        assert_true(call->ticks >= last);
        last = call->ticks;
    }
    assert_true(last <= clock_source_ticks(CLOCK_SOURCE_MONOTONIC));
    stage_clear(&stage);
}

static void type_and_thread_are_told_before_their_records(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    drain_round(stage.drain);
    assert_true(fake_find(FAKE_PROCESS, 0, 0) < fake_find(FAKE_THREAD, 0, 0));
    assert_true(fake_find(FAKE_THREAD, 0, 0) < fake_find(FAKE_RECORD, 0, 0));
    assert_true(fake_find(FAKE_TYPE, 0, 0) < fake_find(FAKE_RECORD, 0, 0));
    assert_string_equal(fake_find(FAKE_THREAD, 0, 0)->text, "producer");
    stage_clear(&stage);
}

static void noisy_ring_does_not_starve_a_quiet_one(void **state)
{
    struct stage stage;
    struct producer noisy, quiet;
    struct wait_load load;
    size_t share = DRAIN_SHARE_BYTES / 16;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 2 << 20});
    producer_claim(&noisy, &stage, 1, false);
    producer_claim(&quiet, &stage, 2, false);
    overfill(&noisy, 1);
    for (uint64_t i = 0; i < 10; i++)
        producer_write(&quiet, i);
    load = drain_round(stage.drain);
    assert_true(load.more);
    assert_in_range(load.fill_percent, 99, 100);
    assert_in_range(fake_count(FAKE_RECORD, 1), share, share + 256);
    assert_int_equal(fake_count(FAKE_RECORD, 2), 10);
    stage_clear(&stage);
}

static void gap_stands_where_the_records_were_dropped(void **state)
{
    struct stage stage;
    struct producer p;
    const struct fake_call *gap, *before, *after;
    uint64_t written;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    written = overfill(&p, 7);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_GAP, 0), 0); /* nothing told of it yet */
    assert_true(producer_write(&p, 1000));
    drain_round(stage.drain);
    gap = fake_find(FAKE_GAP, 0, 0);
    assert_non_null(gap);
    assert_int_equal(gap->item.gap.kind, TRACE_GAP_DROPPED);
    assert_int_equal(gap->item.gap.records, 7);
    assert_int_equal(gap->item.gap.bytes, 7 * 16);
    before = fake_find(FAKE_RECORD, 0, written - 1);
    after = fake_find(FAKE_RECORD, 0, written);
    assert_true(before < gap && gap < after);
    assert_int_equal(after->value, 1000);
    assert_true(gap->item.gap.first_ticks >= before->ticks);
    assert_true(gap->item.gap.last_ticks >= gap->item.gap.first_ticks);
    assert_true(gap->item.gap.last_ticks <= after->ticks);
    stage_clear(&stage);
}

static void drops_that_nothing_followed_become_a_last_gap(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t written;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    written = overfill(&p, 5);
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_GAP, 0), 1);
    assert_int_equal(fake_find(FAKE_GAP, 0, 0)->item.gap.records, 5);
    assert_true(ledger_of(1)->final);
    assert_int_equal(ledger_of(1)->written, written);
    assert_int_equal(ledger_of(1)->stored, written);
    assert_int_equal(ledger_of(1)->dropped, 5);
    assert_in_range(ledger_of(1)->high_water_bytes, 4096 - 16, 4096);
    stage_clear(&stage);
}

static void unknown_type_is_counted_as_damaged_at_its_place(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t number = 5;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    assert_true(ring_write(&p.writer, TYPE_UNKNOWN, &number, 8));
    assert_true(ring_write(&p.writer, TYPE_UNKNOWN, &number, 8));
    producer_write(&p, 2);
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 2);
    assert_int_equal(fake_count(FAKE_GAP, 0), 1);
    assert_int_equal(fake_find(FAKE_GAP, 0, 0)->item.gap.kind, TRACE_GAP_DAMAGED);
    assert_int_equal(fake_find(FAKE_GAP, 0, 0)->item.gap.records, 2);
    assert_true(fake_find(FAKE_GAP, 0, 0) < fake_find(FAKE_RECORD, 0, 1));
    assert_int_equal(ledger_of(1)->written, 4);
    assert_int_equal(ledger_of(1)->stored, 2);
    assert_int_equal(ledger_of(1)->damaged, 2);
    stage_clear(&stage);
}

/* Each hole costs a gap, five times what it takes to scribble: no more of them than that. */
static void ring_full_of_holes_costs_few_gaps_and_is_told_exactly(void **state)
{
    enum { PAIRS = 1000, GAPS_MAX = 65 };
    uint64_t damaged = 0;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 65536});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < PAIRS; i++) {
        assert_true(producer_write(&p, i));
        assert_true(ring_write(&p.writer, TYPE_UNKNOWN + (uint32_t)i % 2, &i, 8));
    }
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_RECORD, 0), PAIRS);
    assert_in_range(fake_count(FAKE_GAP, 0), 2, GAPS_MAX);
    for (size_t i = 0; i < fake_count(FAKE_GAP, 0); i++) {
        const struct trace_gap *gap = &fake_find(FAKE_GAP, 0, i)->item.gap;

        assert_true(gap->first_ticks <= gap->last_ticks);
        damaged += gap->records;
    }
    assert_int_equal(damaged, PAIRS);
    assert_int_equal(ledger_of(1)->damaged, PAIRS);
    assert_int_equal(ledger_of(1)->stored, PAIRS);
    stage_clear(&stage);
}

/* What nobody can have counted in the time that there was, and what only the drain counts. */
static void counters_that_cannot_be_are_not_believed(void **state)
{
    struct stage stage;
    struct producer p;
    struct ring_shared *ring;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    ring = producer_ring(&p);
    store_relaxed(&ring->overwritten, 7); /* before the drain has looked at it once */
    store_relaxed(&ring->taken, UINT64_MAX);
    store_relaxed(&ring->damaged_bytes, UINT64_MAX);
    producer_write(&p, 1);
    drain_round(stage.drain);
    assert_false(fake_has_note("writes over its counters"));
    store_relaxed(&ring->dropped, UINT64_C(1) << 62);
    add_relaxed(&ring->front.written, UINT64_C(1) << 63);
    drain_tick(stage.drain);
    assert_int_equal(ledger_of(1)->dropped, 0);
    assert_true(fake_has_note("writes over its counters"));
    producer_retire(&p);
    drain_round(stage.drain);
    assert_true(ledger_of(1)->final);
    assert_int_equal(ledger_of(1)->dropped + ledger_of(1)->overwritten + ledger_of(1)->damaged, 0);
    assert_int_equal(ledger_of(1)->written, 1);
    assert_int_equal(ledger_of(1)->stored, 1);
    assert_int_equal(fake_count(FAKE_GAP, 0), 0);
    stage_clear(&stage);
}

static void type_told_after_the_arena_was_read_is_found(void **state)
{
    struct stage stage;
    struct producer p;
    struct wait_load load = {0};

    (void)state;
    stage_set(&stage, &(struct stage_options){.untold = true});
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain); /* the arena is read, and empty */
    stage_tell_type(&stage, TYPE_NUMBER, "test", "number");
    producer_write(&p, 3);
    /* As if type and record came between the two steps of a round. */
    thread_visit(stage.drain, stage.drain->sources->threads[p.slot], DRAIN_SHARE_BYTES, &load);
    assert_int_equal(fake_count(FAKE_RECORD, 0), 1);
    assert_int_equal(fake_count(FAKE_GAP, 0), 0);
    stage_clear(&stage);
}

static void overwritten_records_become_a_gap(void **state)
{
    struct stage stage;
    struct producer p;
    const struct trace_ledger *ledger;
    uint64_t lost = 0;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 8192, .policy = RING_OVERWRITE});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(producer_write(&p, i));
    producer_retire(&p);
    drain_round(stage.drain);
    ledger = ledger_of(1);
    for (size_t n = 0; n < fake_count(FAKE_GAP, 0); n++) {
        assert_int_equal(fake_find(FAKE_GAP, 0, n)->item.gap.kind, TRACE_GAP_OVERWRITTEN);
        lost += fake_find(FAKE_GAP, 0, n)->item.gap.records;
    }
    assert_true(lost > 4000);
    assert_int_equal(ledger->written, 5000);
    assert_int_equal(ledger->overwritten, lost);
    assert_int_equal(ledger->stored + ledger->overwritten, 5000);
    assert_int_equal(fake_last(FAKE_RECORD, 0)->value, 4999);
    assert_true(fake_find(FAKE_GAP, 0, 0) < fake_find(FAKE_RECORD, 0, 0));
    stage_clear(&stage);
}

static void ledger_of_a_living_thread_is_written_when_it_changed(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    drain_round(stage.drain);
    drain_tick(stage.drain);
    drain_tick(stage.drain);
    assert_int_equal(fake_count(FAKE_LEDGER, 1), 1);
    assert_false(ledger_of(1)->final);
    producer_write(&p, 2);
    drain_round(stage.drain);
    drain_tick(stage.drain);
    assert_int_equal(fake_count(FAKE_LEDGER, 1), 2);
    assert_int_equal(ledger_of(1)->stored, 2);
    stage_clear(&stage);
}

static void counted_but_never_published_is_told_and_not_counted(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    /* Killed between the two last instructions of an emit. */
    add_relaxed(&producer_ring(&p)->front.written, 1);
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(ledger_of(1)->written, 1);
    assert_int_equal(ledger_of(1)->stored, 1);
    assert_true(fake_has_note("never published"));
    stage_clear(&stage);
}

/* An emit counts its record just before it publishes it; the recording ends between the two. */
static void emit_that_the_end_overtakes_is_told_and_in_no_ledger(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    producer_write(&p, 1);
    add_relaxed(&producer_ring(&p)->front.written, 1);
    drain_finish(stage.drain);
    assert_true(ledger_of(1)->final);
    assert_int_equal(ledger_of(1)->written, 1);
    assert_int_equal(ledger_of(1)->stored, 1);
    assert_true(fake_has_note("the recording ended in the middle of an event"));
    stage_clear(&stage);
}

/* Its GAP record is overwritten with the records around it. */
static void drops_that_were_told_in_what_is_overwritten_stand_there(void **state)
{
    struct stage stage;
    struct producer p;
    unsigned char large[1024] = {0};
    const struct fake_call *gap;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 8192, .policy = RING_OVERWRITE});
    producer_claim(&p, &stage, 0, false);
    assert_false(ring_write(&p.writer, TYPE_NUMBER, large, sizeof(large)));
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(producer_write(&p, i));
    producer_retire(&p);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_GAP, 0), 2);
    gap = fake_find(FAKE_GAP, 0, 1);
    assert_int_equal(gap->item.gap.kind, TRACE_GAP_DROPPED);
    assert_int_equal(gap->item.gap.records, 1);
    assert_int_equal(gap->item.gap.bytes, sizeof(large) + 8);
    assert_true(gap < fake_find(FAKE_RECORD, 0, 0));
    assert_true(gap->item.gap.last_ticks <= fake_find(FAKE_RECORD, 0, 0)->ticks);
    assert_int_equal(ledger_of(1)->dropped, 1);
    stage_clear(&stage);
}

static void renamed_thread_is_written_again(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    registry_rename(&stage.segment, p.slot, "worker-3");
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(fake_count(FAKE_THREAD, 1), 2);
    assert_string_equal(fake_last(FAKE_THREAD, 1)->text, "worker-3");
    stage_clear(&stage);
}

static void record_that_the_file_refuses_does_not_stop_the_drain(void **state)
{
    struct stage stage;
    struct producer p;
    struct drain_figures figures;
    struct ring_stats stats;

    (void)state;
    stage_set(&stage, &small);
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    fake_writer_log()->refuse = -28; /* ENOSPC */
    for (int i = 0; i < 3; i++) {
        overfill(&p, 1);
        drain_round(stage.drain);
    }
    ring_stats(producer_ring(&p), &stats);
    assert_int_equal(stats.fill_bytes, 0);
    drain_finish(stage.drain);
    drain_figures(stage.drain, &figures);
    assert_int_equal(figures.error, -28);
    assert_int_equal(figures.records, 0);
    stage_clear(&stage);
}

/* Whatever is short of memory at first: the records that come after it are there. */
static void what_could_not_be_described_is_described_before_its_records(void **state)
{
    struct drain_figures figures;
    struct stage stage;
    struct producer p;

    (void)state;
    for (unsigned shorts = 1; shorts <= 4; shorts++) {
        stage_set(&stage, &small);
        producer_claim(&p, &stage, 0, false);
        fake_writer_log()->short_of = shorts;
        for (uint64_t i = 0; i < 4; i++) { /* the first may not get in, and is counted */
            producer_write(&p, i);
            drain_round(stage.drain);
        }
        drain_finish(stage.drain);
        drain_figures(stage.drain, &figures);
        assert_int_equal(fake_count(FAKE_RECORD, 0) + figures.lost, 4);
        assert_true(figures.lost < shorts);
        assert_int_equal(figures.error, -ENOMEM);
        assert_true(fake_find(FAKE_PROCESS, 0, 0) < fake_find(FAKE_THREAD, 0, 0));
        assert_true(fake_find(FAKE_THREAD, 0, 0) < fake_find(FAKE_RECORD, 0, 0));
        stage_clear(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_arrive_in_order_with_whole_ticks),
        cmocka_unit_test(type_and_thread_are_told_before_their_records),
        cmocka_unit_test(noisy_ring_does_not_starve_a_quiet_one),
        cmocka_unit_test(gap_stands_where_the_records_were_dropped),
        cmocka_unit_test(drops_that_nothing_followed_become_a_last_gap),
        cmocka_unit_test(unknown_type_is_counted_as_damaged_at_its_place),
        cmocka_unit_test(ring_full_of_holes_costs_few_gaps_and_is_told_exactly),
        cmocka_unit_test(counters_that_cannot_be_are_not_believed),
        cmocka_unit_test(type_told_after_the_arena_was_read_is_found),
        cmocka_unit_test(overwritten_records_become_a_gap),
        cmocka_unit_test(ledger_of_a_living_thread_is_written_when_it_changed),
        cmocka_unit_test(counted_but_never_published_is_told_and_not_counted),
        cmocka_unit_test(emit_that_the_end_overtakes_is_told_and_in_no_ledger),
        cmocka_unit_test(drops_that_were_told_in_what_is_overwritten_stand_there),
        cmocka_unit_test(renamed_thread_is_written_again),
        cmocka_unit_test(record_that_the_file_refuses_does_not_stop_the_drain),
        cmocka_unit_test(what_could_not_be_described_is_described_before_its_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
