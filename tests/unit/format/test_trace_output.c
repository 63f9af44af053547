/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that fails: a full file system, a size limit, a pipe nobody reads, and every write(2)
 * made to fail, stop short or be interrupted. Linked with --wrap, so that write(2) and fallocate(2)
 * are ours.
 */
#include "format/trace_output.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format_fixture.h"

/* ---- injected faults ---- */

enum fault { FAULT_NONE, FAULT_ERROR, FAULT_PART_THEN_ERROR, FAULT_INTERRUPTED, FAULT_SHORT };

static struct {
    enum fault kind;
    int error;
    unsigned countdown; /* writes until it happens; 0: now */
    bool stays;         /* and for ever after */
    bool no_fallocate;
    unsigned writes;
} fault;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t size);

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    fault.writes++;
    if (fault.kind == FAULT_SHORT && size > 1)
        return __real_write(fd, bytes, 1 + size / 3);
    if (fault.kind == FAULT_NONE || fault.kind == FAULT_SHORT || fault.countdown-- > 0)
        return __real_write(fd, bytes, size);
    if (fault.kind == FAULT_PART_THEN_ERROR) {
        fault.kind = FAULT_ERROR;
        fault.countdown = 0;
        return __real_write(fd, bytes, size / 2);
    }
    errno = fault.error;
    fault.countdown = 0;
    if (!fault.stays)
        fault.kind = FAULT_NONE;
    return -1;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (fault.no_fallocate) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, size);
}

static int fault_reset(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof(fault));
    return 0;
}

static unsigned threads = 1; /* of the writers that follow */

static int fault_reset_threads(void **state)
{
    threads = 4;
    return fault_reset(state);
}

static int threads_reset(void **state)
{
    (void)state;
    threads = 1;
    return 0;
}

/* ---- a recording that goes on, whatever happens ---- */

