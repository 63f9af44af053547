/* SPDX-License-Identifier: Apache-2.0 */
/* Plain records go from the ring into the trace in runs, with nothing else changed. */
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

static void numbers_check(uint64_t first, size_t count)
{
    uint64_t last = 0;

    assert_int_equal(fake_count(FAKE_RECORD, 0), count);
    for (size_t i = 0; i < count; i++) {
        const struct fake_call *call = fake_find(FAKE_RECORD, 0, i);

        assert_int_equal(call->value, first + i);
        assert_true(call->ticks >= last);
        last = call->ticks;
    }
}

static void records_are_taken_in_runs_and_in_order(void **state)
{
    struct ring_stats stats;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 16384});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 3000; i++) { /* three laps: padding where the ring ends */
        assert_true(producer_write(&p, i));
        if (i % 500 == 499)
            drain_round(stage.drain);
    }
    numbers_check(0, 3000);
    assert_true(fake_writer_log()->in_bulk > 2900);
    ring_stats(producer_ring(&p), &stats);
    assert_int_equal(stats.taken, 3000);
    assert_int_equal(stats.fill_bytes, 0);
    stage_clear(&stage);
}

static void runs_are_taken_from_an_overwriting_ring(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t first;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 16384, .policy = RING_OVERWRITE});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 2000; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    first = fake_find(FAKE_RECORD, 0, 0)->value;
    assert_true(first > 0);
    numbers_check(first, 2000 - first);
    assert_true(fake_writer_log()->in_bulk > (2000 - first) / 2);
    assert_int_equal(fake_find(FAKE_GAP, 0, 0)->item.gap.records, first);
    /* What was taken in runs is not overwritten afterwards. */
    for (uint64_t i = 0; i < 2000; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    assert_int_equal(
        fake_count(FAKE_RECORD, 0) + first + fake_find(FAKE_GAP, 0, 1)->item.gap.records, 4000);
    stage_clear(&stage);
}

/* Types that nobody declared, one in fifty records. */
static void what_is_not_plain_stands_at_its_place(void **state)
{
    struct stage stage;
    struct producer p;
    const struct fake_call *gap, *before;
    uint64_t number = 0;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 16384});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 700; i++) {
        if (i % 50 == 49)
            assert_true(ring_write(&p.writer, TYPE_UNKNOWN, &i, sizeof(i)));
        else
            assert_true(producer_write(&p, number++));
    }
    drain_round(stage.drain);
    numbers_check(0, number);
    assert_int_equal(fake_count(FAKE_GAP, 0) + 1, 14); /* the last one has no end yet */
    for (size_t n = 0; (gap = fake_find(FAKE_GAP, 0, n)); n++) {
        /* A second may have passed. */
        for (before = gap - 1; before->kind == FAKE_LEDGER || before->kind == FAKE_CLOCK;)
            before--;
        assert_int_equal(before->kind, FAKE_RECORD);
        assert_int_equal(gap->item.gap.first_ticks, before->ticks);
    }
    assert_true(fake_writer_log()->in_bulk > number / 2);
    stage_clear(&stage);
}

static void records_that_cannot_be_written_are_counted(void **state)
{
    const struct trace_ledger *ledger;
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 16384});
    producer_claim(&p, &stage, 0, false);
    for (uint64_t i = 0; i < 300; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    fake_writer_log()->refuse = -ENOSPC;
    for (uint64_t i = 0; i < 300; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    drain_tick(stage.drain);
    ledger = &fake_last(FAKE_LEDGER, 0)->item.ledger;
    assert_int_equal(ledger->written, 600);
    assert_int_equal(ledger->stored, 300);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_taken_in_runs_and_in_order),
        cmocka_unit_test(runs_are_taken_from_an_overwriting_ring),
        cmocka_unit_test(what_is_not_plain_stands_at_its_place),
        cmocka_unit_test(records_that_cannot_be_written_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
