/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the application's own session: errors, and what lies outside of it. */
#include "tracer_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ADA_EVENT(session, event, (u32, n))

static int visits;

static int visit_count(void *context, const struct ada_thread_stats *stats)
{
    (void)context;
    (void)stats;
    visits++;
    return 0;
}

/* First of all tests: this process has had no session yet. */
static void event_before_any_session_leaves_no_trace(void **state)
{
    struct ada_thread_stats stats;

    (void)state;
    assert_false(ada_session_is_active());
    assert_int_equal(ada_session_stop(), 0);
    ada_trace_session_event(1);
    assert_int_equal(ada_emit(&ada_event_session_event, "\1\0\0", 4), 0);
    assert_null(ada_reserve(&ada_event_session_event, 4).payload);
    assert_int_equal(ada_thread_stats_read(&stats), -ENODATA);
    assert_int_equal(ada_threads_visit(visit_count, NULL), 0);
    assert_int_equal(visits, 0);
    recording_start(NULL);
    ada_trace_session_event(2);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("session:event"), "n"), 2);
    recording_expect_end();
}

static void event_after_the_stop_leaves_no_trace(void **state)
{
    struct ada_thread_stats before, after;

    (void)state;
    recording_start(NULL);
    assert_true(ada_session_is_active());
    ada_trace_session_event(1);
    recording_stop();
    assert_false(ada_session_is_active());
    assert_int_equal(ada_thread_stats_read(&before), 0);
    ada_trace_session_event(2);
    assert_int_equal(ada_emit(&ada_event_session_event, "\1\0\0", 4), 0);
    assert_int_equal(ada_thread_stats_read(&after), 0);
    assert_int_equal(after.written, before.written);
    recording_expect("session:event");
    recording_expect_end();
    recording_start(NULL);
    recording_stop();
    recording_expect_end();
}

static void second_start_is_refused_and_first_goes_on(void **state)
{
    char other[128];
    struct stat status;

    (void)state;
    snprintf(other, sizeof(other), "%s.other", recording_path());
    recording_start(NULL);
    ada_trace_session_event(1);
    assert_int_equal(ada_session_start(other, NULL), -EALREADY);
    assert_int_equal(stat(other, &status), -1);
    ada_trace_session_event(2);
    recording_stop();
    recording_expect("session:event");
    recording_expect("session:event");
    recording_expect_end();
}

static void second_stop_does_nothing(void **state)
{
    (void)state;
    recording_start(NULL);
    ada_trace_session_event(1);
    recording_stop();
    assert_int_equal(ada_session_stop(), 0);
    recording_expect("session:event");
    recording_expect_end();
}

static void expect_refused(const char *path, const struct ada_session_options *options, int error)
{
    int err = ada_session_start(path, options);

    if (err != error)
        fail_msg("\"%s\": %d in place of %d", path ? path : "(null)", err, error);
    assert_false(ada_session_is_active());
    assert_true(strlen(ada_error_text(err)) > 10);
    ada_trace_session_event(1);
}

static void place_that_cannot_be_written_is_told_at_the_start(void **state)
{
    char long_path[5000];

    (void)state;
    memset(long_path, 'p', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = 0;
    expect_refused(NULL, NULL, -EINVAL);
    expect_refused("", NULL, -EINVAL);
    expect_refused("/nowhere/at.all", NULL, -ENOENT);
    expect_refused("/dev/null/below", NULL, -ENOTDIR);
    expect_refused(long_path, NULL, -ENAMETOOLONG);
    expect_refused("/dev/full", NULL, -ENOSPC);
    recording_start(NULL);
    ada_trace_session_event(2);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("session:event"), "n"), 2);
    recording_expect_end();
}

