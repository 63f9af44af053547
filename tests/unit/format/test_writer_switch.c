/* SPDX-License-Identifier: Apache-2.0 */
/* A session in several files: each is complete, and together they are the session. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "format_fixture.h"

enum { THREADS = 4, FILES_MAX = 64 };

/* Threads whose records go into one file after the other, and what the file that is being written
 * has to hold. */
struct session {
    struct trace_writer *writer;
    struct trace_stream *streams[THREADS];
    struct model model; /* of this file */
    uint64_t random, ticks;
    uint64_t written[THREADS], stored_before[THREADS]; /* written: in this file */
    uint64_t dropped[THREADS];
    uint64_t records; /* in all */
    unsigned files;
};

static const char *file_path(unsigned n)
{
    char name[32];

    snprintf(name, sizeof(name), "switch-%u", n);
    return fixture_path(name);
}

static void session_begin(struct session *s, const struct trace_writer_options *options)
{
    *s = (struct session){.random = 7, .ticks = 1000};
    assert_int_equal(
        trace_writer_open(&s->writer, fixture_create(file_path(0)), options, &fixture_recording),
        0);
    for (unsigned i = 0; i < FIXTURE_TYPES; i++) {
        fixture_type(s->writer, 1, &fixture_types[i]);
        fixture_type(s->writer, 77, &fixture_types[i]);
    }
    fixture_process(s->writer, 1, 1);
    fixture_process(s->writer, 2, 77);
    for (uint32_t i = 0; i < THREADS; i++) {
        fixture_thread(s->writer, i + 1, 1 + i % 2, "worker");
        assert_int_equal(trace_stream_open(s->writer, i + 1, &s->streams[i]), 0);
    }
}

static void record_write(struct session *s)
{
    unsigned char payload[8192];
    uint32_t i = (uint32_t)(fixture_random(&s->random) % THREADS);
    const struct schema *type = &fixture_types[fixture_random(&s->random) % FIXTURE_TYPES];

    s->ticks += fixture_random(&s->random) % 300;
    if (fixture_random(&s->random) % 40 == 0) {
        struct trace_gap gap = {i + 1, TRACE_GAP_DROPPED, s->ticks, s->ticks, 3, 24};

        model_gap(&s->model, s->streams[i], &gap);
        s->dropped[i] += 3;
    }
    model_record(&s->model, s->streams[i], i + 1, type, s->ticks, payload,
                 model_payload(type, &s->random, 20, payload));
    s->written[i]++;
    s->records++;
}

/* What the drain says at the end of each file. */
static void ledgers_write(struct session *s)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        const struct trace_ledger ledger = {
            .thread = i + 1,
            .written = s->written[i],
            .dropped = s->dropped[i],
            .stored = trace_stream_stored(s->streams[i]) - s->stored_before[i],
        };

        assert_int_equal(trace_writer_ledger(s->writer, &ledger), 0);
        s->stored_before[i] += ledger.stored;
        s->written[i] = s->dropped[i] = 0;
    }
}

/* The file left behind has just these records, and says so. */
static uint64_t file_check(struct session *s, unsigned n)
{
    struct findings findings;
    struct trace *trace;
    uint64_t records;

    assert_in_range(fixture_verify(file_path(n), &findings), 0, 3);
    if (findings.count[2])
        fail_msg("file %u: %s", n, findings.text[2]);
    trace = fixture_open(file_path(n));
    records = model_compare(&s->model, trace, MATCH_ALL);
    trace_close(trace);
    model_free(&s->model);
    s->model = (struct model){0};
    return records;
}

static uint64_t session_switch(struct session *s)
{
    struct trace_ending *old;
    uint64_t bytes;

    ledgers_write(s);
    assert_int_equal(trace_writer_switch(s->writer, fixture_create(file_path(s->files + 1)), &old),
                     0);
    assert_int_equal(trace_ending_close(old, &bytes), 0);
    assert_true(bytes > 0);
    return file_check(s, s->files++);
}

static uint64_t session_end(struct session *s)
{
    ledgers_write(s);
    assert_int_equal(trace_writer_close(s->writer), 0);
    return file_check(s, s->files);
}

/* ---- tests ---- */

static void random_schedule(unsigned threads, uint64_t seed)
{
    const struct trace_writer_options options = {
        .level = 1, .block_records = 50, .threads = threads};
    struct session s;
    uint64_t sum = 0;

    session_begin(&s, &options);
    s.random = seed;
    for (unsigned i = 0; i < 4000; i++) {
        record_write(&s);
        if (s.files < FILES_MAX && fixture_random(&s.random) % 150 == 0)
            sum += session_switch(&s);
    }
    assert_true(s.files > 5);
    sum += session_end(&s);
    assert_int_equal(sum, s.records);
}

static void files_of_a_random_schedule_are_each_whole_and_add_up(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        random_schedule(1, seed);
}

