/* SPDX-License-Identifier: Apache-2.0 */
/* A writer with threads of its own writes what one without writes, in the same order. Linked with
 * --wrap=write, so that a disk can stand still. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/trace_state.h"
#include "format_fixture.h"

/* ---- a disk that can be stopped ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moves;
    bool stopped;
    unsigned held; /* writes that wait */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .moves = PTHREAD_COND_INITIALIZER};

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    pthread_mutex_lock(&disk.lock);
    disk.held++;
    pthread_cond_broadcast(&disk.moves);
    while (disk.stopped)
        pthread_cond_wait(&disk.moves, &disk.lock);
    disk.held--;
    pthread_mutex_unlock(&disk.lock);
    return __real_write(fd, bytes, size);
}

static void disk_stop(bool stop)
{
    pthread_mutex_lock(&disk.lock);
    disk.stopped = stop;
    pthread_cond_broadcast(&disk.moves);
    pthread_mutex_unlock(&disk.lock);
}

static void disk_wait_for_a_write(void)
{
    pthread_mutex_lock(&disk.lock);
    while (!disk.held)
        pthread_cond_wait(&disk.moves, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

/* ---- the same file ---- */

static void blocks_compare(const char *path, const char *other_path)
{
    struct trace *trace = fixture_open(path), *other = fixture_open(other_path);

    assert_int_equal(trace->blocks.count, other->blocks.count);
    for (size_t i = 0; i < trace->blocks.count; i++) {
        const struct index_entry *a = &trace->blocks.entries[i], *b = &other->blocks.entries[i];

        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->offset, b->offset);
        assert_int_equal(a->thread, b->thread);
        assert_int_equal(a->records, b->records);
        assert_int_equal(a->first_ticks, b->first_ticks);
        assert_int_equal(a->frame_bytes, b->frame_bytes);
    }
    trace_close(trace);
    trace_close(other);
}

static void file_by_threads_is_the_file_by_one(void **state)
{
    const char *one = fixture_path("by_one"), *many = fixture_path("by_many");

    (void)state;
    for (unsigned threads = 2; threads <= 5; threads++) {
        struct trace_writer_options options = {.level = 1, .block_records = 200};
        struct model model = {0}, again = {0};
        struct trace *trace;

        model_random(&model, one, &options, 7, 20000, 40);
        options.threads = threads;
        model_random(&again, many, &options, 7, 20000, 40);
        trace = fixture_open(many);
        assert_int_equal(model_compare(&model, trace, MATCH_ALL), 20000);
        trace_close(trace);
        blocks_compare(one, many);
        assert_int_equal(fixture_verify(many, NULL), fixture_verify(one, NULL));
        model_free(&model);
        model_free(&again);
    }
}

/* ---- streams, one record after another ---- */

static const struct ada_field number_field = {
    .name = "n", .kind = ADA_KIND_CODE, .width = 8, .count = 1};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = &number_field, .field_count = 1};

static struct trace_writer *writer_make(const char *path, unsigned threads,
                                        struct trace_stream **stream)
{
    const struct trace_writer_options options = {
        .level = 1, .block_records = 100, .threads = threads};
    struct trace_writer *w;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &number);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    assert_int_equal(trace_stream_open(w, 1, stream), 0);
    return w;
}

static void numbers_write(struct trace_stream *stream, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(trace_stream_record(stream, 8, i, &i, sizeof(i)), 0);
}

/* Every block is on its way while nothing can be written, and all of them arrive. */
static void disk_that_stands_still_stops_nobody_for_a_while(void **state)
{
    const char *path = fixture_path("still");
    struct trace_writer_stats stats;
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(path, 2, &stream);
    const struct trace_ledger ledger = {
        .thread = 1, .final = true, .written = 100000, .written_bytes = 1600000, .stored = 100000};

    (void)state;
    disk_stop(true);
    numbers_write(stream, 0, 100000);
    disk_wait_for_a_write();
    trace_writer_stats(w, &stats);
    assert_int_equal(stats.records, 0);
    assert_int_equal(trace_stream_stored(stream), 100000);
    disk_stop(false);
    assert_int_equal(trace_stream_flush(stream), 0);
    trace_writer_stats(w, &stats);
    assert_int_equal(stats.records, 100000);
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    assert_int_equal(trace_writer_close(w), 0);
    assert_int_equal(fixture_verify(path, NULL), 0);
}

static void *gate_open_later(void *unused)
{
    (void)unused;
    disk_wait_for_a_write();
    disk_stop(false);
    return NULL;
}

/* What stands in memory is bounded: then the caller waits. Flushing waits in any case. */
static void flush_waits_until_all_is_written(void **state)
{
    const char *path = fixture_path("flushed");
    struct trace_writer_stats stats;
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(path, 3, &stream);
    pthread_t opener;

    (void)state;
    disk_stop(true);
    numbers_write(stream, 0, 950);
    assert_int_equal(pthread_create(&opener, NULL, gate_open_later, NULL), 0);
    assert_int_equal(trace_writer_flush(w), 0);
    trace_writer_stats(w, &stats);
    assert_int_equal(stats.records, 950);
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_int_equal(trace_stream_close(stream), 0);
    assert_int_equal(trace_writer_close(w), 0);
}

struct visit {
    size_t count;
    uint64_t first, last;
};

static void address_visit(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                          uint64_t last_ticks)
{
    struct visit *visit = context;

    (void)image;
    visit->count++;
    if (address == 1) {
        visit->first = first_ticks;
        visit->last = last_ticks;
    }
}

static void addresses_of_all_blocks_are_told(void **state)
{
    struct trace_stream *stream;
    struct trace_writer *w = writer_make(fixture_path("told"), 4, &stream);
    struct visit visit = {0};

    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t address = 1 + i % 7;

        assert_int_equal(trace_stream_record(stream, 8, 100 + i, &address, sizeof(address)), 0);
    }
    trace_writer_addresses(w, address_visit, &visit);
    assert_int_equal(visit.count, 7);
    assert_int_equal(visit.first, 100);
    assert_int_equal(visit.last, 100 + 4998);
    assert_int_equal(trace_writer_close(w), 0);
}

static void streams_come_and_go_with_blocks_on_their_way(void **state)
{
    const char *path = fixture_path("come_and_go");
    struct trace_stream *first;
    struct trace_writer *w = writer_make(path, 4, &first);
    struct trace *trace;
    uint64_t records = 0, stored = 0;

    (void)state;
    for (uint32_t thread = 2; thread < 300; thread++) {
        struct trace_stream *stream;
        uint64_t count = 1 + thread * 37 % 500;

        fixture_thread(w, thread, 1, "passing");
        assert_int_equal(trace_stream_open(w, thread, &stream), 0);
        numbers_write(stream, 0, count);
        numbers_write(first, records, records + count);
        records += count;
        assert_int_equal(trace_stream_stored(stream), count);
        assert_int_equal(trace_stream_close(stream), 0);
    }
    assert_int_equal(trace_writer_close(w), 0);
    trace = fixture_open(path);
    for (size_t i = 0; i < trace->blocks.count; i++)
        if (trace->blocks.entries[i].kind == BLOCK_DATA)
            stored += trace->blocks.entries[i].records;
    assert_int_equal(stored, 2 * records);
    trace_close(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_by_threads_is_the_file_by_one),
        cmocka_unit_test(disk_that_stands_still_stops_nobody_for_a_while),
        cmocka_unit_test(flush_waits_until_all_is_written),
        cmocka_unit_test(addresses_of_all_blocks_are_told),
        cmocka_unit_test(streams_come_and_go_with_blocks_on_their_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
