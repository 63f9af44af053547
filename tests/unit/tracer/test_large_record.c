/* SPDX-License-Identifier: Apache-2.0 */
/* Records around the sizes where they are written otherwise, and those that are too large. */
#include "tracer_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_reader.h"

enum { RING_BYTES = 1 << 20, RECORD_MAX = RING_BYTES / 4 };

ADA_EVENT(large, blob, (bytes, data))
ADA_EVENT(large, text, (string, text))

static unsigned char data[RING_BYTES * 2];

static void start(void)
{
    const struct ada_session_options options = {.ring_bytes = RING_BYTES};

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    recording_start(&options);
}

/* The longest content whose record still has `bytes` in the ring: header, large size, length. */
static uint32_t content_of(uint32_t bytes)
{
    return bytes - 8 - (bytes > ADA_RECORD_SMALL_MAX ? 8 : 0) - 4;
}

static void sizes_around_the_small_limit_come_back(void **state)
{
    const uint32_t around = content_of(ADA_RECORD_SMALL_MAX);

    (void)state;
    start();
    for (uint32_t size = around - 20; size < around + 20; size++)
        ada_trace_large_blob(data, size);
    recording_stop();
    for (uint32_t size = around - 20; size < around + 20; size++)
        expect_bytes(recording_expect("large:blob"), "data", data, size);
    recording_expect_end();
}

static void sizes_around_powers_of_two_come_back(void **state)
{
    (void)state;
    for (uint32_t size = 1; size < RECORD_MAX; size *= 2) {
        start(); /* each with the ring to itself */
        for (uint32_t n = size - 1; n <= size + 1; n++)
            ada_trace_large_blob(data, n);
        recording_stop();
        for (uint32_t n = size - 1; n <= size + 1; n++)
            expect_bytes(recording_expect("large:blob"), "data", data, n);
        recording_expect_end();
    }
}

static void largest_record_of_all_comes_back(void **state)
{
    (void)state;
    start();
    ada_trace_large_blob(data, content_of(RECORD_MAX));
    recording_stop();
    expect_bytes(recording_expect("large:blob"), "data", data, content_of(RECORD_MAX));
    recording_expect_end();
}

static void record_that_is_too_large_is_dropped_and_counted(void **state)
{
    const struct trace_ledger *ledger;
    struct ada_thread_stats before, after;

    (void)state;
    start();
    ada_trace_large_blob(data, 1);
    assert_int_equal(ada_thread_stats_read(&before), 0);
    ada_trace_large_blob(data, content_of(RECORD_MAX) + 1);
    ada_trace_large_blob(data, sizeof(data));
    assert_null(ada_reserve(&ada_event_large_blob, UINT32_MAX).payload);
    assert_int_equal(ada_emit(&ada_event_large_blob, data, sizeof(data)), 0);
    assert_int_equal(ada_thread_stats_read(&after), 0);
    assert_int_equal(after.dropped - before.dropped, 4);
    assert_true(after.dropped_bytes - before.dropped_bytes > UINT32_MAX);
    ada_trace_large_blob(data, 2);
    recording_stop_lossy();
    expect_bytes(recording_expect("large:blob"), "data", data, 1);
    expect_bytes(recording_expect("large:blob"), "data", data, 2);
    ledger = recording_ledger((uint32_t)getpid(), thread_id());
    assert_int_equal(ledger->written, 2);
    assert_int_equal(ledger->stored, 2);
    assert_int_equal(ledger->dropped, 4);
    recording_expect_end();
}

static void large_record_can_be_written_in_place(void **state)
{
    const uint32_t size = 100000;
    struct ada_record record;

    (void)state;
    start();
    record = ada_reserve(&ada_event_large_blob, 4 + size);
    assert_non_null(record.payload);
    ada_trace_large_blob(data, 3);
    memcpy(record.payload, &size, 4);
    memcpy(record.payload + 4, data, size);
    ada_commit(&record);
    record = ada_reserve(&ada_event_large_blob, 4 + size);
    assert_non_null(record.payload);
    memset(record.payload, 0xee, 4 + size);
    ada_rollback(&record);
    ada_trace_large_blob(data, 4);
    recording_stop();
    expect_bytes(recording_expect("large:blob"), "data", data, size);
    expect_bytes(recording_expect("large:blob"), "data", data, 3);
    expect_bytes(recording_expect("large:blob"), "data", data, 4);
    recording_expect_end();
}

static void long_strings_come_back(void **state)
{
    char *text = malloc(100001);

    (void)state;
    assert_non_null(text);
    memset(text, 's', 100000);
    text[100000] = 0;
    start();
    ada_trace_large_text(text);
    recording_stop();
    expect_text(recording_expect("large:text"), "text", text);
    recording_expect_end();
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_around_the_small_limit_come_back),
        cmocka_unit_test(sizes_around_powers_of_two_come_back),
        cmocka_unit_test(largest_record_of_all_comes_back),
        cmocka_unit_test(record_that_is_too_large_is_dropped_and_counted),
        cmocka_unit_test(large_record_can_be_written_in_place),
        cmocka_unit_test(long_strings_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
