/* SPDX-License-Identifier: Apache-2.0 */
/* The tracer where something is short: rings, the kernel's help; and a session whose drain is the
 * test's own. One process, one life: the cases' order counts. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "faulty.h"
#include "registry/bell.h"
#include "registry/registry.h"
#include "registry/session_host.h"
#include "tracer/tracer_state.h"

ADA_EVENT(limits, event, (u32, n))

static const struct segment_geometry small = {.slots = 4,
                                              .ring_bytes = 4096,
                                              .arena_bytes = 65536,
                                              .policy = RING_DROP,
                                              .clock = SEGMENT_CLOCK_COUNTER};

/* ---- a drain that only listens ---- */

static struct {
    struct segment segment;
    struct session_host_options options;
    struct session_host_trigger trigger;
    const char *snapshot;
    int answer; /* of start() and stats() */
    unsigned starts, stops;
    bool ended;
} host;

static int host_start(const char *path, const struct session_host_options *options,
                      struct segment *segment)
{
    (void)path;
    if (host.answer)
        return host.answer;
    host.options = *options;
    host.starts++;
    *segment = host.segment;
    return 0;
}

static int host_stop(void)
{
    host.stops++;
    return 0;
}

static int host_snapshot(const char *path)
{
    host.snapshot = path;
    return 7;
}

static int host_trigger(const struct session_host_trigger *trigger)
{
    host.trigger = *trigger;
    return 8;
}

static bool host_has_ended(void)
{
    return host.ended;
}

static int host_stats(struct session_host_stats *out)
{
    *out = (struct session_host_stats){.processes = 3, .written = 10, .compression = -5};
    return host.answer;
}

static const struct session_host listener = {.start = host_start,
                                             .stop = host_stop,
                                             .snapshot = host_snapshot,
                                             .trigger = host_trigger,
                                             .has_ended = host_has_ended,
                                             .stats = host_stats};
const struct session_host *session_host_embedded = &listener;

static int segment_make(void **state)
{
    (void)state;
    return segment_create(&host.segment, &small, NULL);
}

static int segment_drop(void **state)
{
    (void)state;
    segment_destroy(&host.segment);
    return 0;
}

static uint64_t unringed(void)
{
    return load_relaxed(&host.segment.shared->unringed);
}

/* ---- before there is a session ---- */

static void kernel_that_gives_no_memory_is_said_at_the_start(void **state)
{
    const struct {
        const char *call;
        int error;
    } rows[] = {{"mmap", ENOMEM}, {"madvise", EINVAL}}; /* Linux before 4.14 wipes nothing */

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        faulty_next(rows[i].call, rows[i].error, 2);
        assert_int_equal(tracer_attach_segment(&host.segment), -rows[i].error);
        assert_int_equal(ada_session_start("it", NULL), -rows[i].error);
        assert_int_equal(host.starts, 0); /* what has been started would leave a file */
        assert_false(tracer_is_attached());
        faulty_next(NULL, 0, 0);
    }
    assert_int_equal(ada_events_enable("limits:*"), 0); /* said before there is anything */
    host.answer = -EROFS;
    assert_int_equal(ada_session_start("it", NULL), -EROFS);
    host.answer = 0;
}

static void options_are_handed_on_as_they_are_meant(void **state)
{
    struct ada_session_options options = {.size = sizeof(options),
                                          .ring_bytes = 8192,
                                          .ring_max_bytes = 4096, /* less than it has */
                                          .compression = ADA_COMPRESSION_STORED,
                                          .clock = ADA_CLOCK_KERNEL,
                                          .rotate_bytes = 1 << 20,
                                          .keep = 2};

    (void)state;
    /* They reach the drain, which then is not there: not attached yet. */
    host.answer = 0;
    assert_int_equal(ada_session_start("it", &options), 0);
    assert_int_equal(host.options.geometry.ring_max_bytes, 8192);
    assert_int_equal(host.options.compression, 0);
    assert_int_equal(host.options.geometry.clock, SEGMENT_CLOCK_MONOTONIC);
    assert_int_equal(ada_session_join("/nowhere"), -EALREADY);
    assert_int_equal(ada_session_start("it", NULL), -EALREADY);
    /* Somebody outside ends it: the next one begins where nobody has asked how that went. */
    host.ended = true;
    options.ring_max_bytes = 1 << 20;
    options.compression = 5;
    options.rotate_bytes = 0, options.keep = 0;
    options.flight_bytes = 1 << 20;
    assert_int_equal(ada_session_start("it", &options), 0);
    assert_int_equal(host.stops, 1);
    assert_int_equal(host.options.geometry.ring_max_bytes, 1 << 20);
    assert_int_equal(host.options.compression, 5);
    assert_true(host.options.flight);
    host.ended = false;
}

