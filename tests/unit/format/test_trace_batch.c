/* SPDX-License-Identifier: Apache-2.0 */
/* Events in batches are those of the cursor, one by one; what a batch points to stays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_state.h"
#include "format_fixture.h"

enum { THREADS = 6, RECORDS = 6000 };

static const char *path;
static struct model model;
static unsigned refusals; /* batches that had to wait for a release */

static int trace_make(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 83};

    (void)state;
    path = strdup(fixture_path("batch"));
    model_random(&model, path, &options, THREADS, RECORDS, 16);
    return 0;
}

static int trace_drop(void **state)
{
    (void)state;
    model_free(&model);
    free((char *)path);
    return 0;
}

static void assert_same_event(const struct trace_event *a, const struct trace_event *b)
{
    assert_true(a->ns == b->ns && a->ticks == b->ticks);
    assert_int_equal(a->thread->thread, b->thread->thread);
    assert_int_equal(a->type == NULL, b->type == NULL);
    assert_int_equal(a->value_count, b->value_count);
    if (!a->type) {
        assert_memory_equal(&a->gap, &b->gap, sizeof(a->gap));
        return;
    }
    assert_string_equal(a->type->full_name, b->type->full_name);
    for (unsigned f = 0; f < a->value_count; f++) {
        assert_int_equal(a->values[f].size, b->values[f].size);
        assert_memory_equal(a->values[f].bytes, b->values[f].bytes, a->values[f].size);
    }
}

/* Compare a batch that was taken some time ago with the cursor that goes one by one. */
static void batch_check(struct trace *t, const struct trace_batch *batch,
                        struct trace_cursor *single)
{
    static struct trace_event expected, found;

    assert_true(batch->count > 0);
    for (size_t i = 0; i < batch->count; i++) {
        assert_int_equal(trace_cursor_next(single, &expected), 1);
        trace_record_event(t, &batch->records[i], &found);
        assert_same_event(&found, &expected);
    }
}

/* Take batches of `max`, with `open` of them unreleased at a time, in the memory that there is. */
static void batches_check(size_t max, unsigned open, size_t held_bytes_max, unsigned jobs)
{
    struct trace *t = fixture_open(path), *other = fixture_open(path);
    struct trace_batch *batches = calloc(open, sizeof(*batches));
    struct trace_cursor *cursor, *single;
    static struct trace_event event;
    unsigned first = 0, used = 0;
    int status = 1;

    assert_non_null(batches);
    trace_jobs_set(t, jobs);
    t->ahead_records_min = 0;
    t->held_bytes_max = held_bytes_max;
    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    assert_int_equal(trace_cursor_open(other, NULL, &single), 0);
    while (status != 0 || used) {
        struct trace_batch *next = &batches[(first + used) % open];

        status = used < open && status != 0 ? trace_cursor_batch(cursor, next, max) : status;
        if (status == 1 && next->count && used < open) {
            assert_true(next->count <= max);
            used++;
            continue;
        }
        assert_true(used > 0 || status == 0); /* -EAGAIN: something can be released */
        if (used == 0)
            break;
        refusals += status == -EAGAIN && used < open;
        batch_check(t, &batches[first], single);
        trace_batch_release(cursor, &batches[first]);
        first = (first + 1) % open;
        used--;
    }
    assert_int_equal(trace_cursor_next(single, &event), 0);
    for (unsigned i = 0; i < open; i++)
        trace_batch_fini(&batches[i]);
    free(batches);
    trace_cursor_close(cursor);
    trace_cursor_close(single);
    trace_close(other);
    trace_close(t);
}

static void batches_of_any_size_hold_the_same_events(void **state)
{
    (void)state;
    batches_check(1, 1, SIZE_MAX, 1);
    batches_check(7, 1, SIZE_MAX, 1);
    batches_check(TRACE_BATCH_RECORDS, 1, SIZE_MAX, 1);
}

static void batches_stay_until_they_are_released(void **state)
{
    (void)state;
    batches_check(100, 5, SIZE_MAX, 1);
    batches_check(TRACE_BATCH_RECORDS, 3, SIZE_MAX, 3);
}

static void little_memory_asks_for_a_release_and_goes_on(void **state)
{
    (void)state;
    refusals = 0;
    for (size_t bytes = 0; bytes < 100000; bytes = 3 * bytes + 1000) {
        batches_check(50, 4, bytes, 1);
        batches_check(500, 2, bytes, 2);
    }
    assert_true(refusals > 100);
}

static void large_values_end_a_batch(void **state)
{
    const char *large_path = fixture_path("large");
    const struct trace_writer_options options = {.level = 1};
    static struct trace_batch batch;
    struct trace_cursor *cursor;
    struct model large = {0};
    uint64_t events = 0;
    struct trace *t;
    int status;

    (void)state;
    model_random(&large, large_path, &options, 2, 400, 60000);
    t = fixture_open(large_path);
    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while ((status = trace_cursor_batch(cursor, &batch, TRACE_BATCH_RECORDS)) == 1) {
        /* The last event may pass the bound, all before it do not. */
        assert_true(batch.bytes <= TRACE_BATCH_BYTES + 4 * 60000 + 65536);
        events += batch.count;
        trace_batch_release(cursor, &batch);
    }
    assert_int_equal(status, 0);
    assert_int_equal(events, large.count);
    trace_batch_fini(&batch);
    trace_cursor_close(cursor);
    trace_close(t);
    model_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_any_size_hold_the_same_events),
        cmocka_unit_test(batches_stay_until_they_are_released),
        cmocka_unit_test(little_memory_asks_for_a_release_and_goes_on),
        cmocka_unit_test(large_values_end_a_batch),
    };

    return cmocka_run_group_tests(tests, trace_make, trace_drop);
}
