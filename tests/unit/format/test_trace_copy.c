/* SPDX-License-Identifier: Apache-2.0 */
/* Slices and joined files, held against the model of what was written. What the commands do with
 * them is in tests/cli, real sessions are in tests/live. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "format/copy_state.h"
#include "format_fixture.h"

enum { THREADS = 5, RECORDS = 6000, TEXT_MAX = 60, SLICES_MAX = 8 };

static const struct trace_writer_options small_blocks = {.level = 1, .block_records = 100};

/* ---- making them ---- */

static struct trace_filter filter_of(int64_t from_ns, int64_t to_ns)
{
    return (struct trace_filter){.from_ns = from_ns, .to_ns = to_ns};
}

static struct trace *slice_open(struct trace *trace, const char *name, int64_t from_ns,
                                int64_t to_ns, struct trace_copy_figures *figures)
{
    const struct trace_cut cut = {.filter = filter_of(from_ns, to_ns), .origin = "the test"};
    const char *path = fixture_path(name);
    struct trace_error error;

    if (trace_cut(trace, &cut, fixture_create(path), NULL, figures, &error) != 0)
        fail_msg("%s", error.message);
    return fixture_open(path);
}

/* Its events in [from, to): the rest stays the model's. */
static struct model model_part(const struct model *model, struct trace *trace, int64_t from_ns,
                               int64_t to_ns)
{
    struct model part = {.events = malloc(model->count * sizeof(*part.events))};

    assert_non_null(part.events);
    for (size_t i = 0; i < model->count; i++) {
        const struct model_event *event = &model->events[i];
        uint64_t last = event->is_gap ? event->gap.last_ticks : event->ticks;

        if (trace_ns(trace, event->ticks) < to_ns && trace_ns(trace, last) >= from_ns)
            part.events[part.count++] = *event;
    }
    return part;
}

static int64_t time_of(const struct model *model, struct trace *trace, uint64_t *random)
{
    return trace_ns(trace, model->events[fixture_random(random) % model->count].ticks);
}

static int time_compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* ---- slices ---- */

static void slice_has_what_the_model_has(void **state)
{
    struct model model = {0};
    const char *path = fixture_path("whole");
    struct trace_copy_figures figures;
    uint64_t random = 5;
    struct trace *trace;

    (void)state;
    model_random(&model, path, &small_blocks, THREADS, RECORDS, TEXT_MAX);
    trace = fixture_open(path);
    for (unsigned n = 0; n < 20; n++) {
        int64_t ends[2] = {time_of(&model, trace, &random), time_of(&model, trace, &random)};
        struct model part;
        struct trace *slice;

        qsort(ends, 2, sizeof(*ends), time_compare);
        slice = slice_open(trace, "slice", ends[0], ends[1], &figures);
        part = model_part(&model, trace, ends[0], ends[1]);
        assert_int_equal(model_compare(&part, slice, MATCH_ALL), figures.records);
        assert_true(figures.blocks_encoded <= 2 * THREADS);
        trace_close(slice);
        free(part.events);
    }
    trace_close(trace);
    model_free(&model);
}

static void times_of_a_slice_are_those_of_the_whole(void **state)
{
    struct model model = {0};
    const char *path = fixture_path("times");
    struct trace_copy_figures figures;
    struct trace *trace, *slice;
    int64_t from;

    (void)state;
    model_random(&model, path, &small_blocks, THREADS, 2000, TEXT_MAX);
    trace = fixture_open(path);
    from = trace_ns(trace, model.events[1500].ticks);
    slice = slice_open(trace, "later", from, INT64_MAX, &figures);
    for (size_t i = 1500; i < model.count; i++)
        assert_int_equal(trace_ns(slice, model.events[i].ticks),
                         trace_ns(trace, model.events[i].ticks));
    trace_close(slice);
    trace_close(trace);
    model_free(&model);
}

/* ---- joining ---- */

