/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers over several files under random schedules; names; what is deleted; snapshots in between.
 * The drain's rounds are made by hand, so that a switch can fall anywhere. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/drain_stats.h"
#include "drain/file_names.h"
#include "drain/session_files.h"
#include "drain/session_writer.h"
#include "format/trace_reader.h"
#include "producer.h"

enum { PRODUCERS = 3, STEPS = 3000 };

static char folder[] = "/tmp/files-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* ---- a session ---- */

struct session {
    struct stage stage;
    struct session_files *files;
    struct producer producers[PRODUCERS];
    uint64_t tried[PRODUCERS]; /* records that each wanted to write */
    uint64_t random;
};

static uint64_t random_next(struct session *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random;
}

static void session_begin(struct session *s, const char *path, enum ring_policy policy,
                          uint64_t flight_bytes, const struct session_files_options *files)
{
    const struct session_writer_options writer_options = {.clock = CLOCK_SOURCE_MONOTONIC,
                                                          .policy = policy,
                                                          .level = 1,
                                                          .flight = flight_bytes != 0,
                                                          .flight_bytes = flight_bytes};
    const struct drain_options options = {.clock = CLOCK_SOURCE_MONOTONIC, .level = 1};
    const struct stage_options stage = {.ring_bytes = 8192, .policy = policy};
    struct session_files_options wanted = *files;
    struct trace_writer *writer;
    struct drain *drain;
    int fd = flight_bytes ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    memset(s, 0, sizeof(*s));
    wanted.path = in_folder("x.adatrace");
    assert_int_equal(session_files_create(&s->files, &wanted), 0);
    assert_int_equal(session_writer_open(&writer, fd, &writer_options), 0);
    assert_int_equal(drain_create(&drain, writer, &options), 0);
    stage_add(&s->stage, drain, &stage);
    for (uint32_t i = 0; i < PRODUCERS; i++)
        producer_claim(&s->producers[i], &s->stage, 1000 + i, false);
}

static void burst_write(struct session *s)
{
    unsigned i = (unsigned)(random_next(s) % PRODUCERS);
    unsigned count = (unsigned)(random_next(s) % (random_next(s) % 8 ? 40 : 900));

    for (unsigned n = 0; n < count; n++)
        (void)producer_write(&s->producers[i], s->tried[i]++);
}

static void session_end_with(struct session *s, int error)
{
    for (unsigned i = 0; i < PRODUCERS; i++)
        producer_retire(&s->producers[i]);
    drain_finish(s->stage.drain);
    session_files_wait(s->files);
    assert_int_equal(drain_close(s->stage.drain), error);
    stage_clear(&s->stage);
}

static void session_end(struct session *s)
{
    session_end_with(s, 0);
}

/* ---- what files say ---- */

struct sums {
    uint64_t written[PRODUCERS], dropped[PRODUCERS], overwritten[PRODUCERS], stored[PRODUCERS];
    uint64_t written_bytes, dropped_bytes;
};

static void damage_fail(void *context, const struct trace_finding *finding)
{
    if (finding->severity == TRACE_SEVERITY_DAMAGE || finding->is_untrue)
        fail_msg("%s: %s", (const char *)context, finding->text);
}

/* What a thread's gaps tell, by kind. */
static void gaps_add(struct trace *trace, uint32_t number, uint64_t *dropped, uint64_t *overwritten)
{
    struct trace_cursor *cursor;
    struct trace_event event;

    assert_int_equal(trace_cursor_open(trace, NULL, &cursor), 0);
    while (trace_cursor_next(cursor, &event) > 0) {
        if (event.type || event.thread->thread != number)
            continue;
        if (event.gap.kind == TRACE_GAP_DROPPED)
            *dropped += event.gap.records;
        else if (event.gap.kind == TRACE_GAP_OVERWRITTEN)
            *overwritten += event.gap.records;
    }
    trace_cursor_close(cursor);
}

