/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_pace.h"

#include <sys/prctl.h>
#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"

enum {
    MARGIN_LEAST_NS = 10000,
    MARGIN_FIRST_NS = 100000,
    MARGIN_MOST_NS = 300000,
    SLICE_NS = 50000000, /* slept at a time, so that a stop is noticed */
    UNREAD_MAX = 16,     /* late events between two looks at the clock */
};

void replay_pace_init(struct replay_pace *pace, const bool *stop)
{
    *pace = (struct replay_pace){.stop = stop, .margin_ns = MARGIN_FIRST_NS};
    /* Sleep ends 50 us later than asked for, otherwise, so that others can be woken together. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    pace->now_ns = clock_monotonic_ns();
}

void replay_pace_fini(struct replay_pace *pace)
{
    histogram_fini(&pace->late_ns);
}

static bool is_stopped(const struct replay_pace *pace)
{
    return load_relaxed(pace->stop); /* relaxed: late is fine */
}

/* Grows at once with what was needed, shrinks by a hundredth each time. */
static void margin_learn(struct replay_pace *pace, uint64_t overslept_ns)
{
    uint64_t needed = overslept_ns + overslept_ns / 2;

    pace->margin_ns -= pace->margin_ns / 128;
    if (pace->margin_ns < needed)
        pace->margin_ns = needed;
    if (pace->margin_ns < MARGIN_LEAST_NS)
        pace->margin_ns = MARGIN_LEAST_NS;
    if (pace->margin_ns > MARGIN_MOST_NS)
        pace->margin_ns = MARGIN_MOST_NS;
}

static void sleep_until(struct replay_pace *pace, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    int interrupted = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

    pace->now_ns = clock_monotonic_ns();
    if (!interrupted && pace->now_ns > until_ns)
        margin_learn(pace, pace->now_ns - until_ns);
}

static void clock_look(struct replay_pace *pace)
{
    pace->now_ns = clock_monotonic_ns();
    pace->unread = 0;
}

bool replay_pace_wait(struct replay_pace *pace, uint64_t due_ns)
{
    uint64_t late;

    if (pace->now_ns < due_ns || ++pace->unread >= UNREAD_MAX) {
        clock_look(pace);
        if (is_stopped(pace))
            return false;
    }
    while (pace->now_ns + pace->margin_ns < due_ns) {
        uint64_t until = due_ns - pace->margin_ns;

        sleep_until(pace, until - pace->now_ns > SLICE_NS ? pace->now_ns + SLICE_NS : until);
        if (is_stopped(pace))
            return false;
    }
    while (pace->now_ns < due_ns) {
        cpu_relax();
        pace->now_ns = clock_monotonic_ns();
    }
    late = pace->now_ns - due_ns;
    if (late > pace->latest_ns)
        pace->latest_ns = late;
    (void)histogram_add(&pace->late_ns, late); /* without memory: not counted */
    return true;
}
