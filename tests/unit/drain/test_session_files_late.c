/* SPDX-License-Identifier: Apache-2.0 */
/* Further files of a session where their ends wait, disks are full, and names are taken. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/file_names.h"
#include "drain/session_files.h"
#include "format/trace_reader.h"
#include "schedule.h"

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

static unsigned files_of_bursts(struct schedule *s, unsigned bursts)
{
    struct session_files_figures figures;

    while (bursts--) {
        schedule_burst(s);
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
    struct schedule s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), 1), 0);
    schedule_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    pthread_mutex_lock(&endings);
    number = files_of_bursts(&s, BURSTS);
    pthread_mutex_unlock(&endings);
    assert_int_equal(number, 1 + WAITING);
    session_files_finish(s.files, s.stage.drain);
    last = files_of_bursts(&s, 1);
    assert_int_equal(last, number + 1);
    schedule_end(&s);
    session_files_destroy(s.files);
    for (unsigned n = 1; n <= last; n++) {
        struct sums sums = {.written_bytes = 0};

        assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), n), 0);
        sums_add(&sums, path);
        unlink(path);
    }
}

/* ---- a full disk ---- */

static void burst_account(struct schedule *s)
{
    for (unsigned n = 0; n < 50; n++) {
        schedule_burst(s);
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
    struct schedule s;

    (void)state;
    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
    assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), 1), 0);
    schedule_begin(&s, path, RING_DROP, 0, &files);
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
    schedule_end_with(&s, -EFBIG);
    session_files_figures(s.files, &figures);
    assert_int_not_equal(figures.error, 0); /* of the first */
    assert_string_equal(figures.error_path, path);
    session_files_destroy(s.files);
    assert_in_range(trace_verify(path, NULL, NULL), 0, 3);
    unlink(path);
    assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), 2), 0);
    sums_add(&sums, path);
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
    struct schedule s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), 1), 0);
    assert_int_equal(file_name_rotated(next, sizeof(next), schedule_path("x.adatrace"), 2), 0);
    assert_int_equal(mkdir(next, 0700), 0);
    schedule_begin(&s, path, RING_DROP, 0, &files);
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
    schedule_end(&s);
    session_files_destroy(s.files);
    sums_add(&sums, path);
    sums_add(&sums, next);
    sums_check(&s, &sums);
    unlink(path);
    unlink(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_nobody_ends_do_not_become_many),
        cmocka_unit_test(session_goes_on_in_another_file_when_there_is_room_again),
        cmocka_unit_test(next_file_that_cannot_be_begun_is_tried_again),
    };

    return cmocka_run_group_tests(tests, schedule_folder_make, schedule_folder_remove);
}