static void join_compare(struct trace *const *slices, size_t count, const struct model *model)
{
    static const char *const names[SLICES_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const char *path = fixture_path("joined");
    struct trace_copy_figures figures;
    struct trace_error error;
    struct trace *joined;

    if (trace_merge(slices, names, count, fixture_create(path), 1, NULL, &figures, &error) != 0)
        fail_msg("%s", error.message);
    joined = fixture_open(path);
    assert_int_equal(model_compare(model, joined, MATCH_ALL), figures.records);
    trace_close(joined);
}

/* `reach`: slices overlap by so much. */
static void slices_join(uint64_t seed, int64_t reach_ns)
{
    static const char *const names[SLICES_MAX] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    struct model model = {0};
    const char *path = fixture_path("parted");
    struct trace_copy_figures figures;
    struct trace *trace, *slices[SLICES_MAX];
    int64_t bounds[SLICES_MAX + 1] = {INT64_MIN};
    uint64_t random = seed;
    size_t count = 2 + fixture_random(&random) % (SLICES_MAX - 1);

    model_random(&model, path, &small_blocks, THREADS, RECORDS, TEXT_MAX);
    trace = fixture_open(path);
    for (size_t i = 1; i < count; i++)
        bounds[i] = time_of(&model, trace, &random);
    bounds[count] = INT64_MAX;
    qsort(bounds, count + 1, sizeof(*bounds), time_compare);
    for (size_t i = 0; i < count; i++) {
        int64_t to = bounds[i + 1] < INT64_MAX - reach_ns ? bounds[i + 1] + reach_ns : INT64_MAX;

        /* In the order in which nobody would give them. */
        slices[i % 2 ? i / 2 : count - 1 - i / 2] =
            slice_open(trace, names[i], bounds[i], to, &figures);
    }
    join_compare(slices, count, &model);
    for (size_t i = 0; i < count; i++)
        trace_close(slices[i]);
    trace_close(trace);
    model_free(&model);
}

static void slices_become_the_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        slices_join(seed, 0);
}

static void slices_that_overlap_become_the_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++)
        slices_join(seed, (int64_t)(1000 << seed));
}

/* ---- snapshots of one session ---- */

/* Of one thread: a snapshot with the records from `from` to `to`, in two blocks. Of those before it
 * has only the number. */
static void snapshot_make(const char *path, uint32_t from, uint32_t to)
{
    const struct trace_writer_options options = {.level = 1, .block_records = (to - from) / 2};
    const struct trace_gap gap = {1, TRACE_GAP_OVERWRITTEN, 10, 10 * from, from, 8 * from};
    const struct trace_ledger ledger = {
        .thread = 1, .written = to, .stored = to - from, .overwritten = from};
    struct trace_recording recording = fixture_recording;
    struct trace_stream *stream;
    struct model model = {0};
    struct trace_writer *w;

    recording.session = "snapped";
    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &recording), 0);
    fixture_type(w, 1, &fixture_types[0]);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "worker");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    if (from)
        model_gap(&model, stream, &gap);
    for (uint32_t n = from; n < to; n++)
        model_record(&model, stream, 1, &fixture_types[0], 10 * (n + 1), "", 0);
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
}

/* Spoil the frame of its last data block. */
static void last_block_spoil(const char *path)
{
    struct trace *trace = fixture_open(path);
    uint64_t offset = 0;
    unsigned char *bytes;
    size_t size;

    for (size_t i = 0; i < trace->blocks.count; i++)
        if (index_entry_is(&trace->blocks.entries[i], BLOCK_DATA))
            offset = trace->blocks.entries[i].offset;
    trace_close(trace);
    bytes = fixture_load(path, &size);
    bytes[offset + BLOCK_HEADER_BYTES + 9] ^= 0xff;
    fixture_store(path, bytes, size);
    free(bytes);
}

/* The two as "joined". */
static struct trace *pair_join(const char *const *names, struct trace_copy_figures *figures)
{
    struct trace_error error;
    struct trace *traces[2];

    for (int i = 0; i < 2; i++)
        traces[i] = fixture_open(fixture_path(names[i]));
    if (trace_merge(traces, names, 2, fixture_create(fixture_path("joined")), 1, NULL, figures,
                    &error) != 0)
        fail_msg("%s", error.message);
    for (int i = 0; i < 2; i++)
        trace_close(traces[i]);
    return fixture_open(fixture_path("joined"));
}

