/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices, joined files and what a running session tells, made without memory: the result is all
 * that was asked for, or there is an error in words.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "call_fails.h"
#include "failing_traces.h"
#include "format/trace_copy.h"
#include "format/trace_live.h"
#include "format/trace_state.h"
#include "format_fixture.h"

/* ---- slices and joined files ---- */

static unsigned jobs;

static void result_check(int status, const char *path, uint64_t expected,
                         const struct trace_error *error)
{
    struct trace *t;
    uint64_t records;

    if (status != 0) {
        failing_error_check(status, error);
        return;
    }
    assert_int_equal(fixture_verify(path, NULL), 3); /* gaps are losses */
    t = fixture_open(path);
    assert_int_equal(failing_walk(t, NULL, &records), 0);
    assert_int_equal(records, expected);
    trace_close(t);
}

static void cut_sweep(const char *path, const struct trace_cut *cut, uint64_t expected)
{
    struct call_sweep calls = {.kinds = CALL_MEMORY | CALL_THREAD};

    while (call_sweep_next(&calls)) {
        const char *out = fixture_path("cut.adatrace");
        struct trace *t = fixture_open(path);
        struct trace_copy_figures figures;
        struct trace_error error;
        int fd = fixture_create(out), status;

        t->ahead_records_min = 1;
        trace_jobs_set(t, jobs);
        call_sweep_arm(&calls);
        status = trace_cut(t, cut, fd, NULL, &figures, &error);
        if (calls_pass() == 0)
            assert_int_equal(status, 0);
        assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was taken over */
        result_check(status, out, expected, &error);
        trace_close(t);
    }
    print_message("%u runs\n", calls.runs);
    assert_true(calls.runs > 50);
}

static uint64_t records_in(const char *path, const struct trace_filter *filter)
{
    struct trace *t = fixture_open(path);
    uint64_t records;

    assert_int_equal(failing_walk(t, filter, &records), 0);
    assert_true(records > 0);
    trace_close(t);
    return records;
}

static void slice_without_memory_is_whole_or_an_error(void **state)
{
    struct trace_cut all = {.origin = "it", .filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}};
    struct trace_cut part = {.origin = "it",
                             .process = "program",
                             .filter = {.from_ns = 2000, .to_ns = 16000, .thread = "worker"}};
    struct trace_cut types = part;

    (void)state;
    types.filter.events = "*:text,*:code";
    for (jobs = 1; jobs <= 3; jobs += 2) {
        cut_sweep(whole, &all, FAILING_RECORDS);
        cut_sweep(torn, &part, records_in(torn, &part.filter));
        cut_sweep(whole, &types, records_in(whole, &types.filter));
    }
}

static void names_of_another_trace_come_along_or_it_is_an_error(void **state)
{
    struct trace *from = fixture_open(other);
    struct trace_cut cut = {
        .origin = "it", .names_of = from, .filter = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}};

    (void)state;
    jobs = 1;
    cut_sweep(whole, &cut, FAILING_RECORDS);
    trace_close(from);
}

static void merge_sweep(const char *first, const char *second, uint64_t expected)
{
    struct call_sweep calls = {.kinds = CALL_MEMORY | CALL_THREAD};
    const char *const names[] = {"one", "two"};

    while (call_sweep_next(&calls)) {
        const char *out = fixture_path("merged.adatrace");
        struct trace *t[2] = {fixture_open(first), fixture_open(second)};
        struct trace_copy_figures figures;
        struct trace_error error;
        int fd = fixture_create(out), status;

        call_sweep_arm(&calls);
        status = trace_merge(t, names, 2, fd, jobs, NULL, &figures, &error);
        if (calls_pass() == 0)
            assert_int_equal(status, 0);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        result_check(status, out, expected, &error);
        trace_close(t[0]);
        trace_close(t[1]);
    }
    print_message("%u runs\n", calls.runs);
    assert_true(calls.runs > 50);
}

static void joined_file_without_memory_is_whole_or_an_error(void **state)
{
    (void)state;
    for (jobs = 1; jobs <= 3; jobs += 2)
        merge_sweep(whole, other, 2 * FAILING_RECORDS);
    jobs = 1;
    merge_sweep(torn, other, 2 * FAILING_RECORDS);
}

/* ---- what a running session tells ---- */

/* All metadata items of a file. */
static void items_collect(struct byte_buffer *items)
{
    struct trace *t = fixture_open(whole);

    for (size_t i = 0; i < t->blocks.count; i++) {
        struct index_entry *entry = &t->blocks.entries[i];
        struct block_header header;

        if (!index_entry_is(entry, BLOCK_START) && !index_entry_is(entry, BLOCK_META))
            continue;
        assert_int_equal(trace_entry_read(t, entry, &header), 0);
        assert_int_equal(byte_buffer_append(items, t->loader.content.bytes, t->loader.content.size),
                         0);
    }
    trace_close(t);
}

/* Nothing in it is half made. */
static void live_check(const struct trace *t)
{
    for (size_t n = 0; trace_process_at(t, n); n++)
        assert_non_null(trace_process_at(t, n)->executable);
    for (size_t n = 0; trace_thread_at(t, n); n++)
        assert_non_null(trace_thread_at(t, n)->name);
    for (size_t n = 0; trace_module_at(t, n); n++)
        assert_non_null(trace_module_at(t, n)->path);
    for (size_t n = 0; n < trace_type_count(t); n++)
        assert_non_null(trace_type_at(t, n)->full_name);
    assert_true(trace_ns(t, 500) <= trace_ns(t, 501));
    (void)trace_symbol_find(t, 1, 0x1000, 1);
}

static void session_told_without_memory_can_be_told_again(void **state)
{
    struct call_sweep calls = {.kinds = CALL_MEMORY};
    struct byte_buffer items = {0};

    (void)state;
    items_collect(&items);
    while (call_sweep_next(&calls)) {
        struct trace *t;
        int status;

        call_sweep_arm(&calls);
        status = trace_live_create(&t);
        if (status != 0) {
            assert_int_equal(status, -ENOMEM);
            assert_null(t);
            continue;
        }
        status = trace_live_items(t, items.bytes, items.size);
        trace_live_told(t, 700);
        status |= trace_live_declare(t, 1, 9, 2);
        status |= trace_live_symbol_add(t, trace_symbol_find(t, 1, 0x1000, 1)
                                               ? trace_symbol_find(t, 1, 0x1000, 1)
                                               : &(struct trace_symbol){.name = "", .file = ""});
        if (calls_pass() == 0)
            assert_int_equal(status, 0);
        live_check(t);
        assert_int_equal(trace_live_items(t, items.bytes, items.size), 0);
        live_check(t);
        assert_int_equal(trace_live_declare(t, 1, 9, 2), 0);
        assert_string_equal(trace_live_type(t, trace_thread_by_number(t, 1), 9)->full_name,
                            "test:code");
        assert_string_equal(trace_symbol_find(t, 1, 0x1000, 1)->name, "main");
        trace_close(t);
    }
    byte_buffer_free(&items);
    assert_true(calls.runs > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_without_memory_is_whole_or_an_error),
        cmocka_unit_test(names_of_another_trace_come_along_or_it_is_an_error),
        cmocka_unit_test(joined_file_without_memory_is_whole_or_an_error),
        cmocka_unit_test(session_told_without_memory_can_be_told_again),
    };

    return cmocka_run_group_tests(tests, failing_traces_make, NULL);
}
