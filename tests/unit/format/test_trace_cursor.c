/* SPDX-License-Identifier: Apache-2.0 */
/* The merge of all threads, and the filters of cursor and scan against a plain list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "format/trace_state.h"
#include "format_fixture.h"

enum { THREADS = 6, RECORDS = 6000 };

static const char *path;
static struct model model;

static int trace_make(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 97};

    (void)state;
    path = strdup(fixture_path("cursor"));
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

static bool model_event_is_wished(const struct trace *t, const struct trace_filter *filter,
                                  const struct model_event *event)
{
    char full_name[64];

    if (filter->thread && strtoul(filter->thread, NULL, 10) != 2000 + event->thread)
        return false;
    if (event->is_gap) /* a gap is shown when any of it lies in the time asked for */
        return trace_ns(t, event->gap.last_ticks) >= filter->from_ns &&
               trace_ns(t, event->gap.first_ticks) < filter->to_ns;
    snprintf(full_name, sizeof(full_name), "test:%s", event->name);
    return trace_ns(t, event->ticks) >= filter->from_ns &&
           trace_ns(t, event->ticks) < filter->to_ns && glob_list_match(filter->events, full_name);
}

/* The wished events of the model, one by one, thread by thread. */
static const struct model_event *model_next_wished(const struct trace *t,
                                                   const struct trace_filter *filter,
                                                   uint32_t thread, size_t *at)
{
    while (*at < model.count) {
        const struct model_event *event = &model.events[(*at)++];

        if (event->thread == thread && model_event_is_wished(t, filter, event))
            return event;
    }
    return NULL;
}

static void cursor_check(struct trace *t, const struct trace_filter *filter)
{
    size_t next[THREADS + 1] = {0};
    struct trace_event *event = malloc(sizeof(*event));
    static unsigned char payload[8192];
    struct trace_cursor *cursor;
    int status;

    assert_non_null(event);
    assert_int_equal(trace_cursor_open(t, filter, &cursor), 0);
    while ((status = trace_cursor_next(cursor, event)) == 1) {
        uint32_t thread = event->thread->thread;
        const struct model_event *expected = model_next_wished(t, filter, thread, &next[thread]);

        assert_non_null(expected);
        assert_int_equal(event->type == NULL, expected->is_gap);
        assert_int_equal(event->ticks, expected->ticks);
        assert_int_equal(event->ns, trace_ns(t, event->ticks));
        if (event->type) {
            assert_string_equal(event->type->schema.name, expected->name);
            assert_int_equal(model_payload_of(event, payload, sizeof(payload)), expected->size);
            if (expected->size)
                assert_memory_equal(payload, expected->payload, expected->size);
        }
    }
    assert_int_equal(status, 0);
    for (uint32_t thread = 1; thread <= THREADS; thread++)
        assert_null(model_next_wished(t, filter, thread, &next[thread]));
    trace_cursor_close(cursor);
    free(event);
}

/* One record of a block as an event, so that it compares like one. */
static void block_event(const struct trace_block *block, uint32_t record, uint32_t *run_next,
                        struct trace_event *event)
{
    const struct trace_run *run = &block->runs[block->run_of[record]];
    uint32_t k = run_next[block->run_of[record]]++;

    assert_int_equal(run->position[k], record);
    event->type = run->type;
    event->value_count = run->type->schema.field_count;
    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_column *column = &run->columns[f];
        struct trace_value *value = &event->values[f];
        uint32_t size = (uint32_t)column->field->width * column->field->count;

        value->field = column->field;
        value->size = column->offsets ? column->offsets[k + 1] - column->offsets[k] : size;
        value->bytes = column->bytes + (column->offsets ? column->offsets[k] : (size_t)k * size);
    }
}