/* What is damaged in the one is not missing once more where the other begins. */
static void damage_before_a_snapshot_is_counted_once(void **state)
{
    static const char *const names[] = {"first", "second"};
    struct trace_copy_figures figures;
    const struct trace_ledger *ledger;
    struct trace *joined;

    (void)state;
    snapshot_make(fixture_path(names[0]), 0, 100);
    snapshot_make(fixture_path(names[1]), 150, 200);
    last_block_spoil(fixture_path(names[0]));
    joined = pair_join(names, &figures);
    assert_int_equal(figures.blocks_damaged, 1);
    assert_int_equal(fixture_verify(fixture_path("joined"), NULL), 3);
    ledger = trace_ledger_of(joined, 1);
    assert_int_equal(ledger->stored, 100);
    assert_int_equal(ledger->damaged, 50);
    assert_int_equal(ledger->overwritten, 50);
    assert_int_equal(ledger->written, 200);
    trace_close(joined);
}

/* Its first data block stands there a second time, right behind itself: checksums hold. */
static void first_block_repeat(const char *path)
{
    struct trace *trace = fixture_open(path);
    size_t size, at = 0, behind;
    unsigned char *bytes, *more;

    while (!index_entry_is(&trace->blocks.entries[at], BLOCK_DATA))
        at++;
    behind = trace->blocks.entries[at + 1].offset;
    at = trace->blocks.entries[at].offset;
    trace_close(trace);
    bytes = fixture_load(path, &size);
    more = malloc(size + behind - at);
    assert_non_null(more);
    memcpy(more, bytes, behind);
    memcpy(more + behind, bytes + at, size - at);
    fixture_store(path, more, size + behind - at);
    free(more);
    free(bytes);
}

/* Nothing in it fails its checksum, and yet it is not what was written. */
static void block_out_of_its_place_is_said_to_be_damage(void **state)
{
    static const char *const names[] = {"sound", "repeats"};
    struct trace_copy_figures figures;
    struct trace *joined;

    (void)state;
    snapshot_make(fixture_path(names[0]), 0, 100);
    snapshot_make(fixture_path(names[1]), 150, 200);
    first_block_repeat(fixture_path(names[1]));
    joined = pair_join(names, &figures);
    assert_non_null(trace_note_at(joined, 0));
    assert_string_equal(trace_note_at(joined, 0)->text,
                        "merged from 2 files: sound; repeats, damaged");
    trace_close(joined);
}

/* Records 0 to 9; five dropped and records 10 to 19, in a block that is spoilt. */
static void dropped_make(const char *path)
{
    const struct trace_writer_options options = {.level = 1};
    const struct trace_gap gap = {1, TRACE_GAP_DROPPED, 101, 109, 5, 80};
    const struct trace_ledger ledger = {.thread = 1,
                                        .final = true,
                                        .written = 20,
                                        .stored = 20,
                                        .dropped = 5,
                                        .dropped_bytes = 80,
                                        .nested = 3};
    struct trace_stream *stream;
    struct model model = {0};
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &fixture_types[0]);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "worker");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint32_t n = 0; n < 20; n++) {
        if (n == 10) {
            assert_int_equal(trace_stream_flush(stream), 0);
            model_gap(&model, stream, &gap);
        }
        model_record(&model, stream, 1, &fixture_types[0], 10 * (n + 1), "", 0);
    }
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
    last_block_spoil(path);
}

static void ledger_of_a_damaged_thread_keeps_its_drops(void **state)
{
    struct trace_copy_figures figures;
    const struct trace_ledger *ledger;
    struct trace *trace, *whole;

    (void)state;
    dropped_make(fixture_path("dropped"));
    trace = fixture_open(fixture_path("dropped"));
    whole = slice_open(trace, "kept", INT64_MIN, INT64_MAX, &figures);
    ledger = trace_ledger_of(whole, 1);
    assert_int_equal(ledger->stored, 10);
    assert_int_equal(ledger->damaged, 10);
    assert_int_equal(ledger->written, 20);
    assert_int_equal(ledger->dropped, 5);
    assert_int_equal(ledger->dropped_bytes, 80);
    assert_int_equal(ledger->nested, 3);
    assert_true(ledger->final);
    trace_close(whole);
    trace_close(trace);
}

/* ---- numbers ---- */

static void numbers_are_given_once(void **state)
{
    static const uint64_t wanted[] = {1,          2,         1, 2, 0, 3, UINT32_MAX,
                                      UINT64_MAX, INT32_MAX, 7, 7, 4, 5};
    struct copy_numbers numbers = {0};
    uint32_t given[sizeof(wanted) / sizeof(*wanted)];

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        given[i] = copy_number_take(&numbers, wanted[i]);
        assert_int_not_equal(given[i], 0);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(given[i], given[k]);
    }
    assert_int_equal(given[0], 1); /* what is free is kept */
    assert_int_equal(given[1], 2);
    assert_int_equal(given[8], INT32_MAX);
    number_map_free(&numbers.taken);
}