/* A complete file whose ledgers agree with its own records and gaps; add it up. */
static void file_add(struct sums *sums, const char *path)
{
    const struct trace_thread *thread;
    struct trace_error error;
    struct trace *trace;

    assert_in_range(trace_verify(path, damage_fail, (void *)(uintptr_t)path), 0, 3);
    assert_int_equal(trace_open(&trace, path, &error), 0);
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);
        uint64_t dropped = 0, overwritten = 0;
        unsigned i = thread->tid - 1000;

        if (!ledger || i >= PRODUCERS)
            continue;
        assert_int_equal(ledger->written, ledger->stored + ledger->overwritten);
        gaps_add(trace, thread->thread, &dropped, &overwritten);
        assert_int_equal(ledger->dropped, dropped);
        assert_int_equal(ledger->overwritten, overwritten);
        sums->written[i] += ledger->written;
        sums->dropped[i] += ledger->dropped;
        sums->overwritten[i] += ledger->overwritten;
        sums->stored[i] += ledger->stored;
        sums->written_bytes += ledger->written_bytes;
        sums->dropped_bytes += ledger->dropped_bytes;
    }
    trace_close(trace);
}

static void sums_check(const struct session *s, const struct sums *sums)
{
    uint64_t written = 0;

    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_int_equal(sums->written[i] + sums->dropped[i], s->tried[i]);
        written += sums->written[i];
    }
    assert_int_equal(sums->written_bytes, written * 16); /* header word and number */
}

/* ---- tests ---- */

static void random_schedule(enum ring_policy policy, uint64_t seed)
{
    const struct session_files_options files = {0};
    struct sums sums = {.written_bytes = 0};
    struct stats_picture picture;
    struct session s;
    unsigned switches = 0;
    char path[4096];
    uint64_t lost = 0;

    session_begin(&s, in_folder("x.adatrace"), policy, 0, &files);
    s.random = seed;
    for (unsigned n = 0; n < STEPS; n++) {
        burst_write(&s);
        if (random_next(&s) % 4 == 0)
            drain_round(s.stage.drain);
        if (random_next(&s) % 200 == 0) {
            struct trace_ending *old;
            int fd;

            assert_int_equal(
                file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), ++switches + 1), 0);
            fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            /* Who looks at a ring that was lapped finds what is missing before the next round. */
            assert_int_equal(drain_stats_here(s.stage.drain, &picture), 0);
            stats_picture_free(&picture);
            assert_int_equal(drain_switch(s.stage.drain, fd, &old), 0);
            assert_int_equal(trace_ending_close(old, NULL), 0);
        }
    }
    session_end(&s);
    session_files_destroy(s.files);
    file_add(&sums, in_folder("x.adatrace"));
    for (unsigned n = 1; n <= switches; n++) {
        assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), n + 1), 0);
        file_add(&sums, path);
        unlink(path);
    }
    sums_check(&s, &sums);
    for (unsigned i = 0; i < PRODUCERS; i++)
        lost += sums.dropped[i] + sums.overwritten[i];
    assert_true(switches > 3 && lost > 0); /* it was a schedule worth the name */
}

static void ledgers_of_all_files_add_up_under_random_schedules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        random_schedule(RING_DROP, seed * 7919);
        random_schedule(RING_OVERWRITE, seed * 104729);
    }
}

static void result_keep(void *context, const struct snapshot_result *result)
{
    *(struct snapshot_result *)context = *result;
}

static void snapshots_between_rounds_have_all_that_was_tried(void **state)
{
    const struct session_files_options files = {0};
    struct snapshot_result result;
    struct snapshot_wish wish = {.replace = true, .done = result_keep, .context = &result};
    struct session s;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s", in_folder("snap"));
    wish.path = path;
    for (unsigned flight = 0; flight < 2; flight++) {
        session_begin(&s, in_folder("x.adatrace"), RING_DROP, flight ? 256 << 10 : 0, &files);
        s.random = 4711;
        for (unsigned n = 0; n < STEPS; n++) {
            struct sums sums = {.written_bytes = 0};

            burst_write(&s);
            if (random_next(&s) % 4 == 0)
                drain_round(s.stage.drain);
            if (random_next(&s) % 300)
                continue;
            drain_round(s.stage.drain);
            assert_int_equal(session_files_snapshot_here(s.files, s.stage.drain, &wish), 0);
            session_files_wait(s.files);
            assert_int_equal(result.status, 0);
            file_add(&sums, result.path);
            for (unsigned i = 0; i < PRODUCERS; i++) /* drops at the end are told by the next */
                assert_in_range(sums.written[i] + sums.dropped[i], s.tried[i] - 1000, s.tried[i]);
        }
        session_end(&s);
        session_files_destroy(s.files);
    }
}