static void file_that_is_there_is_kept_unless_told(void **state)
{
    const struct ada_session_options keep = {.size = sizeof(keep)};
    struct stat status;
    int fd;

    (void)state;
    unlink(recording_path());
    fd = open(recording_path(), O_CREAT | O_WRONLY, 0644);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    expect_refused(recording_path(), NULL, -EEXIST);
    expect_refused(recording_path(), &keep, -EEXIST);
    assert_int_equal(stat(recording_path(), &status), 0);
    assert_int_equal(status.st_size, 8);
}

static void options_out_of_bounds_are_refused(void **state)
{
    const struct {
        struct ada_session_options options;
        int error;
    } bad[] = {
        {{.ring_bytes = 100}, -ERANGE},
        {{.ring_bytes = (UINT64_C(1) << 30) + 1}, -ERANGE},
        {{.ring_bytes = UINT64_MAX}, -ERANGE},
        {{.policy = (enum ada_policy)3}, -EINVAL},
        {{.compression = 20}, -EINVAL},
        {{.compression = -8}, -EINVAL},
        {{.rotate_bytes = 4096}, -EINVAL},
        {{.rotate_ns = 1000}, -EINVAL},
        {{.keep = 3}, -EINVAL},
        {{.rotate_ns = 1000000000, .flight_ns = 1}, -EINVAL},
        {{.rotate_bytes = 1 << 20, .flight_bytes = 1 << 20}, -EINVAL},
        {{.clock = (enum ada_clock)3}, -EINVAL},
        {{.drain_threads = 17}, -EINVAL},
        {{.ring_max_bytes = 100}, -ERANGE},
        {{.wait = (enum ada_wait)4}, -EINVAL},
        {{.wait_us = 1000001}, -EINVAL},
        {{.compression = -100 - 1}, -EINVAL},
        {{.wait = ADA_WAIT_SPIN, .wait_us = 5}, -EINVAL},
    };
    struct stat status;

    (void)state;
    unlink(recording_path());
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ada_session_options options = bad[i].options;

        options.size = sizeof(options);
        expect_refused(recording_path(), &options, bad[i].error);
        assert_int_equal(stat(recording_path(), &status), -1);
    }
}

static void options_of_an_older_header_are_understood(void **state)
{
    /* A program built when there was no more than a ring size: what follows is not ours to read. */
    struct ada_session_options options = {.policy = (enum ada_policy)99, .compression = 99};

    (void)state;
    options.size = offsetof(struct ada_session_options, policy);
    options.ring_bytes = 65536;
    unlink(recording_path());
    assert_int_equal(ada_session_start(recording_path(), &options), 0);
    assert_int_equal(ada_session_stop(), 0);
}

static void every_session_of_many_has_its_own_events(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        recording_start(NULL);
        ada_trace_session_event(i);
        recording_stop();
        assert_int_equal(field_unsigned(recording_expect("session:event"), "n"), i);
        recording_expect_end();
        ada_trace_session_event(1000 + i);
    }
}

static void errors_have_words(void **state)
{
    (void)state;
    assert_string_equal(ada_error_text(-EEXIST), "the trace file exists already");
    assert_string_equal(ada_error_text(-EALREADY), "a session is active already");
    assert_non_null(ada_error_text(-ENOENT));
    assert_non_null(ada_error_text(0));
    assert_non_null(ada_error_text(-99999));
    assert_non_null(ada_error_text(INT_MIN));
    assert_string_equal(ada_version(), ADATRACE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_before_any_session_leaves_no_trace),
        cmocka_unit_test(event_after_the_stop_leaves_no_trace),
        cmocka_unit_test(second_start_is_refused_and_first_goes_on),
        cmocka_unit_test(second_stop_does_nothing),
        cmocka_unit_test(place_that_cannot_be_written_is_told_at_the_start),
        cmocka_unit_test(file_that_is_there_is_kept_unless_told),
        cmocka_unit_test(options_out_of_bounds_are_refused),
        cmocka_unit_test(options_of_an_older_header_are_understood),
        cmocka_unit_test(every_session_of_many_has_its_own_events),
        cmocka_unit_test(errors_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