static const struct ada_field number_field = {
    .name = "n", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
static const struct schema number = {
    .id = 8, .provider = "test", .name = "number", .fields = &number_field, .field_count = 1};

struct outcome {
    int open, close;
    uint64_t accepted, refused; /* records */
    uint64_t stored;            /* what the stream says before the close */
    struct trace_writer_stats stats;
};

static struct outcome recording_run(int fd, unsigned records, uint64_t reserve)
{
    const struct trace_writer_options options = {
        .level = 0, .block_records = 100, .reserve_bytes = reserve, .threads = threads};
    const struct trace_process process = {.process = 1, .image = 1};
    const struct trace_thread thread = {.thread = 1, .process = 1, .name = "one"};
    struct trace_ledger ledger = {.thread = 1, .final = true};
    struct outcome outcome = {0};
    struct trace_stream *stream = NULL;
    struct trace_writer *w;
    unsigned char schema[256];
    int size = schema_encode(&number, schema, sizeof(schema));

    outcome.open = trace_writer_open(&w, fd, &options, &fixture_recording);
    if (outcome.open != 0)
        return outcome;
    (void)trace_writer_type(w, 1, schema, (size_t)size);
    (void)trace_writer_process(w, &process);
    (void)trace_writer_thread(w, &thread);
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    for (uint64_t i = 0; i < records; i++) {
        uint64_t value = i * UINT64_C(0x9E3779B97F4A7C15);

        if (trace_stream_record(stream, 8, i, &value, sizeof(value)) == 0)
            outcome.accepted++;
        else
            outcome.refused++;
    }
    (void)trace_stream_flush(stream);
    outcome.stored = trace_stream_stored(stream);
    ledger.written = records;
    ledger.stored = outcome.stored;
    (void)trace_writer_ledger(w, &ledger);
    (void)trace_writer_flush(w);
    trace_writer_stats(w, &outcome.stats);
    outcome.close = trace_writer_close(w);
    return outcome;
}

/* The file is whole: closed in order, and what it says of itself is what happened. */
static void ended_check(const char *path, const struct outcome *outcome, unsigned records,
                        bool indexed)
{
    struct trace_condition condition;
    struct trace *trace = fixture_open(path);
    struct findings findings;

    trace_condition(trace, &condition);
    assert_true(condition.ended);
    assert_int_equal(condition.indexed, indexed);
    assert_int_equal(condition.damaged_blocks, 0);
    assert_int_equal(condition.records, outcome->stored);
    assert_int_equal(condition.lost_records, records - outcome->stored);
    assert_int_equal(outcome->stats.lost_records, records - outcome->stored);
    assert_non_null(trace_ledger_of(trace, 1));
    if (condition.lost_records)
        assert_non_null(strstr(trace_note_at(trace, 0)->text, "could not be written"));
    trace_close(trace);
    assert_int_equal(fixture_verify(path, &findings), records == outcome->stored ? 0 : 3);
}

static void whole_check(const char *path, const struct outcome *outcome, unsigned records)
{
    ended_check(path, outcome, records, true);
}

static void short_and_interrupted_writes_change_nothing(void **state)
{
    const char *path = fixture_path("short");
    struct outcome outcome;

    (void)state;
    fault.kind = FAULT_SHORT;
    outcome = recording_run(fixture_create(path), 1000, 0);
    assert_int_equal(outcome.close, 0);
    assert_int_equal(outcome.refused, 0);
    whole_check(path, &outcome, 1000);
    assert_true(fault.writes > 30);

    for (unsigned n = 0; n < 20; n++) {
        memset(&fault, 0, sizeof(fault));
        fault.kind = FAULT_INTERRUPTED;
        fault.error = n % 2 ? EINTR : EAGAIN;
        fault.countdown = n;
        outcome = recording_run(fixture_create(path), 1000, 0);
        assert_int_equal(outcome.close, 0);
        whole_check(path, &outcome, 1000);
    }
}

/* One write fails, at first, in the middle or at the end; with nothing or half of it done. */
static void any_write_that_fails_costs_only_data_after_it(void **state)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    const char *path = fixture_path("fails");
    unsigned writes;

    (void)state;
    (void)recording_run(fixture_create(path), 1000, 0);
    writes = fault.writes;
    for (unsigned n = 0; n < writes; n++) {
        for (unsigned variant = 0; variant < 6; variant++) {
            struct outcome outcome;

            memset(&fault, 0, sizeof(fault));
            fault.kind = variant % 2 ? FAULT_PART_THEN_ERROR : FAULT_ERROR;
            fault.error = errors[variant / 2];
            fault.countdown = n;
            outcome = recording_run(fixture_create(path), 1000, 0);
            if (n == 0) {
                assert_int_equal(outcome.open, -fault.error);
                continue;
            }
            assert_int_equal(outcome.close, -errors[variant / 2]);
            /* The index and the end are written afterwards; an end that fails takes the index's
             * place. */
            ended_check(path, &outcome, 1000, n + 2 < writes);
        }
    }
}

/* The disk fails for good: what was written before is there, whole. */
static void disk_that_fails_for_good_leaves_whole_blocks(void **state)
{
    const char *path = fixture_path("gone");

    (void)state;
    for (unsigned n = 1; n < 10; n++) {
        struct outcome outcome;
        struct trace_condition condition;
        struct trace *trace;

        memset(&fault, 0, sizeof(fault));
        fault.kind = FAULT_PART_THEN_ERROR;
        fault.error = EIO;
        fault.countdown = n;
        fault.stays = true;
        outcome = recording_run(fixture_create(path), 1000, 0);
        assert_int_equal(outcome.close, -EIO);
        trace = fixture_open(path);
        trace_condition(trace, &condition);
        assert_false(condition.ended);
        assert_int_equal(condition.damaged_blocks, 0);
        assert_int_equal(condition.records, outcome.stored);
        assert_int_equal(condition.damage_offset, condition.file_bytes); /* no half block */
        trace_close(trace);
    }
}

static void size_limit_is_kept_to_without_a_signal(void **state)
{
    const char *path = fixture_path("limit");
    struct rlimit before, limit;
    struct outcome outcome;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 200 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    outcome = recording_run(fixture_create(path), 100000, 0); /* SIGXFSZ would end us */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(outcome.close, -EFBIG);
    assert_true(outcome.stored > 10000);
    whole_check(path, &outcome, 100000);
}

