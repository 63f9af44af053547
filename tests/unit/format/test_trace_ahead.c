/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks unpacked ahead by other threads: what is read, and what is found on the way, is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "format/trace_ahead.h"
#include "format_fixture.h"
#include "own_entries.h"

enum { THREADS = 6, RECORDS = 6000, BLOCK_RECORDS = 61 };
static const unsigned jobs_tried[] = {1, 2, 3, 40};
enum { JOBS_TRIED = sizeof(jobs_tried) / sizeof(*jobs_tried) };

static const char *path, *damaged_path;
static struct model model;

/* Every seventh data block has a wrong bit in its content. */
static void damage_some(void)
{
    struct trace *t = fixture_open(path);
    struct trace_block_info info;
    size_t size;
    unsigned char *bytes = fixture_load(path, &size);

    for (size_t n = 0, data = 0; trace_block_info(t, n, &info); n++)
        if (info.is_data && data++ % 7 == 3)
            bytes[info.offset + info.bytes / 2 + BLOCK_HEADER_BYTES / 2] ^= 4;
    fixture_store(damaged_path, bytes, size);
    free(bytes);
    trace_close(t);
}

static int traces_make(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = BLOCK_RECORDS};

    (void)state;
    path = strdup(fixture_path("whole"));
    damaged_path = strdup(fixture_path("damaged"));
    model_random(&model, path, &options, THREADS, RECORDS, 16);
    damage_some();
    return 0;
}

static int traces_drop(void **state)
{
    (void)state;
    model_free(&model);
    free((char *)path);
    free((char *)damaged_path);
    return 0;
}

static struct trace *open_with_jobs(const char *name, unsigned jobs)
{
    struct trace *t = fixture_open(name);

    trace_jobs_set(t, jobs);
    t->ahead_records_min = 0;
    return t;
}

/* ---- what was read, as one number, and what was known after each step ---- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t condition_mix(uint64_t sum, const struct trace *t)
{
    struct trace_condition c;

    trace_condition(t, &c);
    sum = mix(sum, &c.damaged_blocks, sizeof(c.damaged_blocks));
    sum = mix(sum, &c.damage_offset, sizeof(c.damage_offset));
    return mix(sum, c.message, strlen(c.message));
}

static uint64_t cursor_sum(struct trace *t)
{
    static struct trace_event event;
    struct trace_cursor *cursor;
    uint64_t sum = 0;
    int status;

    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while ((status = trace_cursor_next(cursor, &event)) == 1) {
        sum = mix(sum, &event.ticks, sizeof(event.ticks));
        sum = mix(sum, &event.thread->thread, sizeof(event.thread->thread));
        for (unsigned f = 0; f < event.value_count; f++)
            sum = mix(sum, event.values[f].bytes, event.values[f].size);
        sum = condition_mix(sum, t);
    }
    assert_int_equal(status, 0);
    trace_cursor_close(cursor);
    return sum;
}

static uint64_t scan_sum(struct trace *t)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    uint64_t sum = 0;
    int status;

    assert_int_equal(trace_scan_open(t, NULL, &scan), 0);
    while ((status = trace_scan_next(scan, &block)) == 1) {
        sum = mix(sum, block->ticks, block->records * sizeof(*block->ticks));
        sum = mix(sum, block->run_of, block->records);
        sum = mix(sum, &block->thread->thread, sizeof(block->thread->thread));
        sum = condition_mix(sum, t);
    }
    assert_int_equal(status, 0);
    trace_scan_close(scan);
    return sum;
}

/* ---- cases ---- */

static void any_number_of_jobs_reads_what_was_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < JOBS_TRIED; i++) {
        struct trace *t = open_with_jobs(path, jobs_tried[i]);

        assert_int_equal(model_compare(&model, t, MATCH_ALL), RECORDS);
        trace_close(t);
    }
}

static void damage_is_told_when_the_reader_comes_to_it(void **state)
{
    uint64_t by_cursor = 0, by_scan = 0;

    (void)state;
    for (unsigned i = 0; i < JOBS_TRIED; i++) {
        struct trace *t = open_with_jobs(damaged_path, jobs_tried[i]);
        uint64_t sum = cursor_sum(t);
        struct trace_condition c;

        trace_condition(t, &c);
        assert_true(c.damaged_blocks > 10);
        trace_close(t);
        assert_true(i == 0 || sum == by_cursor);
        by_cursor = sum;

        t = open_with_jobs(damaged_path, jobs_tried[i]);
        sum = scan_sum(t);
        assert_true(i == 0 || sum == by_scan);
        by_scan = sum;
        /* Once more, now that it is known which ones. */
        (void)cursor_sum(t);
        trace_close(t);
    }
}