static void questions_go_to_the_drain(void **state)
{
    struct ada_session_figures figures = {.size = sizeof(figures)};
    struct ada_trigger_options short_of = {.size = 4},
                               older = {.size = 16, .before_ns = 9, .after_ns = 11};

    (void)state;
    assert_int_equal(ada_snapshot("here"), 7);
    assert_string_equal(host.snapshot, "here");
    assert_int_equal(ada_trigger("x > 1", &older), 8);
    assert_int_equal(host.trigger.before_ns, 9);
    assert_int_equal(host.trigger.after_ns, 0); /* not of that header's */
    assert_int_equal(ada_trigger("x > 1", NULL), 8);
    assert_int_equal(ada_trigger("x > 1", &short_of), -EINVAL);
    assert_int_equal(ada_trigger(NULL, NULL), -EINVAL);
    assert_int_equal(ada_session_stats(&figures), 0);
    assert_int_equal(figures.processes, 3);
    assert_int_equal(figures.compression, -5);
    assert_int_equal(figures.is_joined, 0);
    host.answer = -ENODATA;
    assert_int_equal(ada_session_stats(&figures), -ENODATA);
    host.answer = 0;
}

/* ---- threads ---- */

/* No slot is ready: what finds no ring is counted. */
static void events_without_a_ring_are_counted(void **state)
{
    const struct ada_batch_item items[] = {{&ada_event_limits_event, "\1\0\0", 4},
                                           {&ada_event_limits_event, "\2\0\0", 4}};
    struct ada_record record;
    struct ada_thread_stats stats;

    (void)state;
    assert_true(ada_event_is_on(&ada_event_limits_event));
    ada_trace_limits_event(1);
    assert_int_equal(unringed(), 1);
    record = ada_reserve(&ada_event_limits_event, 4);
    assert_null(record.payload);
    assert_int_equal(ada_emit(&ada_event_limits_event, "\1\0\0", 4), 0);
    assert_int_equal(ada_emit_batch(items, 2), 0);
    assert_int_equal(unringed(), 5);
    assert_int_equal(ada_emit_batch(items, 1025), -E2BIG);
    tracer_thread_begin("none is free");
    assert_int_equal(ada_thread_stats_read(&stats), -ENODATA);
    assert_int_equal(registry_prepare(&host.segment, 2), 2);
    ada_trace_limits_event(2);
    assert_int_equal(ada_thread_stats_read(&stats), 0);
    assert_int_equal(stats.written, 1);
    assert_int_equal(unringed(), 5);
}

static void muted_thread_has_no_clock_and_no_ring(void **state)
{
    struct ada_thread_stats stats;

    (void)state;
    assert_true(tracer_ticks() > 0);
    assert_true(tracer_clock_is_counter());
    assert_int_equal(tracer_pid(), getpid());
    tracer_thread_mute(false); /* it is not */
    tracer_thread_mute(true);
    tracer_thread_mute(true);
    assert_true(tracer_thread_is_muted());
    assert_int_equal(tracer_ticks(), 0);
    ada_trace_limits_event(3);
    tracer_thread_begin("muted");
    assert_int_equal(unringed(), 6);
    assert_int_equal(ada_thread_stats_read(&stats), -ENODATA);
    tracer_thread_mute(false);
    ada_trace_limits_event(4);
    assert_int_equal(ada_thread_stats_read(&stats), 0);
    assert_int_equal(stats.written, 1); /* another ring: the first was given up */
    tracer_thread_begin("it has one");
    assert_int_equal(ada_thread_stats_read(&stats), 0);
    assert_int_equal(stats.written, 1);
    assert_int_equal(unringed(), 6);
}