/* The limit stands inside the end: what is in front of it has its room. */
static void end_without_room_takes_the_place_of_the_index(void **state)
{
    enum { END_HALF_BYTES = 78, NO_RESERVE = 1 };
    const char *path = fixture_path("no_room");
    struct outcome outcome = recording_run(fixture_create(path), 1000, NO_RESERVE);
    struct rlimit before, limit;
    struct stat file;

    (void)state;
    assert_int_equal(outcome.close, 0);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)file.st_size - END_HALF_BYTES;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    outcome = recording_run(fixture_create(path), 1000, NO_RESERVE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(outcome.close, -EFBIG);
    assert_int_equal(outcome.stored, 1000);
    ended_check(path, &outcome, 1000, false);
}

static void pipe_is_written_from_front_to_back(void **state)
{
    const char *path = fixture_path("piped");
    struct outcome outcome;
    char bytes[4096];
    int ends[2], copy;
    ssize_t got;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        outcome = recording_run(ends[1], 50000, 0);
        _exit(outcome.close == 0 && outcome.stored == 50000 ? 0 : 1);
    }
    close(ends[1]);
    copy = fixture_create(path);
    while ((got = read(ends[0], bytes, sizeof(bytes))) > 0)
        assert_int_equal(__real_write(copy, bytes, (size_t)got), got);
    close(copy);
    close(ends[0]);
    assert_int_equal(waitpid(child, (int *)bytes, 0), child);
    assert_int_equal(*(int *)bytes, 0);
    assert_int_equal(fixture_verify(path, NULL), 0);
}

