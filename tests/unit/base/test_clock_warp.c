/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that do not agree are found out before anything is recorded with them. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/clock_warp.h"

/* A second: nobody's journey takes as long. */
static const uint64_t off_ns = 1000000000;

static cpu_set_t cpus;
static unsigned cpu_ahead;

static unsigned cpu_at(unsigned n)
{
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &cpus) && n-- == 0)
            return cpu;
    fail_msg("CPU %u is not there", n);
    return 0;
}

static int find_cpus(void **state)
{
    (void)state;
    return sched_getaffinity(0, sizeof(cpus), &cpus);
}

static uint64_t counters_that_agree(void)
{
    return clock_monotonic_ns();
}

static uint64_t counters_that_do_not(void)
{
    return clock_monotonic_ns() + ((unsigned)sched_getcpu() == cpu_ahead ? off_ns : 0);
}

static void counters_that_agree_have_no_warp(void **state)
{
    (void)state;
    assert_false(clock_warp_found(counters_that_agree));
}

/* One is ahead of the others: seen on the way back from it, or on the way to the others. */
static void counter_that_is_ahead_is_found_on_every_cpu(void **state)
{
    (void)state;
    if (CPU_COUNT(&cpus) < 2)
        skip(); /* a single counter agrees with itself */
    for (unsigned n = 0; n < 2; n++) {
        cpu_ahead = cpu_at(n);
        assert_true(clock_warp_found(counters_that_do_not));
    }
}

static void who_asks_keeps_its_cpus(void **state)
{
    cpu_set_t after;

    (void)state;
    assert_false(clock_warp_found(counters_that_agree));
    assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
    assert_true(CPU_EQUAL(&after, &cpus));
}

/* On one CPU nothing can be compared. */
static void single_cpu_has_no_warp(void **state)
{
    cpu_set_t one;

    (void)state;
    CPU_ZERO(&one);
    CPU_SET(cpu_at(0), &one);
    cpu_ahead = cpu_at(0);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_false(clock_warp_found(counters_that_do_not));
    assert_int_equal(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_that_agree_have_no_warp),
        cmocka_unit_test(counter_that_is_ahead_is_found_on_every_cpu),
        cmocka_unit_test(who_asks_keeps_its_cpus),
        cmocka_unit_test(single_cpu_has_no_warp),
    };

    return cmocka_run_group_tests(tests, find_cpus, NULL);
}
