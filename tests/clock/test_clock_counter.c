/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions on a counter that does what counters should not: it bends, jumps, begins again, runs so
 * fast that 42 bits of it are over in seconds. Whatever it does, events are where CLOCK_MONOTONIC
 * says they were, to the microsecond, but for the moment of a jump; none is lost, and no thread's
 * times go back.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "clock_marks.h"
#include "format/trace_reader.h"
#include "simulated_counter.h"
#include "tests/helpers/evidence.h"

enum {
    THREADS = 2,
    PAUSE_NS = 20 * 1000,
    WINDOW_NS = 60 * 1000 * 1000, /* the drain may sleep 20 ms, and be kept waiting */
    WINDOWS_MAX = 16,
    MS = 1000 * 1000
};

static char trace_path[64];
static uint32_t ends;
static uint64_t made;
static struct clock_window windows[WINDOWS_MAX + 1];
static unsigned window_count;
static uint64_t marks_all, worst_ns;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pause_ns(uint64_t ns)
{
    const struct timespec pause = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

    nanosleep(&pause, NULL);
}

/* ---- who emits ---- */

static void *emit(void *argument)
{
    uint64_t until_ns = *(const uint64_t *)argument, number = 0, before_ns, after_ns = 0;

    do {
        before_ns = now_ns();
        ada_trace_clock_mark(number++, before_ns, after_ns);
        after_ns = now_ns();
        pause_ns(PAUSE_NS);
    } while (!load_relaxed(&ends) && (!until_ns || after_ns < until_ns));
    __atomic_fetch_add(&made, number, __ATOMIC_RELAXED);
    return NULL;
}

/* ---- what happens meanwhile ---- */

static void window_add(uint64_t at_ns)
{
    assert_true(window_count < WINDOWS_MAX);
    windows[window_count++] = (struct clock_window){at_ns - WINDOW_NS, at_ns + WINDOW_NS};
    windows[window_count].to_ns = 0;
}

static void nothing(void)
{
    pause_ns(1500 * MS);
}

/* A hundred parts in a million: what disciplines of clocks do, and more. */
static void bends(void)
{
    static const double rates[] = {1.0001, 0.9999, 1.0001, 1};

    for (unsigned i = 0; i < 4; i++) {
        pause_ns(400 * MS);
        simulated_rate(rates[i]);
    }
    pause_ns(400 * MS);
}

static void jumps(void)
{
    static const double ns[] = {1e9, -1e9, 3600e9, -3000e9, 5e6, -5e6};

    for (unsigned i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
        pause_ns(250 * MS);
        simulated_jump(ns[i]);
        window_add(now_ns());
    }
    pause_ns(250 * MS);
    simulated_reset();
    window_add(now_ns());
    pause_ns(250 * MS);
}