static void scan_check(struct trace *t, const struct trace_filter *filter)
{
    size_t next[THREADS + 1] = {0};
    struct trace_event *event = malloc(sizeof(*event));
    static unsigned char payload[8192];
    const struct trace_block *block;
    struct trace_scan *scan;
    int status;

    assert_non_null(event);
    assert_int_equal(trace_scan_open(t, filter, &scan), 0);
    while ((status = trace_scan_next(scan, &block)) == 1) {
        uint32_t thread = block->thread->thread, run_next[256] = {0}, gap = 0;

        for (uint32_t i = 0; i <= block->records; i++) {
            const struct model_event *expected;

            for (; gap < block->gap_count && block->gap_position[gap] == i; gap++) {
                expected = model_next_wished(t, filter, thread, &next[thread]);
                assert_non_null(expected);
                assert_true(expected->is_gap);
                assert_memory_equal(&block->gaps[gap], &expected->gap, sizeof(expected->gap));
            }
            if (i == block->records)
                break;
            expected = model_next_wished(t, filter, thread, &next[thread]);
            assert_non_null(expected);
            assert_false(expected->is_gap);
            assert_int_equal(block->ticks[i], expected->ticks);
            block_event(block, i, run_next, event);
            assert_string_equal(event->type->schema.name, expected->name);
            assert_int_equal(model_payload_of(event, payload, sizeof(payload)), expected->size);
            if (expected->size)
                assert_memory_equal(payload, expected->payload, expected->size);
        }
        assert_int_equal(gap, block->gap_count);
        for (uint32_t r = 0; r < block->run_count; r++)
            assert_int_equal(run_next[r], block->runs[r].records);
    }
    assert_int_equal(status, 0);
    for (uint32_t thread = 1; thread <= THREADS; thread++)
        assert_null(model_next_wished(t, filter, thread, &next[thread]));
    trace_scan_close(scan);
    free(event);
}

static void every_filter_gives_exactly_what_it_asks_for(void **state)
{
    static const char *const events[] = {
        NULL, "*", "test:code", "test:code,test:nothing", "*,!test:wide", "nobody:*"};
    static const char *const threads[] = {NULL, "2001", "2006", "2007"};
    struct trace *t = fixture_open(path);
    int64_t last = trace_ns(t, model.events[model.count - 1].ticks);
    uint64_t random = 7;

    (void)state;
    for (unsigned i = 0; i < 150; i++) {
        struct trace_filter filter = {INT64_MIN, INT64_MAX, events[i % 6], threads[i / 6 % 4]};
        size_t a = fixture_random(&random) % model.count, b = fixture_random(&random) % model.count;

        if (i % 5) /* between two events, and sometimes exactly at them */
            filter.from_ns = trace_ns(t, model.events[a < b ? a : b].ticks) + i % 2;
        if (i % 7)
            filter.to_ns = trace_ns(t, model.events[a < b ? b : a].ticks) + i % 3;
        cursor_check(t, &filter);
        scan_check(t, &filter);
    }
    cursor_check(t, &(struct trace_filter){last + 1, INT64_MAX, NULL, NULL});
    cursor_check(t, &(struct trace_filter){INT64_MIN, INT64_MIN + 1, NULL, NULL});
    cursor_check(t, &(struct trace_filter){500, 500, NULL, NULL});
    cursor_check(t, &(struct trace_filter){900, 500, NULL, NULL});
    trace_close(t);
}

static unsigned events_count(struct trace *t, const char *thread)
{
    const struct trace_filter filter = {INT64_MIN, INT64_MAX, NULL, thread};
    struct trace_event *event = malloc(sizeof(*event));
    struct trace_cursor *cursor;
    unsigned count = 0;

    assert_non_null(event);
    assert_int_equal(trace_cursor_open(t, &filter, &cursor), 0);
    while (trace_cursor_next(cursor, event) == 1)
        count++;
    trace_cursor_close(cursor);
    free(event);
    return count;
}

static void threads_are_chosen_by_number_or_by_name(void **state)
{
    struct trace *t = fixture_open(path);

    (void)state;
    assert_int_equal(events_count(t, "worker"), model.count);
    assert_int_equal(events_count(t, "w*"), model.count);
    assert_int_equal(events_count(t, ""), model.count);
    assert_int_equal(events_count(t, "master"), 0);
    assert_int_equal(events_count(t, "99"), 0);
    assert_true(events_count(t, "2003") > 0);
    trace_close(t);
}

