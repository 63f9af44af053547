/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "format/trace_state.h"
#include "format_fixture.h"
#include "reader_exercise.h"

static uint64_t touch(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += at[i];
    return sum;
}

static uint64_t column_touch(const struct trace_column *column, uint32_t records)
{
    if (column->offsets)
        return touch(column->bytes + column->offsets[0],
                     column->offsets[records] - column->offsets[0]);
    return touch(column->bytes, (size_t)records * column->field->count * column->field->width);
}

static uint64_t scan_all(struct trace *t, const struct trace_filter *filter)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    uint64_t sum = 0;
    int status;

    assert_int_equal(trace_scan_open(t, filter, &scan), 0);
    while ((status = trace_scan_next(scan, &block)) == 1) {
        uint32_t records = 0;

        assert_non_null(trace_process_by_number(t, block->thread->process));
        for (uint32_t r = 0; r < block->run_count; r++) {
            const struct trace_run *run = &block->runs[r];

            records += run->records;
            for (unsigned f = 0; f < run->type->schema.field_count; f++)
                sum += column_touch(&run->columns[f], run->records);
            for (uint32_t i = 0; i < run->records; i++)
                assert_true(block->run_of[run->position[i]] == r);
        }
        assert_int_equal(records, block->records);
        for (uint32_t g = 0; g < block->gap_count; g++)
            assert_true(block->gap_position[g] <= block->records);
        sum += touch(block->ticks, block->records * sizeof(uint64_t));
    }
    assert_true(status == 0 || status == -ENOMEM);
    trace_scan_close(scan);
    return sum;
}

static uint64_t walk_all(struct trace *t, const struct trace_filter *filter)
{
    struct trace_event *event = malloc(sizeof(*event));
    struct trace_cursor *cursor;
    uint64_t sum = 0;
    int status;

    assert_non_null(event);
    assert_int_equal(trace_cursor_open(t, filter, &cursor), 0);
    while ((status = trace_cursor_next(cursor, event)) == 1)
        for (unsigned i = 0; i < event->value_count; i++)
            sum += touch(event->values[i].bytes, event->values[i].size);
    assert_true(status == 0 || status == -ENOMEM);
    trace_cursor_close(cursor);
    free(event);
    return sum;
}

static void tables_touch(const struct trace *t)
{
    for (size_t i = 0; trace_process_at(t, i); i++)
        assert_non_null(trace_process_at(t, i)->executable);
    for (size_t i = 0; trace_thread_at(t, i); i++)
        assert_non_null(trace_thread_at(t, i)->name);
    for (size_t i = 0; trace_module_at(t, i); i++)
        assert_non_null(trace_module_at(t, i)->path);
    for (size_t i = 0; trace_note_at(t, i); i++)
        assert_non_null(trace_note_at(t, i)->text);
    assert_non_null(trace_recording(t)->host);
    (void)trace_symbol_find(t, 1, 0x1000, 5);
    (void)trace_ns(t, UINT64_MAX);
    (void)trace_ticks(t, 1000);
}

/* As many blocks at once as there ever are. */
static void read_by_threads(const char *path)
{
    struct trace *t = fixture_open(path);

    trace_jobs_set(t, 3);
    t->ahead_records_min = 0;
    (void)scan_all(t, NULL);
    (void)walk_all(t, NULL);
    trace_close(t);
}

void reader_exercise(const char *path)
{
    static unsigned files;
    const struct trace_filter slice = {
        .from_ns = 20, .to_ns = 300, .events = "*:call", .thread = "o*"};
    struct trace_error error;
    struct trace *t;
    int verdict;

    if (trace_open(&t, path, &error) == 0) {
        tables_touch(t);
        (void)scan_all(t, NULL);
        (void)scan_all(t, &slice);
        (void)walk_all(t, NULL);
        (void)walk_all(t, &slice);
        trace_close(t);
        if (files++ % 4 == 0)
            read_by_threads(path);
    }
    verdict = fixture_verify(path, NULL);
    assert_true(verdict == 0 || verdict == 1 || verdict == 3);
}

int64_t reader_records(const char *path)
{
    struct trace_error error;
    struct trace *t;
    struct trace_condition condition;

    assert_int_equal(trace_open(&t, path, &error), 0);
    (void)scan_all(t, NULL);
    (void)walk_all(t, NULL);
    trace_condition(t, &condition);
    trace_close(t);
    return (int64_t)condition.records;
}