/* Blocks that the merge has dropped are unpacked again: nobody has them ready then. */
static void merge_in_little_memory_gives_the_same(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 100000; bytes = 4 * bytes + 1000) {
        struct trace *t = open_with_jobs(path, 3);

        t->held_bytes_max = bytes;
        assert_int_equal(model_compare(&model, t, MATCH_ALL), RECORDS);
        trace_close(t);
    }
}

/* Whatever the bound is: what it keeps from the workers the owner unpacks, with the same result. */
static void blocks_too_large_for_workers_are_unpacked_by_the_owner(void **state)
{
    struct trace *alone = open_with_jobs(damaged_path, 1);
    uint64_t sum = cursor_sum(alone);

    (void)state;
    trace_close(alone);
    for (size_t bytes = 1; bytes < 1 << 20; bytes *= 8) {
        struct trace *t = open_with_jobs(path, 3);

        t->ahead_bytes_max = bytes;
        assert_int_equal(model_compare(&model, t, MATCH_ALL), RECORDS);
        trace_close(t);
        t = open_with_jobs(damaged_path, 3);
        t->ahead_bytes_max = bytes;
        assert_true(cursor_sum(t) == sum);
        trace_close(t);
    }
}

static void closing_in_the_middle_ends_the_workers(void **state)
{
    static struct trace_event event;

    (void)state;
    for (unsigned events = 0; events < 500; events += 1 + events / 2) {
        struct trace *t = open_with_jobs(path, 3);
        unsigned before = own_entries(OWN_THREADS);
        struct trace_cursor *cursor;

        assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
        assert_int_equal(own_entries(OWN_THREADS), before + 2);
        for (unsigned i = 0; i < events; i++)
            assert_int_equal(trace_cursor_next(cursor, &event), 1);
        trace_cursor_close(cursor);
        own_entries_become(OWN_THREADS, before);
        trace_close(t);
    }
}

static void small_traces_and_single_jobs_start_no_thread(void **state)
{
    struct trace *t = fixture_open(path);
    const struct block_wish all = {.to_ticks = UINT64_MAX};
    const uint32_t blocks[] = {2, 3, 4, 5};
    struct trace_ahead *ahead;

    (void)state;
    trace_jobs_set(t, 8);
    assert_int_equal(trace_ahead_open(&ahead, t, &all, blocks, 4), 0);
    assert_null(ahead);
    t->ahead_records_min = 0;
    trace_jobs_set(t, 1);
    assert_int_equal(trace_ahead_open(&ahead, t, &all, blocks, 4), 0);
    assert_null(ahead);
    trace_jobs_set(t, 2);
    assert_int_equal(trace_ahead_open(&ahead, t, &all, blocks, 1), 0);
    assert_null(ahead);
    assert_int_equal(trace_ahead_open(&ahead, t, &all, blocks, 4), 0);
    assert_non_null(ahead);
    trace_ahead_close(ahead);
    trace_close(t);
}

/* The order is a guess: any other gives the same blocks. */
static void blocks_can_be_taken_in_another_order(void **state)
{
    const struct block_wish all = {.to_ticks = UINT64_MAX};
    struct trace *t = open_with_jobs(path, 3), *alone = open_with_jobs(path, 1);
    struct decoded_block decoded = {0}, expected = {0};
    struct trace_block_info info;
    struct trace_ahead *ahead;
    uint32_t blocks[512];
    uint64_t random = 5;
    size_t count = 0;

    (void)state;
    for (uint32_t n = 0; trace_block_info(t, n, &info) && count < 64; n++)
        if (info.is_data)
            blocks[count++] = n;
    assert_int_equal(trace_ahead_open(&ahead, t, &all, blocks, count), 0);
    for (unsigned i = 0; i < 300; i++) {
        uint32_t place = blocks[i < count && i % 3 ? i : fixture_random(&random) % count];

        assert_int_equal(trace_ahead_take(ahead, t, place, &all, &decoded), 0);
        assert_int_equal(trace_block_load(alone, place, &all, &expected), 0);
        assert_int_equal(decoded.block.records, expected.block.records);
        assert_memory_equal(decoded.block.ticks, expected.block.ticks,
                            expected.block.records * sizeof(*expected.block.ticks));
        assert_int_equal(decoded.block.thread->thread, expected.block.thread->thread);
    }
    trace_ahead_close(ahead);
    decoded_block_fini(&decoded);
    decoded_block_fini(&expected);
    trace_close(alone);
    trace_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_jobs_reads_what_was_written),
        cmocka_unit_test(damage_is_told_when_the_reader_comes_to_it),
        cmocka_unit_test(merge_in_little_memory_gives_the_same),
        cmocka_unit_test(blocks_too_large_for_workers_are_unpacked_by_the_owner),
        cmocka_unit_test(closing_in_the_middle_ends_the_workers),
        cmocka_unit_test(small_traces_and_single_jobs_start_no_thread),
        cmocka_unit_test(blocks_can_be_taken_in_another_order),
    };

    return cmocka_run_group_tests(tests, traces_make, traces_drop);
}