static void names_are_numbered_before_the_suffix(void **state)
{
    char name[64];

    (void)state;
    assert_int_equal(file_name_rotated(name, sizeof(name), "/a/git.adatrace", 7), 0);
    assert_string_equal(name, "/a/git.0007.adatrace");
    assert_int_equal(file_name_rotated(name, sizeof(name), "/a.adatrace/git", 12345), 0);
    assert_string_equal(name, "/a.adatrace/git.12345");
    assert_int_equal(file_name_rotated(name, sizeof(name), ".adatrace", 1), 0);
    assert_string_equal(name, ".adatrace.0001");
    assert_int_equal(file_name_snapshot(name, sizeof(name), "/a/git.adatrace", 1), 0);
    assert_string_equal(name, "/a/git-snapshot-0001.adatrace");
    assert_int_equal(file_name_snapshot(name, 20, "/a/git.adatrace", 1), -ENAMETOOLONG);
}

static void touch(const char *name)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static void clearing_takes_numbered_files_of_the_name_and_no_others(void **state)
{
    static const char *const stay[] = {"y.adatrace",       "y.0002.adatrace", "y.12.adatrace",
                                       "yy.0001.adatrace", "y.0001.txt",      "y.000x.adatrace"};

    (void)state;
    for (unsigned i = 0; i < sizeof(stay) / sizeof(*stay); i++)
        touch(stay[i]);
    touch("y.0001.adatrace");
    touch("y.10000.adatrace");
    assert_int_equal(file_names_clear(in_folder("y.adatrace"), 2), 0);
    assert_int_equal(access(in_folder("y.0001.adatrace"), F_OK), -1);
    assert_int_equal(access(in_folder("y.10000.adatrace"), F_OK), -1);
    for (unsigned i = 0; i < sizeof(stay) / sizeof(*stay); i++)
        assert_int_equal(unlink(in_folder(stay[i])), 0);
}

static void size_makes_files_and_only_the_newest_stay(void **state)
{
    const struct session_files_options files = {.rotate_bytes = 16 << 10, .keep = 2};
    struct session_files_figures figures;
    char path[4096];
    struct session s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), 1), 0);
    session_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    do {
        burst_write(&s);
        drain_round(s.stage.drain);
        session_files_turn(s.files, s.stage.drain, 1);
        drain_account(s.stage.drain); /* what is staged becomes blocks: the file grows */
        session_files_figures(s.files, &figures);
    } while (figures.number < 6);
    session_end(&s);
    session_files_figures(s.files, &figures);
    session_files_destroy(s.files);
    assert_int_equal(figures.deleted, figures.number - 2);
    assert_int_equal(figures.error, 0);
    for (unsigned n = 1; n <= figures.number; n++) {
        struct sums sums = {.written_bytes = 0};

        assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), n), 0);
        assert_int_equal(access(path, F_OK), n > figures.deleted ? 0 : -1);
        if (n <= figures.deleted)
            continue;
        file_add(&sums, path);
        unlink(path);
    }
}

/* ---- nobody has time to end them ---- */

/* Held while no file may be ended. */
static pthread_mutex_t endings = PTHREAD_MUTEX_INITIALIZER;

static void end_slowly(void *context, const struct drain_module *modules,
                       struct trace_ending *ending)
{
    (void)context, (void)modules, (void)ending;
    pthread_mutex_lock(&endings);
    pthread_mutex_unlock(&endings);
}

static unsigned files_of_bursts(struct session *s, unsigned bursts)
{
    struct session_files_figures figures;

    while (bursts--) {
        burst_write(s);
        drain_round(s->stage.drain);
        session_files_turn(s->files, s->stage.drain, 1);
        drain_account(s->stage.drain);
    }
    session_files_figures(s->files, &figures);
    return figures.number;
}

static void files_that_nobody_ends_do_not_become_many(void **state)
{
    enum { BURSTS = 300, WAITING = 16 };
    const struct session_files_options files = {.rotate_bytes = 1, .resolve = end_slowly};
    unsigned number, last;
    char path[4096];
    struct session s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), 1), 0);
    session_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    pthread_mutex_lock(&endings);
    number = files_of_bursts(&s, BURSTS);
    pthread_mutex_unlock(&endings);
    assert_int_equal(number, 1 + WAITING);
    session_files_wait(s.files);
    last = files_of_bursts(&s, 1);
    assert_int_equal(last, number + 1);
    session_end(&s);
    session_files_destroy(s.files);
    for (unsigned n = 1; n <= last; n++) {
        struct sums sums = {.written_bytes = 0};

        assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), n), 0);
        file_add(&sums, path);
        unlink(path);
    }
}

