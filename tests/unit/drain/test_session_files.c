/* SPDX-License-Identifier: Apache-2.0 */
/* Ledgers over several files under random schedules; names; what is deleted; snapshots in between.
 * The drain's rounds are made by hand, so that a switch can fall anywhere. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/drain_stats.h"
#include "drain/file_names.h"
#include "drain/session_files.h"
#include "drain/session_writer.h"
#include "format/trace_reader.h"
#include "schedule.h"

enum { STEPS = 3000 };

/* ---- tests ---- */

static void random_schedule(enum ring_policy policy, uint64_t seed)
{
    const struct session_files_options files = {0};
    struct sums sums = {.written_bytes = 0};
    struct stats_picture picture;
    struct schedule s;
    unsigned switches = 0;
    char path[4096];
    uint64_t lost = 0;

    schedule_begin(&s, schedule_path("x.adatrace"), policy, 0, &files);
    s.random = seed;
    for (unsigned n = 0; n < STEPS; n++) {
        schedule_burst(&s);
        if (schedule_random(&s) % 4 == 0)
            drain_round(s.stage.drain);
        if (schedule_random(&s) % 200 == 0) {
            struct trace_ending *old;
            int fd;

            assert_int_equal(
                file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), ++switches + 1),
                0);
            fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            /* Who looks at a ring that was lapped finds what is missing before the next round. */
            assert_int_equal(drain_stats_here(s.stage.drain, &picture), 0);
            stats_picture_free(&picture);
            assert_int_equal(drain_switch(s.stage.drain, fd, &old), 0);
            assert_int_equal(trace_ending_close(old, NULL), 0);
        }
    }
    schedule_end(&s);
    session_files_destroy(s.files);
    sums_add(&sums, schedule_path("x.adatrace"));
    for (unsigned n = 1; n <= switches; n++) {
        assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), n + 1),
                         0);
        sums_add(&sums, path);
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
    struct schedule s;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s", schedule_path("snap"));
    wish.path = path;
    for (unsigned flight = 0; flight < 2; flight++) {
        schedule_begin(&s, schedule_path("x.adatrace"), RING_DROP, flight ? 256 << 10 : 0, &files);
        s.random = 4711;
        for (unsigned n = 0; n < STEPS; n++) {
            struct sums sums = {.written_bytes = 0};

            schedule_burst(&s);
            if (schedule_random(&s) % 4 == 0)
                drain_round(s.stage.drain);
            if (schedule_random(&s) % 300)
                continue;
            drain_round(s.stage.drain);
            assert_int_equal(session_files_snapshot_here(s.files, s.stage.drain, &wish), 0);
            session_files_finish(s.files, s.stage.drain);
            assert_int_equal(result.status, 0);
            sums_add(&sums, result.path);
            for (unsigned i = 0; i < PRODUCERS; i++) /* drops at the end are told by the next */
                assert_in_range(sums.written[i] + sums.dropped[i], s.tried[i] - 1000, s.tried[i]);
        }
        schedule_end(&s);
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
    int fd = open(schedule_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

static void clearing_takes_numbered_files_of_the_name_and_no_others(void **state)
{
    static const char *const stay[] = {"y.adatrace",     "y.0001.adatrace",  "y.0002.adatrace",
                                       "y.12.adatrace",  "yy.0003.adatrace", "y.0003.txt",
                                       "y.000x.adatrace"};

    (void)state;
    for (unsigned i = 0; i < sizeof(stay) / sizeof(*stay); i++)
        touch(stay[i]);
    touch("y.0003.adatrace");
    touch("y.10000.adatrace");
    assert_int_equal(file_names_clear(schedule_path("y.adatrace"), 2), 0);
    assert_int_equal(access(schedule_path("y.0003.adatrace"), F_OK), -1);
    assert_int_equal(access(schedule_path("y.10000.adatrace"), F_OK), -1);
    for (unsigned i = 0; i < sizeof(stay) / sizeof(*stay); i++)
        assert_int_equal(unlink(schedule_path(stay[i])), 0);
}

static void size_makes_files_and_only_the_newest_stay(void **state)
{
    const struct session_files_options files = {.rotate_bytes = 16 << 10, .keep = 2};
    struct session_files_figures figures;
    char path[4096];
    struct schedule s;

    (void)state;
    assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), 1), 0);
    schedule_begin(&s, path, RING_DROP, 0, &files);
    s.random = 5;
    do {
        schedule_burst(&s);
        drain_round(s.stage.drain);
        session_files_turn(s.files, s.stage.drain, 1);
        drain_account(s.stage.drain); /* what is staged becomes blocks: the file grows */
        session_files_figures(s.files, &figures);
    } while (figures.number < 6);
    schedule_end(&s);
    session_files_figures(s.files, &figures);
    session_files_destroy(s.files);
    assert_int_equal(figures.deleted, figures.number - 2);
    assert_int_equal(figures.error, 0);
    for (unsigned n = 1; n <= figures.number; n++) {
        struct sums sums = {.written_bytes = 0};

        assert_int_equal(file_name_rotated(path, sizeof(path), schedule_path("x.adatrace"), n), 0);
        assert_int_equal(access(path, F_OK), n > figures.deleted ? 0 : -1);
        if (n <= figures.deleted)
            continue;
        sums_add(&sums, path);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledgers_of_all_files_add_up_under_random_schedules),
        cmocka_unit_test(snapshots_between_rounds_have_all_that_was_tried),
        cmocka_unit_test(names_are_numbered_before_the_suffix),
        cmocka_unit_test(clearing_takes_numbered_files_of_the_name_and_no_others),
        cmocka_unit_test(size_makes_files_and_only_the_newest_stay),
    };

    return cmocka_run_group_tests(tests, schedule_folder_make, schedule_folder_remove);
}
