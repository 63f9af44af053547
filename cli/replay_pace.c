/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_pace.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/atomic.h"
#include "base/clock.h"

enum {
    MARGIN_LEAST_NS = 20000,
    MARGIN_FIRST_NS = 200000,
    MARGIN_MOST_NS = 500000,
    SLICE_NS = 50000000, /* slept at a time, so that a stop is noticed */
    UNREAD_MAX = 16,     /* late events between two looks at the clock */
    NICE = -10,
};

/* How long before the time sleep ends. relaxed wherever it is used: each value is as good as
 * another, and many threads have too few events to learn it by themselves. */
static uint64_t margin_ns = MARGIN_FIRST_NS;

void replay_pace_init(struct replay_pace *pace, const bool *stop)
{
    *pace = (struct replay_pace){.stop = stop};
    /* Sleep ends 50 us later than asked for, otherwise, so that others can be woken together. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    /* Not behind the drain's thread, where we may: it has time. */
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    pace->now_ns = clock_monotonic_ns();
}

void replay_pace_fini(struct replay_pace *pace)
{
    replay_lateness_fini(&pace->lateness);
}

void replay_lateness_fini(struct replay_lateness *lateness)
{
    histogram_fini(&lateness->late_ns);
    histogram_fini(&lateness->spacing_ns);
}

void replay_lateness_merge(struct replay_lateness *into, const struct replay_lateness *from)
{
    (void)histogram_merge(&into->late_ns, &from->late_ns);
    (void)histogram_merge(&into->spacing_ns, &from->spacing_ns);
    if (from->latest_ns > into->latest_ns)
        into->latest_ns = from->latest_ns;
}

static bool is_stopped(const struct replay_pace *pace)
{
    return load_relaxed(pace->stop); /* relaxed: late is fine */
}

/* Grows at once with what was needed, shrinks by a hundredth each time. */
static void margin_learn(uint64_t overslept_ns)
{
    uint64_t margin = load_relaxed(&margin_ns), needed = overslept_ns + overslept_ns / 2;

    margin -= margin / 128;
    if (margin < needed)
        margin = needed;
    if (margin < MARGIN_LEAST_NS)
        margin = MARGIN_LEAST_NS;
    if (margin > MARGIN_MOST_NS)
        margin = MARGIN_MOST_NS;
    store_relaxed(&margin_ns, margin);
}

static void sleep_until(struct replay_pace *pace, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    int interrupted = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

    pace->now_ns = clock_monotonic_ns();
    if (!interrupted && pace->now_ns > until_ns)
        margin_learn(pace->now_ns - until_ns);
}

static void clock_look(struct replay_pace *pace)
{
    pace->now_ns = clock_monotonic_ns();
    pace->unread = 0;
}

/* Without memory nothing is counted. */
static void lateness_add(struct replay_pace *pace, uint64_t late_ns)
{
    struct replay_lateness *l = &pace->lateness;
    uint64_t before_ns = pace->late_ns;

    if (l->late_ns.count)
        (void)histogram_add(&l->spacing_ns,
                            late_ns > before_ns ? late_ns - before_ns : before_ns - late_ns);
    (void)histogram_add(&l->late_ns, late_ns);
    if (late_ns > l->latest_ns)
        l->latest_ns = late_ns;
    pace->late_ns = late_ns;
}

bool replay_pace_wait(struct replay_pace *pace, uint64_t due_ns)
{
    uint64_t margin;

    if (pace->now_ns < due_ns || ++pace->unread >= UNREAD_MAX) {
        clock_look(pace);
        if (is_stopped(pace))
            return false;
    }
    /* Read once for both: another thread may raise it in between, and `until` be over. */
    while (pace->now_ns + (margin = load_relaxed(&margin_ns)) < due_ns) {
        uint64_t until = due_ns - margin;

        sleep_until(pace, until - pace->now_ns > SLICE_NS ? pace->now_ns + SLICE_NS : until);
        if (is_stopped(pace))
            return false;
    }
    while (pace->now_ns < due_ns) {
        cpu_relax();
        pace->now_ns = clock_monotonic_ns();
    }
    lateness_add(pace, pace->now_ns - due_ns);
    return true;
}