/* ---- a full disk ---- */

static void burst_account(struct session *s)
{
    for (unsigned n = 0; n < 50; n++) {
        burst_write(s);
        drain_round(s->stage.drain);
    }
    drain_account(s->stage.drain);
}

/* What was lost is lost, and told; what comes later is in the next file. */
static void session_goes_on_in_another_file_when_there_is_room_again(void **state)
{
    const struct session_files_options files = {.rotate_ns = UINT64_C(3600000000000)};
    struct sums sums = {.written_bytes = 0};
    struct session_files_figures figures;
    struct trace_writer_stats stats;
    struct rlimit before, small;
    char path[4096];
    struct session s;

    (void)state;
    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
    assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), 1), 0);
    session_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    session_files_turn(s.files, s.stage.drain, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    burst_account(&s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    trace_writer_stats(drain_writer(s.stage.drain), &stats);
    assert_true(stats.lost_records > 0);
    session_files_turn(s.files, s.stage.drain, 2);
    session_files_figures(s.files, &figures);
    assert_int_equal(figures.number, 2);
    for (unsigned i = 0; i < PRODUCERS; i++)
        s.tried[i] = 0; /* of this file */
    burst_account(&s);
    session_end_with(&s, -EFBIG);
    session_files_figures(s.files, &figures);
    assert_int_not_equal(figures.error, 0); /* of the first */
    assert_string_equal(figures.error_path, path);
    session_files_destroy(s.files);
    assert_in_range(trace_verify(path, NULL, NULL), 0, 3);
    unlink(path);
    assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), 2), 0);
    file_add(&sums, path);
    for (unsigned i = 0; i < PRODUCERS; i++)
        assert_int_equal(sums.written[i] + sums.dropped[i], s.tried[i]);
    unlink(path);
}

/* Said once, and the file before it grows on; tried again after a while. */
static void next_file_that_cannot_be_begun_is_tried_again(void **state)
{
    const struct session_files_options files = {.rotate_ns = 1};
    struct session_files_figures figures;
    struct sums sums = {.written_bytes = 0};
    char path[4096], next[4096];
    struct session s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), in_folder("x.adatrace"), 1), 0);
    assert_int_equal(file_name_rotated(next, sizeof(next), in_folder("x.adatrace"), 2), 0);
    assert_int_equal(mkdir(next, 0700), 0);
    session_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    for (uint64_t second = 1; second < 5; second++)
        session_files_turn(s.files, s.stage.drain, second * 1000000000);
    session_files_figures(s.files, &figures);
    assert_int_equal(figures.number, 1);
    assert_int_equal(rmdir(next), 0);
    session_files_turn(s.files, s.stage.drain, UINT64_C(4500000000)); /* too early */
    session_files_figures(s.files, &figures);
    assert_int_equal(figures.number, 1);
    burst_account(&s);
    session_files_turn(s.files, s.stage.drain, UINT64_C(6000000000));
    session_files_figures(s.files, &figures);
    assert_int_equal(figures.number, 2);
    session_end(&s);
    session_files_destroy(s.files);
    file_add(&sums, path);
    file_add(&sums, next);
    sums_check(&s, &sums);
    unlink(path);
    unlink(next);
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink(in_folder("x.adatrace"));
    unlink(in_folder("snap"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledgers_of_all_files_add_up_under_random_schedules),
        cmocka_unit_test(snapshots_between_rounds_have_all_that_was_tried),
        cmocka_unit_test(names_are_numbered_before_the_suffix),
        cmocka_unit_test(clearing_takes_numbered_files_of_the_name_and_no_others),
        cmocka_unit_test(size_makes_files_and_only_the_newest_stay),
        cmocka_unit_test(files_that_nobody_ends_do_not_become_many),
        cmocka_unit_test(session_goes_on_in_another_file_when_there_is_room_again),
        cmocka_unit_test(next_file_that_cannot_be_begun_is_tried_again),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