/* Blocks that are dropped and unpacked again must go on where they were. */
static void merge_in_little_memory_gives_the_same(void **state)
{
    struct trace *t = fixture_open(path);

    (void)state;
    for (size_t bytes = 0; bytes < 100000; bytes = 2 * bytes + 1000) {
        t->held_bytes_max = bytes;
        assert_int_equal(model_compare(&model, t, MATCH_ALL), RECORDS);
    }
    trace_close(t);
}

static void merge_is_by_ticks_and_then_by_thread(void **state)
{
    const struct ada_field field = {.name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
    const struct schema number = {
        .id = 8, .provider = "test", .name = "number", .fields = &field, .field_count = 1};
    const struct trace_writer_options options = {.block_records = 3};
    const char *ties = fixture_path("ties");
    struct trace_event *event = malloc(sizeof(*event));
    struct trace_stream *streams[4];
    struct trace_cursor *cursor;
    struct trace_writer *w;
    uint64_t ticks_before = 0;
    uint32_t thread_before = 0;
    struct trace *t;

    (void)state;
    assert_non_null(event);
    assert_int_equal(trace_writer_open(&w, fixture_create(ties), &options, &fixture_recording), 0);
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    for (uint32_t i = 4; i >= 1; i--) { /* threads in the other order than their numbers */
        fixture_thread(w, i, 1, "");
        assert_int_equal(trace_stream_open(w, i, &streams[i - 1]), 0);
    }
    for (uint64_t i = 0; i < 400; i++)
        assert_int_equal(trace_stream_record(streams[i % 4], 8, i / 16, &i, 8), 0);
    assert_int_equal(trace_writer_close(w), 0);
    t = fixture_open(ties);
    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, event) == 1) {
        assert_true(event->ticks > ticks_before ||
                    (event->ticks == ticks_before && event->thread->thread >= thread_before));
        ticks_before = event->ticks;
        thread_before = event->thread->thread;
    }
    assert_int_equal(ticks_before, 24);
    trace_cursor_close(cursor);
    trace_close(t);
    free(event);
}

/* A slice reads the blocks that it touches and no others: damage elsewhere stays unnoticed. */
static void slice_does_not_read_the_rest(void **state)
{
    struct trace *t = fixture_open(path);
    const struct trace_filter filter = {trace_ns(t, model.events[3000].ticks),
                                        trace_ns(t, model.events[3000].ticks) + 1000, NULL, NULL};
    struct trace_condition condition;
    unsigned char *bytes;
    size_t size;

    (void)state;
    bytes = fixture_load(path, &size);
    for (size_t i = 0; i < t->blocks.count; i++) {
        const struct index_entry *entry = &t->blocks.entries[i];

        if (entry->kind == BLOCK_DATA && (entry->last_ticks < trace_ticks(t, filter.from_ns) ||
                                          entry->first_ticks > trace_ticks(t, filter.to_ns)))
            memset(bytes + entry->offset, 'x', BLOCK_HEADER_BYTES + entry->frame_bytes);
    }
    trace_close(t);
    fixture_store(fixture_path("sliced"), bytes, size);
    t = fixture_open(fixture_path("sliced"));
    cursor_check(t, &filter);
    scan_check(t, &filter);
    trace_condition(t, &condition);
    assert_int_equal(condition.damaged_blocks, 0);
    trace_close(t);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_gives_exactly_what_it_asks_for),
        cmocka_unit_test(threads_are_chosen_by_number_or_by_name),
        cmocka_unit_test(merge_in_little_memory_gives_the_same),
        cmocka_unit_test(merge_is_by_ticks_and_then_by_thread),
        cmocka_unit_test(slice_does_not_read_the_rest),
    };

    return cmocka_run_group_tests(tests, trace_make, trace_drop);
}
