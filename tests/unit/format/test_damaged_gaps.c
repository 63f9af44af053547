/* SPDX-License-Identifier: Apache-2.0 */
/* A data block that cannot be read: whoever reads the events meets a gap of its records, in its
 * place of its thread, and the same one whoever unpacks. */
#include <stdlib.h>
#include <string.h>

#include "format/trace_state.h"
#include "format_fixture.h"

enum { THREADS = 3, RECORDS = 200 };

static const struct ada_field number_field = {
    .name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = &number_field, .field_count = 1};

/* Threads that take turns, and one gap of the recording's own. */
static const char *trace_make(void)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 10};
    const struct trace_gap gap = {2, TRACE_GAP_DROPPED, 60, 61, 5, 80};
    const char *path = fixture_path("gaps.adatrace");
    struct trace_stream *streams[THREADS];
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    for (uint32_t i = 0; i < THREADS; i++) {
        fixture_thread(w, i + 1, 1, "one of three");
        assert_int_equal(trace_stream_open(w, i + 1, &streams[i]), 0);
    }
    for (uint64_t i = 0; i < RECORDS; i++) {
        if (i == 61)
            assert_int_equal(trace_stream_gaps(streams[1], &gap, 1), 0);
        assert_int_equal(trace_stream_record(streams[i % THREADS], 8, i, &i, 8), 0);
    }
    assert_int_equal(trace_writer_close(w), 0);
    return path;
}

/* ---- ways of reading ---- */

/* What one way of reading met. */
struct met {
    uint64_t records, missing;
    unsigned damaged_gaps;
    struct trace_gap gap;
    uint64_t newest_ticks; /* of the damaged block's thread, so far */
    bool misplaced;
};

static void gap_meet(struct met *met, const struct trace_gap *gap)
{
    if (gap->kind != TRACE_GAP_DAMAGED)
        return;
    met->misplaced |= met->newest_ticks > gap->first_ticks;
    met->newest_ticks = gap->last_ticks;
    met->missing += gap->records;
    met->damaged_gaps++;
    met->gap = *gap;
}

static void record_meet(struct met *met, const struct index_entry *damaged,
                        const struct trace_thread *thread, uint64_t ticks)
{
    met->records++;
    if (thread->thread != damaged->thread)
        return;
    met->misplaced |= met->newest_ticks > ticks;
    met->newest_ticks = ticks;
}

static void met_one_by_one(struct trace *t, const struct index_entry *damaged, struct met *met)
{
    static struct trace_event event;
    struct trace_cursor *cursor;
    int status;

    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while ((status = trace_cursor_next(cursor, &event)) == 1) {
        if (event.type)
            record_meet(met, damaged, event.thread, event.ticks);
        else
            gap_meet(met, &event.gap);
    }
    assert_int_equal(status, 0);
    trace_cursor_close(cursor);
}

static void met_in_batches(struct trace *t, const struct index_entry *damaged, struct met *met)
{
    static struct trace_batch batch;
    struct trace_cursor *cursor;
    int status;

    assert_int_equal(trace_cursor_open(t, NULL, &cursor), 0);
    while ((status = trace_cursor_batch(cursor, &batch, 11)) == 1) {
        for (size_t i = 0; i < batch.count; i++) {
            if (batch.records[i].run)
                record_meet(met, damaged, batch.records[i].thread, batch.records[i].ticks);
            else
                gap_meet(met, batch.records[i].gap);
        }
        trace_batch_release(cursor, &batch);
    }
    assert_int_equal(status, 0);
    trace_batch_fini(&batch);
    trace_cursor_close(cursor);
}

static void met_in_blocks(struct trace *t, const struct index_entry *damaged, struct met *met)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    int status;

    assert_int_equal(trace_scan_open(t, NULL, &scan), 0);
    while ((status = trace_scan_next(scan, &block)) == 1) {
        for (uint32_t g = 0; g < block->gap_count; g++)
            gap_meet(met, &block->gaps[g]);
        for (uint32_t i = 0; i < block->records; i++)
            record_meet(met, damaged, block->thread, block->ticks[i]);
    }
    assert_int_equal(status, 0);
    trace_scan_close(scan);
}

/* ---- each block in turn ---- */

static void met_check(const struct met *met, const struct index_entry *damaged)
{
    assert_int_equal(met->records + met->missing, RECORDS);
    assert_int_equal(met->damaged_gaps, 1);
    assert_false(met->misplaced);
    assert_int_equal(met->gap.thread, damaged->thread);
    assert_int_equal(met->gap.records, damaged->records);
    assert_int_equal(met->gap.first_ticks, damaged->first_ticks);
    assert_int_equal(met->gap.last_ticks, damaged->last_ticks);
}

/* Nothing is known of the damage before it is read, all of it afterwards. */
static void read_and_check(const char *path, const struct index_entry *damaged, unsigned jobs,
                           void (*reader)(struct trace *t, const struct index_entry *damaged,
                                          struct met *met))
{
    struct trace *t = fixture_open(path);
    struct trace_condition condition;
    struct met met = {0};

    trace_jobs_set(t, jobs);
    t->ahead_records_min = 0;
    trace_condition(t, &condition);
    assert_int_equal(condition.damaged_blocks, 0);
    reader(t, damaged, &met);
    met_check(&met, damaged);
    trace_condition(t, &condition);
    assert_int_equal(condition.damaged_blocks, 1);
    assert_int_equal(condition.damaged_data_blocks, 1);
    assert_int_equal(condition.damaged_records, damaged->records);
    assert_int_equal(condition.records + condition.damaged_records, RECORDS);
    trace_close(t);
}

/* A byte `at` bytes behind the start of each data block is another one. */
static void every_block_damaged(size_t at)
{
    const char *bad = fixture_path("bad.adatrace");
    size_t size;
    unsigned char *bytes = fixture_load(trace_make(), &size);
    struct trace *whole = fixture_open(fixture_path("gaps.adatrace"));

    for (size_t i = 0; i < whole->blocks.count; i++) {
        const struct index_entry *damaged = &whole->blocks.entries[i];

        if (!index_entry_is(damaged, BLOCK_DATA))
            continue;
        bytes[damaged->offset + at] ^= 0x10;
        fixture_store(bad, bytes, size);
        bytes[damaged->offset + at] ^= 0x10;
        for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
            read_and_check(bad, damaged, jobs, met_one_by_one);
            read_and_check(bad, damaged, jobs, met_in_batches);
            read_and_check(bad, damaged, jobs, met_in_blocks);
        }
    }
    trace_close(whole);
    free(bytes);
}

static void damaged_content_is_a_gap_in_its_place_for_every_reader(void **state)
{
    (void)state;
    every_block_damaged(BLOCK_HEADER_BYTES + 5);
}

static void damaged_header_is_the_gap_that_the_index_tells_of(void **state)
{
    (void)state;
    every_block_damaged(50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_content_is_a_gap_in_its_place_for_every_reader),
        cmocka_unit_test(damaged_header_is_the_gap_that_the_index_tells_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