static void *begin_and_say(void *view)
{
    tracer_thread_begin("unseen");
    *(struct registry_view *)view = (struct registry_view){.name_changes = ada_self->slot};
    return NULL;
}

/* Where the kernel tells of no thread's death its id is asked for. */
static void thread_whose_death_is_not_told_has_its_id(void **state)
{
    struct registry_view view;
    pthread_t thread;

    (void)state;
    assert_int_equal(registry_prepare(&host.segment, 1), 1);
    tracer_state.death_is_told = false;
    assert_int_equal(pthread_create(&thread, NULL, begin_and_say, &view), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tracer_state.death_is_told = true;
    assert_true(registry_look(&host.segment, view.name_changes, &view));
    assert_false(view.robust);
    assert_string_equal(view.name, "unseen");
    assert_true(view.tid && view.tid != (uint32_t)getpid());
}

static void commit_of_what_is_the_parents_does_nothing(void **state)
{
    struct ada_writer wiped = {0};
    unsigned char header[8] = {0};

    (void)state;
    ada_commit_slow(&wiped, header, 8, 0, false);
    assert_int_equal(header[0], 0);
}

/* ---- the end ---- */

static void silence_is_for_good(void **state)
{
    (void)state;
    tracer_silence();
    assert_int_equal(load_relaxed(&host.segment.shared->bell), BELL_SILENT);
}

static void after_the_end_nothing_is_counted(void **state)
{
    struct ada_session_figures figures = {.size = sizeof(figures)};
    uint64_t before = unringed();
    pthread_t thread;
    struct registry_view view;

    (void)state;
    assert_int_equal(ada_session_stop(), 0);
    assert_false(ada_session_is_active());
    ada_trace_limits_event(9);
    assert_int_equal(pthread_create(&thread, NULL, begin_and_say, &view), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(unringed(), before);
    assert_int_equal(ada_session_stats(&figures), -ENODATA);
    assert_int_equal(ada_snapshot(NULL), -ESRCH);
}

static void every_error_has_words_of_its_own(void **state)
{
    static const int errors[] = {EEXIST,          EALREADY, ERANGE, ENAMETOOLONG, ENOTSUP,
                                 EPROTONOSUPPORT, ESRCH,    ESPIPE, EAGAIN};

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        assert_string_equal(ada_error_text(-errors[i]), ada_error_text(errors[i]));
        assert_string_not_equal(ada_error_text(errors[i]), strerror(errors[i]));
    }
    assert_string_equal(ada_error_text(-EIO), strerror(EIO));
}

/* Another process: there the kernel's clock counts. */
static void kernels_clock_is_taken_where_it_is_said(void **state)
{
    struct segment_geometry geometry = small;
    int status;
    pid_t child;

    (void)state;
    geometry.clock = SEGMENT_CLOCK_MONOTONIC;
    child = fork();
    if (!child) {
        uint64_t before = clock_monotonic_ns(), ticks;
        struct segment s;

        if (segment_create(&s, &geometry, NULL) || tracer_attach_segment(&s) ||
            tracer_clock_is_counter())
            _exit(1);
        ticks = tracer_ticks();
        _exit(ticks >= before && ticks <= clock_monotonic_ns() ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_clock_is_taken_where_it_is_said),
        cmocka_unit_test(kernel_that_gives_no_memory_is_said_at_the_start),
        cmocka_unit_test(options_are_handed_on_as_they_are_meant),
        cmocka_unit_test(questions_go_to_the_drain),
        cmocka_unit_test(events_without_a_ring_are_counted),
        cmocka_unit_test(muted_thread_has_no_clock_and_no_ring),
        cmocka_unit_test(thread_whose_death_is_not_told_has_its_id),
        cmocka_unit_test(commit_of_what_is_the_parents_does_nothing),
        cmocka_unit_test(silence_is_for_good),
        cmocka_unit_test(after_the_end_nothing_is_counted),
        cmocka_unit_test(every_error_has_words_of_its_own),
    };

    return cmocka_run_group_tests(tests, segment_make, segment_drop);
}