/* ---- clocks ---- */

static void clock_fill(struct trace *clock, uint64_t *random, uint64_t ticks_per_us)
{
    uint64_t ticks = fixture_random(random) >> 20, ns = fixture_random(random) >> 20;

    for (unsigned i = 0; i < 20; i++) {
        struct trace_clock_pair *pair = table_add(&clock->clocks, sizeof(*pair));
        uint64_t us = 1000 + fixture_random(random) % 1000000;

        assert_non_null(pair);
        *pair = (struct trace_clock_pair){.ticks = ticks, .monotonic_ns = ns};
        ticks += us * ticks_per_us + fixture_random(random) % 100;
        ns += us * 1000;
    }
    assert_int_equal(trace_clock_prepare(clock), 0);
}

static void ticks_of_another_clock_mean_the_same_time(void **state)
{
    struct trace from = {0}, to = {0};
    uint64_t random = 9, last = 0, first;

    (void)state;
    clock_fill(&from, &random, 24);
    clock_fill(&to, &random, 2700);
    first = ((const struct trace_clock_pair *)from.clocks.rows)[0].ticks;
    for (int64_t shift = -3000000; shift <= 3000000; shift += 1500000) {
        const struct copy_clock clock = {&from, &to, shift};

        last = 0;
        for (unsigned i = 0; i < 20000; i++) {
            uint64_t ticks = first - 100000 + i * UINT64_C(30011),
                     moved = copy_ticks(&clock, ticks);

            assert_int_equal(trace_ns(&to, moved), trace_ns(&from, ticks) + shift);
            assert_true(moved >= last);
            assert_int_equal(trace_duration_ns(&to, copy_duration(&clock, ticks >> 20)),
                             trace_duration_ns(&from, ticks >> 20));
            last = moved;
        }
    }
    copy_clock_fini(&from);
    copy_clock_fini(&to);
}

/* ---- what cannot be done ---- */

static void full_disk_is_said(void **state)
{
    const struct trace_cut cut = {.filter = filter_of(INT64_MIN, INT64_MAX), .origin = "x"};
    struct trace_copy_figures figures;
    struct model model = {0};
    struct trace_error error;
    struct trace *trace;

    (void)state;
    model_random(&model, fixture_path("full"), &small_blocks, THREADS, 2000, TEXT_MAX);
    trace = fixture_open(fixture_path("full"));
    assert_int_equal(
        trace_cut(trace, &cut, open("/dev/full", O_WRONLY | O_CLOEXEC), NULL, &figures, &error),
        -ENOSPC);
    assert_non_null(strstr(error.message, "No space left"));
    trace_close(trace);
    model_free(&model);
}

static void same_file_twice_is_refused(void **state)
{
    static const char *const names[] = {"one", "two"};
    struct trace_copy_figures figures;
    struct model model = {0};
    struct trace_error error;
    struct trace *traces[2];

    (void)state;
    model_random(&model, fixture_path("twice"), &small_blocks, THREADS, 200, TEXT_MAX);
    for (int i = 0; i < 2; i++)
        traces[i] = fixture_open(fixture_path("twice"));
    assert_int_equal(trace_merge(traces, names, 2, fixture_create(fixture_path("no")), 1, NULL,
                                 &figures, &error),
                     -EEXIST);
    assert_string_equal(error.message, "one and two are the same recording");
    trace_close(traces[0]);
    trace_close(traces[1]);
    model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_has_what_the_model_has),
        cmocka_unit_test(times_of_a_slice_are_those_of_the_whole),
        cmocka_unit_test(slices_become_the_whole),
        cmocka_unit_test(slices_that_overlap_become_the_whole),
        cmocka_unit_test(damage_before_a_snapshot_is_counted_once),
        cmocka_unit_test(block_out_of_its_place_is_said_to_be_damage),
        cmocka_unit_test(ledger_of_a_damaged_thread_keeps_its_drops),
        cmocka_unit_test(numbers_are_given_once),
        cmocka_unit_test(ticks_of_another_clock_mean_the_same_time),
        cmocka_unit_test(full_disk_is_said),
        cmocka_unit_test(same_file_twice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
