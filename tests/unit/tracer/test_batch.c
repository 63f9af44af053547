/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: many events with one clock reading and one publish, all or none. */
#include "tracer_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_reader.h"

enum { BATCH_MAX = 1024, RING_BYTES = 32768 };

ADA_EVENT(batch, number, (u64, n))
ADA_EVENT(batch, text, (string, text))
ADA_EVENT(batch, quiet)

static uint64_t numbers[BATCH_MAX];
static struct ada_batch_item items[BATCH_MAX + 1];

static void fill(void)
{
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        numbers[i] = i;
        items[i] = (struct ada_batch_item){&ada_event_batch_number, &numbers[i], 8};
    }
    items[BATCH_MAX] = items[0];
}

/* Every test in this process has the rings of the first. */
static void start(void)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES, .events = "!batch:quiet"};

    recording_start(&options);
}

static void batch_comes_back_in_order_at_one_time(void **state)
{
    uint64_t ticks = 0;

    (void)state;
    fill();
    start();
    assert_int_equal(ada_emit_batch(items, 100), 100);
    recording_stop();
    for (unsigned i = 0; i < 100; i++) {
        const struct trace_event *e = recording_expect("batch:number");

        assert_int_equal(field_unsigned(e, "n"), i);
        assert_true(i == 0 || e->ticks == ticks);
        ticks = e->ticks;
    }
    recording_expect_end();
}

static void types_and_sizes_mix(void **state)
{
    static const char text[] = "\5\0\0\0hello";
    const uint64_t n = UINT64_MAX;
    const struct ada_batch_item mixed[] = {
        {&ada_event_batch_number, &n, 8},
        {&ada_event_batch_text, text, 9},
        {&ada_event_batch_quiet, NULL, 0},
        {&ada_event_batch_number, &n, 8},
    };

    (void)state;
    start();
    assert_int_equal(ada_emit_batch(mixed, 4), 3); /* one is off */
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("batch:number"), "n"), UINT64_MAX);
    expect_text(recording_expect("batch:text"), "text", "hello");
    assert_int_equal(field_unsigned(recording_expect("batch:number"), "n"), UINT64_MAX);
    recording_expect_end();
}

static void batch_of_nothing_is_nothing(void **state)
{
    const struct ada_batch_item off[] = {{&ada_event_batch_quiet, NULL, 0}};

    (void)state;
    start();
    assert_int_equal(ada_emit_batch(NULL, 0), 0);
    assert_int_equal(ada_emit_batch(off, 1), 0);
    recording_stop();
    recording_expect_end();
}

static void batch_has_a_length_that_is_refused(void **state)
{
    (void)state;
    fill();
    start();
    assert_int_equal(ada_emit_batch(items, BATCH_MAX + 1), -E2BIG);
    recording_stop();
    recording_expect_end();
}

static void batch_that_does_not_fit_is_dropped_whole_and_counted(void **state)
{
    const struct trace_ledger *ledger;
    struct ada_thread_stats before, after;

    (void)state;
    fill();
    start();
    assert_int_equal(ada_emit_batch(items, 1), 1);
    assert_int_equal(ada_thread_stats_read(&before), 0);
    assert_int_equal(ada_emit_batch(items, BATCH_MAX), 0); /* a quarter of the ring is too much */
    assert_int_equal(ada_thread_stats_read(&after), 0);
    assert_int_equal(after.written, before.written);
    assert_int_equal(after.dropped - before.dropped, BATCH_MAX);
    assert_int_equal(after.dropped_bytes - before.dropped_bytes, BATCH_MAX * 16);
    assert_int_equal(ada_emit_batch(items, 2), 2);
    recording_stop_lossy();
    for (unsigned i = 0; i < 3; i++)
        recording_expect("batch:number");
    ledger = recording_ledger((uint32_t)getpid(), thread_id());
    assert_int_equal(ledger->written, 3);
    assert_int_equal(ledger->stored, 3);
    assert_int_equal(ledger->dropped, BATCH_MAX);
    recording_expect_end();
}

static void large_records_have_their_place_in_a_batch(void **state)
{
    static unsigned char large[4 + 5000];
    const uint32_t length = sizeof(large) - 4;
    const struct ada_batch_item mixed[] = {
        {&ada_event_batch_number, &numbers[1], 8},
        {&ada_event_batch_text, large, sizeof(large)},
        {&ada_event_batch_number, &numbers[2], 8},
    };

    (void)state;
    fill();
    memset(large, 'x', sizeof(large));
    memcpy(large, &length, 4);
    start();
    assert_int_equal(ada_emit_batch(mixed, 3), 3);
    recording_stop();
    recording_expect("batch:number");
    expect_bytes(recording_expect("batch:text"), "text", large + 4, length);
    assert_int_equal(field_unsigned(recording_expect("batch:number"), "n"), 2);
    recording_expect_end();
}

static void batch_behind_a_held_record_waits_for_it(void **state)
{
    struct ada_record record;
    uint64_t n = 99;

    (void)state;
    fill();
    start();
    record = ada_reserve(&ada_event_batch_number, 8);
    assert_non_null(record.payload);
    assert_int_equal(ada_emit_batch(items, 10), 10);
    memcpy(record.payload, &n, 8);
    ada_commit(&record);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("batch:number"), "n"), 99);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(field_unsigned(recording_expect("batch:number"), "n"), i);
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_comes_back_in_order_at_one_time),
        cmocka_unit_test(types_and_sizes_mix),
        cmocka_unit_test(batch_of_nothing_is_nothing),
        cmocka_unit_test(batch_has_a_length_that_is_refused),
        cmocka_unit_test(batch_that_does_not_fit_is_dropped_whole_and_counted),
        cmocka_unit_test(large_records_have_their_place_in_a_batch),
        cmocka_unit_test(batch_behind_a_held_record_waits_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