static void pipe_that_nobody_reads_is_an_error_and_nothing_else(void **state)
{
    struct outcome outcome;
    int ends[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    outcome = recording_run(ends[1], 1000, 0);
    assert_int_equal(outcome.open, -EPIPE);
}

/* ---- real file systems, small ones: needs the right to mount in a namespace of our own ---- */

static bool small_mount(const char *folder, const char *type, const char *options)
{
    static bool unshared;

    if (!unshared && unshare(CLONE_NEWNS) != 0)
        return false;
    unshared = true;
    return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           (mkdir(folder, 0700) == 0 || errno == EEXIST) &&
           mount("small", folder, type, 0, options) == 0;
}

static void full_disk_keeps_what_is_there_and_ends_in_order(void **state)
{
    static const unsigned kilobytes[] = {64, 256, 1024};
    char folder[256], path[300], options[32];

    (void)state;
    snprintf(folder, sizeof(folder), "%s", fixture_path("small"));
    snprintf(path, sizeof(path), "%s/full.adatrace", folder);
    for (unsigned i = 0; i < 6; i++) {
        struct outcome outcome;
        struct stat file;

        memset(&fault, 0, sizeof(fault));
        fault.no_fallocate = i % 2; /* then the free room is asked for */
        snprintf(options, sizeof(options), "size=%uk", kilobytes[i / 2]);
        if (!small_mount(folder, "tmpfs", options))
            skip();
        outcome = recording_run(fixture_create(path), 300000, 0);
        assert_int_equal(outcome.close, -ENOSPC);
        assert_int_equal(stat(path, &file), 0);
        assert_true(outcome.stored > 60 * kilobytes[i / 2]); /* most of the disk is used */
        whole_check(path, &outcome, 300000);
        assert_int_equal(umount2(folder, MNT_DETACH), 0);
    }
}

static void file_system_that_cannot_tell_its_size_is_written_to(void **state)
{
    char folder[256], path[300];
    struct outcome outcome;

    (void)state;
    snprintf(folder, sizeof(folder), "%s", fixture_path("ram"));
    snprintf(path, sizeof(path), "%s/x.adatrace", folder);
    if (!small_mount(folder, "ramfs", NULL))
        skip();
    outcome = recording_run(fixture_create(path), 1000, 0);
    assert_int_equal(outcome.close, 0);
    whole_check(path, &outcome, 1000);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void room_held_ahead_is_given_back(void **state)
{
    const char *path = fixture_path("ahead");
    struct outcome outcome = recording_run(fixture_create(path), 1000, 0);
    struct stat file;

    (void)state;
    assert_int_equal(outcome.close, 0);
    assert_int_equal(stat(path, &file), 0);
    assert_true(file.st_blocks * 512 < file.st_size + 64 * 1024);
}

static uint64_t room_taken(int fd)
{
    struct stat file;

    assert_int_equal(fstat(fd, &file), 0);
    return (uint64_t)file.st_blocks * 512;
}

/* The reserve is held ahead of the end all the time, also when the end had to be cut back. */
static void room_is_held_again_after_half_a_block_was_taken_back(void **state)
{
    enum { BLOCK = 100000, RESERVE = 1 << 20, SMALL = 512 << 10, LARGE = 5 << 20 };
    static const unsigned char block[BLOCK];
    struct trace_output output;

    (void)state;
    trace_output_open(&output, fixture_create(fixture_path("held")), RESERVE);
    if (!output.seekable || output.reserve != RESERVE)
        skip(); /* hardly any room here */
    assert_int_equal(trace_output_write(&output, block, BLOCK, false), 0);
    if (!output.allocates)
        skip();
    assert_in_range(room_taken(output.fd), BLOCK + RESERVE, BLOCK + RESERVE + SMALL);
    fault.kind = FAULT_PART_THEN_ERROR;
    fault.error = ENOSPC;
    assert_int_equal(trace_output_write(&output, block, BLOCK, false), -ENOSPC);
    assert_true(room_taken(output.fd) < BLOCK + RESERVE);
    assert_int_equal(trace_output_write(&output, block, BLOCK, false), 0);
    assert_in_range(room_taken(output.fd), 2 * BLOCK + RESERVE, 2 * BLOCK + RESERVE + SMALL);
    for (int n = 2; n < 100; n++)
        assert_int_equal(trace_output_write(&output, block, BLOCK, false), 0);
    assert_in_range(room_taken(output.fd), 100 * BLOCK + RESERVE, 100 * BLOCK + LARGE);
    assert_int_equal(trace_output_close(&output), 0);
}

#define AGAIN_WITH_THREADS(test)                                                   \
    {                                                                              \
#test "_with_four_threads", test, fault_reset_threads, threads_reset, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(short_and_interrupted_writes_change_nothing, fault_reset),
        AGAIN_WITH_THREADS(short_and_interrupted_writes_change_nothing),
        cmocka_unit_test_setup(any_write_that_fails_costs_only_data_after_it, fault_reset),
        AGAIN_WITH_THREADS(any_write_that_fails_costs_only_data_after_it),
        cmocka_unit_test_setup(disk_that_fails_for_good_leaves_whole_blocks, fault_reset),
        AGAIN_WITH_THREADS(disk_that_fails_for_good_leaves_whole_blocks),
        cmocka_unit_test_setup(size_limit_is_kept_to_without_a_signal, fault_reset),
        AGAIN_WITH_THREADS(size_limit_is_kept_to_without_a_signal),
        cmocka_unit_test_setup(end_without_room_takes_the_place_of_the_index, fault_reset),
        AGAIN_WITH_THREADS(end_without_room_takes_the_place_of_the_index),
        cmocka_unit_test_setup(pipe_is_written_from_front_to_back, fault_reset),
        cmocka_unit_test_setup(pipe_that_nobody_reads_is_an_error_and_nothing_else, fault_reset),
        cmocka_unit_test_setup(full_disk_keeps_what_is_there_and_ends_in_order, fault_reset),
        AGAIN_WITH_THREADS(full_disk_keeps_what_is_there_and_ends_in_order),
        cmocka_unit_test_setup(file_system_that_cannot_tell_its_size_is_written_to, fault_reset),
        cmocka_unit_test_setup(room_held_ahead_is_given_back, fault_reset),
        cmocka_unit_test_setup(room_is_held_again_after_half_a_block_was_taken_back, fault_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