/* Threads that begin when 42 bits have gone round, and go round again under their eyes. */
static void begin_late(void)
{
    for (int i = 0; i < 12; i++) {
        uint64_t until_ns = now_ns() + 100 * MS;
        pthread_t thread;

        pause_ns(300 * MS);
        assert_int_equal(pthread_create(&thread, NULL, emit, &until_ns), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

/* Nobody can say more than the drain has seen: a window lasts from its last look before the jump to
 * its second one behind it, which on a busy machine may be far apart. */
static void windows_stretch(void)
{
    const struct trace_clock_pair *pair;
    struct trace_error error;
    struct trace *t;

    assert_int_equal(trace_open(&t, trace_path, &error), 0);
    for (unsigned i = 0; i < window_count; i++) {
        uint64_t jump_ns = windows[i].from_ns + WINDOW_NS, before_ns = 0;
        unsigned behind = 0;

        for (size_t n = 0; behind < 2 && (pair = trace_clock_pair_at(t, n)); n++) {
            if (pair->monotonic_ns < jump_ns)
                before_ns = pair->monotonic_ns;
            else if (behind++ == 1 && pair->monotonic_ns > windows[i].to_ns)
                windows[i].to_ns = pair->monotonic_ns;
        }
        if (before_ns < windows[i].from_ns)
            windows[i].from_ns = before_ns;
    }
    trace_close(t);
}

/* ---- a session of it ---- */

static struct clock_verdict session_run(void (*happens)(void), enum ada_clock clock)
{
    const struct ada_session_options options = {
        .size = sizeof(options), .replace = 1, .clock = clock, .is_private = 1};
    struct clock_verdict verdict;
    pthread_t threads[THREADS];
    uint64_t until_ns = 0;

    window_count = 0;
    windows[0].to_ns = 0;
    made = 0;
    store_relaxed(&ends, 0);
    assert_int_equal(ada_session_start(trace_path, &options), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit, &until_ns), 0);
    happens();
    store_relaxed(&ends, 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(ada_session_stop(), 0);
    windows_stretch();
    assert_int_equal(clock_marks_check(trace_path, windows, &verdict), 0);
    print_message("%llu marks, %llu pairs, at most %llu ns beyond a bracket of %llu ns, %llu ns "
                  "within windows\n",
                  (unsigned long long)verdict.marks, (unsigned long long)verdict.pairs,
                  (unsigned long long)verdict.error_ns, (unsigned long long)verdict.bracket_ns,
                  (unsigned long long)verdict.window_ns);
    if (verdict.late_marks)
        print_message("%llu marks are late, the worst at %llu\n",
                      (unsigned long long)verdict.late_marks,
                      (unsigned long long)verdict.error_at_ns);
    marks_all += verdict.marks;
    if (verdict.error_ns > worst_ns)
        worst_ns = verdict.error_ns;
    assert_int_equal(verdict.marks, made);
    assert_int_equal(verdict.missing, 0);
    assert_int_equal(verdict.backwards, 0);
    return verdict;
}

/* For docs/RELIABILITY.md, where ctest asks for it. */
static void evidence_tell(void)
{
    evidence_write("clock-simulated",
                   "%llu marks on four counters, at most %llu ns beyond a bracket of about 70 ns",
                   (unsigned long long)marks_all, (unsigned long long)worst_ns);
}

static unsigned notes_count(const char *words)
{
    const struct trace_note *note;
    struct trace_error error;
    struct trace *t;
    unsigned count = 0;

    assert_int_equal(trace_open(&t, trace_path, &error), 0);
    for (size_t n = 0; (note = trace_note_at(t, n)); n++)
        count += strstr(note->text, words) != NULL;
    trace_close(t);
    return count;
}

static void session_on_a_steady_counter_is_right_to_the_microsecond(void **state)
{
    (void)state;
    assert_in_range(session_run(nothing, ADA_CLOCK_COUNTER).error_ns, 0, 1000);
    assert_int_equal(notes_count("counter"), 0);
}

static void session_on_a_counter_that_drifts_is_right_to_the_microsecond(void **state)
{
    (void)state;
    assert_in_range(session_run(bends, ADA_CLOCK_COUNTER).error_ns, 0, 1000);
    assert_int_equal(notes_count("counter"), 0);
}

static void session_on_a_counter_that_jumps_is_wrong_for_a_moment_and_says_so(void **state)
{
    (void)state;
    assert_in_range(session_run(jumps, ADA_CLOCK_COUNTER).error_ns, 0, 1000);
    assert_in_range(notes_count("counter"), 1, WINDOWS_MAX);
}

static void session_on_a_fast_counter_knows_which_lap_a_late_thread_begins_in(void **state)
{
    (void)state;
    simulated_rate(512);
    assert_in_range(session_run(begin_late, ADA_CLOCK_COUNTER).error_ns, 0, 1000);
    simulated_rate(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_on_a_steady_counter_is_right_to_the_microsecond),
        cmocka_unit_test(session_on_a_counter_that_drifts_is_right_to_the_microsecond),
        cmocka_unit_test(session_on_a_counter_that_jumps_is_wrong_for_a_moment_and_says_so),
        cmocka_unit_test(session_on_a_fast_counter_knows_which_lap_a_late_thread_begins_in),
    };
    int status;

    snprintf(trace_path, sizeof(trace_path), "clock-counter-%d.adatrace", (int)getpid());
    status = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(trace_path);
    if (status == 0)
        evidence_tell();
    return status;
}