static void files_written_by_several_threads_are_each_whole_and_add_up(void **state)
{
    (void)state;
    for (uint64_t seed = 6; seed <= 8; seed++)
        random_schedule(3, seed);
}

static void switch_with_nothing_in_between_leaves_an_empty_good_file(void **state)
{
    const struct trace_writer_options options = {.level = 1};
    struct session s;

    (void)state;
    session_begin(&s, &options);
    assert_int_equal(session_switch(&s), 0);
    assert_int_equal(session_switch(&s), 0);
    record_write(&s);
    assert_int_equal(session_end(&s), 1);
}

static void switch_to_a_file_that_cannot_be_written_stays_where_it_is(void **state)
{
    const struct trace_writer_options options = {.level = 1};
    struct trace_ending *old;
    struct session s;
    int fd;

    (void)state;
    session_begin(&s, &options);
    record_write(&s);
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(trace_writer_switch(s.writer, fd, &old), -ENOSPC);
    assert_null(old);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    record_write(&s);
    assert_int_equal(session_end(&s), 2);
}

static void file_that_was_full_keeps_its_losses_to_itself(void **state)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 1000};
    struct rlimit before, small = {.rlim_cur = 128 << 10};
    struct trace_ending *old;
    struct findings findings;
    struct session s;
    int status = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    session_begin(&s, &options);
    for (unsigned n = 0; n < 1000000 && status == 0; n++) {
        uint64_t noise[3] = {fixture_random(&s.random), fixture_random(&s.random), 0};

        status = trace_stream_record(s.streams[0], fixture_types[1].id, n, noise, 8);
    }
    assert_int_equal(status, -EFBIG);
    assert_int_equal(trace_writer_switch(s.writer, fixture_create(file_path(1)), &old), 0);
    assert_int_equal(trace_ending_close(old, NULL), -EFBIG);
    s.files = 1;
    s.stored_before[0] = trace_stream_stored(s.streams[0]);
    record_write(&s);
    assert_int_equal(session_end(&s), 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(fixture_verify(file_path(1), &findings), 0);
    assert_int_equal(fixture_verify(file_path(0), &findings), 3);
    assert_non_null(strstr(findings.text[1], "could not be written"));
}

struct visit {
    uint64_t count, first_ticks;
};

static void address_visit(void *context, uint64_t image, uint64_t address, uint64_t first_ticks,
                          uint64_t last_ticks)
{
    struct visit *visit = context;

    (void)image, (void)address, (void)last_ticks;
    visit->count++;
    if (first_ticks < visit->first_ticks)
        visit->first_ticks = first_ticks;
}

static void addresses_go_with_the_file_that_they_stand_in(void **state)
{
    static const struct ada_field field = {
        .name = "at", .kind = ADA_KIND_CODE, .width = 8, .count = 1};
    static const struct schema code = {
        .id = 20, .provider = "test", .name = "at", .fields = &field, .field_count = 1};
    const struct trace_writer_options options = {.level = 1};
    const struct trace_symbol symbol = {
        .process = 1, .address = 100, .start = 90, .to_ticks = UINT64_MAX, .name = "f"};
    struct visit visit = {.first_ticks = UINT64_MAX};
    struct trace_ending *old;
    struct trace *trace;
    struct session s;
    uint64_t address;

    (void)state;
    session_begin(&s, &options);
    fixture_type(s.writer, 1, &code);
    for (address = 100; address < 103; address++)
        assert_int_equal(trace_stream_record(s.streams[0], 20, address, &address, 8), 0);
    assert_int_equal(trace_writer_switch(s.writer, fixture_create(file_path(1)), &old), 0);
    assert_int_equal(trace_stream_record(s.streams[0], 20, address, &address, 8), 0);
    trace_ending_addresses(old, address_visit, &visit);
    assert_int_equal(visit.count, 3);
    assert_int_equal(visit.first_ticks, 100);
    assert_int_equal(trace_ending_symbol(old, &symbol), 0);
    assert_int_equal(trace_ending_close(old, NULL), 0);
    trace = fixture_open(file_path(0));
    assert_string_equal(trace_symbol_find(trace, 1, 100, 100)->name, "f");
    trace_close(trace);
    visit = (struct visit){.first_ticks = UINT64_MAX};
    trace_writer_addresses(s.writer, address_visit, &visit);
    assert_int_equal(visit.count, 1);
    assert_int_equal(visit.first_ticks, address);
    assert_int_equal(trace_writer_close(s.writer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_random_schedule_are_each_whole_and_add_up),
        cmocka_unit_test(files_written_by_several_threads_are_each_whole_and_add_up),
        cmocka_unit_test(switch_with_nothing_in_between_leaves_an_empty_good_file),
        cmocka_unit_test(switch_to_a_file_that_cannot_be_written_stays_where_it_is),
        cmocka_unit_test(file_that_was_full_keeps_its_losses_to_itself),
        cmocka_unit_test(addresses_go_with_the_file_that_they_stand_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
