/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader that finds no memory, or whose read fails, at each call: it gives all records or says
 * that it cannot, and never fewer of them without a word. The same for slices and joined files.
 */
#include <errno.h>
#include <string.h>

#include "call_fails.h"
#include "failing_traces.h"
#include "format/trace_state.h"
#include "format_fixture.h"

enum { THREADS = FAILING_THREADS, RECORDS = FAILING_RECORDS };

/* ---- reading ---- */

static unsigned jobs;

static void count_check(int status, uint64_t records)
{
    if (status == 0)
        assert_int_equal(records, RECORDS);
}

static int by_batch(struct trace *t, uint64_t *records)
{
    static struct trace_batch batch;
    struct trace_cursor *cursor;
    int status = trace_cursor_open(t, NULL, &cursor);

    *records = 0;
    if (status != 0)
        return status;
    while ((status = trace_cursor_batch(cursor, &batch, 64)) == 1) {
        for (size_t i = 0; i < batch.count; i++)
            *records += batch.records[i].run != NULL;
        trace_batch_release(cursor, &batch);
    }
    trace_batch_release(cursor, &batch);
    trace_batch_fini(&batch);
    trace_cursor_close(cursor);
    return status;
}

static int by_scan(struct trace *t, uint64_t *records)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    int status = trace_scan_open(t, NULL, &scan);

    *records = 0;
    if (status != 0) {
        assert_null(scan);
        return status;
    }
    while ((status = trace_scan_next(scan, &block)) == 1)
        *records += block->records;
    trace_scan_close(scan);
    return status;
}

static void read_run(const char *path)
{
    const struct trace_filter filter = {
        .from_ns = INT64_MIN, .to_ns = INT64_MAX, .events = "*", .thread = "worker"};
    struct trace_condition condition;
    struct trace_error error;
    struct trace *t;
    uint64_t records;
    int status = trace_open(&t, path, &error);

    if (status != 0) {
        assert_null(t);
        failing_error_check(status, &error);
        return;
    }
    trace_jobs_set(t, jobs);
    t->ahead_records_min = 1;
    assert_int_equal(trace_type_count(t), FIXTURE_TYPES);
    assert_non_null(trace_symbol_find(t, 1, 0x1000, 5));
    for (uint32_t i = 1; i <= THREADS; i++)
        assert_string_equal(trace_thread_by_number(t, i)->name, "worker");
    status = failing_walk(t, NULL, &records);
    count_check(status, records);
    status = failing_walk(t, &filter, &records);
    count_check(status, records);
    status = by_batch(t, &records);
    count_check(status, records);
    status = by_scan(t, &records);
    count_check(status, records);
    trace_condition(t, &condition);
    assert_int_equal(condition.damaged_blocks, 0);
    trace_close(t);
}

static void verify_run(const char *path)
{
    static struct findings all; /* of a run in which nothing fails: they come first */
    struct findings found;
    int status = fixture_verify(path, &found);

    if (calls_pass() == 0) {
        assert_int_equal(status, 3); /* gaps are losses */
        all = found;
    } else if (status == 3) {
        assert_true(all.count[1] == 0 || all.count[1] == found.count[1]);
    } else {
        assert_int_equal(status, 1);
    }
    assert_null(strstr(found.text[2], "damaged"));
    assert_null(strstr(found.text[2], "malformed"));
    assert_null(strstr(found.text[2], "does not agree"));
}

static void sweep(void (*run)(const char *path), const char *path, unsigned kinds, int error)
{
    struct call_sweep calls = {.kinds = kinds, .error = error};

    while (call_sweep_next(&calls)) {
        call_sweep_arm(&calls);
        run(path);
    }
    print_message("%u runs\n", calls.runs);
    assert_true(calls.runs > 20);
}

static void reader_without_memory_gives_all_or_says_so(void **state)
{
    (void)state;
    for (jobs = 1; jobs <= 3; jobs += 2) {
        sweep(read_run, whole, CALL_MEMORY | CALL_THREAD, 0);
        sweep(read_run, torn, CALL_MEMORY | CALL_THREAD, 0);
    }
    jobs = 1;
}

static void reader_that_cannot_read_gives_all_or_says_so(void **state)
{
    const int errors[] = {EIO, ENOMEM};

    (void)state;
    jobs = 1;
    for (unsigned i = 0; i < 2; i++) {
        sweep(read_run, whole, CALL_READ, errors[i]);
        sweep(read_run, torn, CALL_READ, errors[i]);
    }
}

static void verification_never_calls_good_what_it_could_not_read(void **state)
{
    (void)state;
    sweep(verify_run, whole, CALL_MEMORY, 0);
    sweep(verify_run, whole, CALL_READ, EIO);
}

static void verification_of_a_torn_file_never_calls_damage_what_it_could_not_read(void **state)
{
    (void)state;
    sweep(verify_run, torn, CALL_MEMORY, 0);
    sweep(verify_run, torn, CALL_READ, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_without_memory_gives_all_or_says_so),
        cmocka_unit_test(reader_that_cannot_read_gives_all_or_says_so),
        cmocka_unit_test(verification_never_calls_good_what_it_could_not_read),
        cmocka_unit_test(verification_of_a_torn_file_never_calls_damage_what_it_could_not_read),
    };

    return cmocka_run_group_tests(tests, failing_traces_make, NULL);
}
