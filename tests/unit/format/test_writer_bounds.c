/* SPDX-License-Identifier: Apache-2.0 */
/* However many streams there are and whatever they hold, a writer's memory has a bound. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "format/writer_state.h"
#include "format_fixture.h"
#include "tests/helpers/evidence.h"

/* Beside the drafts: a thousand streams, the encoder, a draft that grows, what drafts hold before
 * it is noticed; and for each thread but the first. */
enum { BESIDE_BYTES = 8 << 20, THREADS = 4, THREAD_BYTES = 12 << 20 };

/* ---- memory: the writer's own, as malloc() hands it out; not zstd's ---- */

static size_t used, most; /* atomic: the queue's threads encode */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void __real_free(void *bytes);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);
void __wrap_free(void *bytes);

static void *count(void *bytes)
{
    size_t now = __atomic_add_fetch(&used, malloc_usable_size(bytes), __ATOMIC_RELAXED);

    if (now > load_relaxed(&most)) /* two at once: the figure is a little low */
        store_relaxed(&most, now);
    return bytes;
}

void *__wrap_malloc(size_t size)
{
    return count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return count(__real_calloc(number, size));
}

void *__wrap_realloc(void *bytes, size_t size)
{
    __atomic_sub_fetch(&used, malloc_usable_size(bytes), __ATOMIC_RELAXED);
    return count(__real_realloc(bytes, size));
}

void __wrap_free(void *bytes)
{
    __atomic_sub_fetch(&used, malloc_usable_size(bytes), __ATOMIC_RELAXED);
    __real_free(bytes);
}

/* ---- streams ---- */

enum { STREAMS = 1000, TEXT_BYTES = 120 };

static const struct ada_field number_fields[] = {
    {.name = "a", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "b", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
};
static const struct ada_field text_fields[] = {
    {.name = "n", .kind = ADA_KIND_UNSIGNED, .width = 2, .count = 1},
    {.name = "said", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = number_fields, .field_count = 2};
static const struct schema text = {
    .id = 9, .provider = "test", .name = "text", .fields = text_fields, .field_count = 2};
static struct trace_stream *streams[STREAMS];

static struct trace_writer *streams_open(const char *name, unsigned threads)
{
    const struct trace_writer_options options = {.level = 1, .threads = threads};
    struct trace_writer *w;

    assert_int_equal(
        trace_writer_open(&w, fixture_create(fixture_path(name)), &options, &fixture_recording), 0);
    fixture_type(w, 1, &number);
    fixture_type(w, 1, &text);
    fixture_process(w, 1, 1);
    for (uint32_t i = 0; i < STREAMS; i++) {
        fixture_thread(w, i + 1, 1, "busy");
        assert_int_equal(trace_stream_open(w, i + 1, &streams[i]), 0);
    }
    most = used;
    return w;
}

static void streams_end(struct trace_writer *w, uint64_t records, uint64_t blocks_max)
{
    struct trace_writer_stats stats;

    assert_in_range(most, DRAFTS_BYTES_MAX / 4,
                    DRAFTS_BYTES_MAX + BESIDE_BYTES +
                        (w->queue ? (THREADS - 1) * THREAD_BYTES : 0));
    assert_int_equal(trace_writer_flush(w), 0);
    assert_true(w->drafts_bytes < DRAFTS_BYTES_MAX / 3); /* a few are kept for whoever comes */
    trace_writer_stats(w, &stats);
    assert_int_equal(stats.records, records);
    assert_in_range(stats.blocks, 1, blocks_max);
    assert_int_equal(trace_writer_close(w), 0);
}

static void numbers_write(struct trace_writer *w, uint64_t records)
{
    for (uint64_t n = 0; n < records; n++)
        for (uint32_t i = 0; i < STREAMS; i++) {
            const uint64_t payload[2] = {n, i};

            assert_int_equal(trace_stream_record(streams[i], 8, n, payload, 16), 0);
        }
    streams_end(w, STREAMS * records, STREAMS * (records / 500 + 1));
}

/* Full blocks of all of them would be 130 megabytes. */
static void many_busy_streams_write_small_blocks(void **state)
{
    (void)state;
    numbers_write(streams_open("busy", 1), 4000);
}

/* With threads that compress some are on their way, besides. */
static void so_they_do_with_threads_that_compress(void **state)
{
    (void)state;
    numbers_write(streams_open("queue", THREADS), 4000);
}

/* 70 megabytes, though none has so much that a block were worth it. */
static void many_streams_with_little_each_hold_no_more_together_than_they_may(void **state)
{
    enum { RECORDS = 500 };
    unsigned char payload[2 + 4 + TEXT_BYTES] = {1, 0, TEXT_BYTES};
    struct trace_writer *w = streams_open("little", 1);

    (void)state;
    for (uint64_t n = 0; n < RECORDS; n++)
        for (uint32_t i = 0; i < STREAMS; i++)
            assert_int_equal(trace_stream_record(streams[i], 9, n, payload, sizeof(payload)), 0);
    evidence_write("writer-bound", "%zu KiB at most in 1,000 streams of 500 strings each",
                   most >> 10);
    streams_end(w, STREAMS * RECORDS, 20 * STREAMS);
}

static void gaps_are_memory_as_well(void **state)
{
    enum { GAPS = 1000 };
    const struct trace_gap gap = {.kind = TRACE_GAP_DROPPED, .records = 1, .bytes = 8};
    struct trace_writer *w = streams_open("gaps", 1);

    (void)state;
    for (uint64_t n = 0; n < GAPS; n++)
        for (uint32_t i = 0; i < STREAMS; i++)
            assert_int_equal(trace_stream_gaps(streams[i], &gap, 1), 0);
    streams_end(w, 0, 20 * STREAMS);
}

/* Of the same times, with policy overwrite: wherever a block ends for want of memory, it is not
 * between them. */
static void gaps_of_one_hole_stay_together(void **state)
{
    enum { ROUNDS = 400 };
    struct trace_writer *w = streams_open("holes", 1);

    (void)state;
    for (uint64_t n = 1; n <= ROUNDS; n++)
        for (uint32_t i = 0; i < STREAMS; i++) {
            const struct trace_gap gaps[] = {
                {0, TRACE_GAP_OVERWRITTEN, 100 * n - 50, 100 * n - 10, 3, 72},
                {0, TRACE_GAP_DROPPED, 100 * n - 50, 100 * n - 10, 3, 72}};
            const uint64_t payload[2] = {n, i};

            assert_int_equal(trace_stream_gaps(streams[i], gaps, 2), 0);
            assert_int_equal(trace_stream_record(streams[i], 8, 100 * n, payload, 16), 0);
        }
    for (uint32_t i = 0; i < STREAMS; i++) {
        const struct trace_ledger ledger = {.thread = i + 1,
                                            .final = true,
                                            .written = 4 * ROUNDS,
                                            .stored = ROUNDS,
                                            .overwritten = 3 * ROUNDS,
                                            .dropped = 3 * ROUNDS};

        assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    }
    streams_end(w, STREAMS * ROUNDS, 20 * STREAMS);
    assert_int_equal(fixture_verify(fixture_path("holes"), NULL), 3); /* lossy, as it says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_busy_streams_write_small_blocks),
        cmocka_unit_test(so_they_do_with_threads_that_compress),
        cmocka_unit_test(many_streams_with_little_each_hold_no_more_together_than_they_may),
        cmocka_unit_test(gaps_are_memory_as_well),
        cmocka_unit_test(gaps_of_one_hole_stay_together),
    };

    return cmocka_run_group_tests_name("memory of a writer", tests, NULL, NULL);
}
