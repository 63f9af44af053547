/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of records on whatever machine this is: what it is called, how fast it runs, and that
 * it goes on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <adatrace/emit.h>

#include "base/clock.h"
#include "base/clock_source.h"

#if defined(__x86_64__) || defined(__aarch64__)
enum { HAS_COUNTER = true };
#else
enum { HAS_COUNTER = false };
#endif

static void busy_ns(uint64_t ns)
{
    uint64_t until = clock_monotonic_ns() + ns;

    while (clock_monotonic_ns() < until)
        ;
}

static void source_that_is_chosen_has_a_name_that_readers_know(void **state)
{
    enum clock_source source = clock_source_choose(0);
    const char *name = clock_source_name(source);

    (void)state;
    assert_true(strcmp(name, "tsc") == 0 || strcmp(name, "cntvct") == 0 ||
                strcmp(name, "monotonic") == 0);
    assert_true(HAS_COUNTER || source == CLOCK_SOURCE_MONOTONIC);
    assert_string_equal(clock_source_name(CLOCK_SOURCE_MONOTONIC), "monotonic");
}

static void counter_never_goes_back_and_does_not_stand_still(void **state)
{
    uint64_t before = ada_ticks(), first = before, now;

    (void)state;
    if (!HAS_COUNTER)
        skip(); /* then it is not read: writers stay on the slow path */
    for (int i = 0; i < 100000; i++, before = now) {
        now = ada_ticks();
        assert_true(now >= before);
    }
    busy_ns(1000000);
    assert_true(ada_ticks() > first);
}

/* A tick is no nanosecond: 62.5 MHz, 24 MHz and 1 GHz are all found on Arm. */
static void rate_is_what_the_system_clock_says(void **state)
{
    const uint64_t window_ns = 50 * 1000 * 1000;
    uint64_t rate, ticks, ns;
    struct clock_reading from, to;

    (void)state;
    assert_int_equal(clock_source_rate(CLOCK_SOURCE_MONOTONIC), 1000000000);
    if (!HAS_COUNTER)
        skip();
    rate = clock_source_rate(CLOCK_SOURCE_COUNTER);
    from = clock_source_read(CLOCK_SOURCE_COUNTER);
    busy_ns(window_ns);
    to = clock_source_read(CLOCK_SOURCE_COUNTER);
    ticks = to.ticks - from.ticks;
    ns = to.monotonic_ns - from.monotonic_ns;
    assert_in_range(ticks, (uint64_t)((double)ns * (double)rate / 1e9 * 0.98),
                    (uint64_t)((double)ns * (double)rate / 1e9 * 1.02) + 1);
}

static void readings_are_close_pairs(void **state)
{
    struct clock_reading r = clock_source_read(CLOCK_SOURCE_MONOTONIC);

    (void)state;
    assert_int_equal(r.ticks, r.monotonic_ns);
    r = clock_source_read(clock_source_choose(0));
    assert_true(r.monotonic_ns <= clock_monotonic_ns());
    assert_true(r.uncertainty_ns < 1000000000);
    assert_true(r.realtime_ns > UINT64_C(1500000000) * 1000000000);
}

static void source_that_is_asked_for_is_taken(void **state)
{
    (void)state;
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_MONOTONIC), CLOCK_SOURCE_MONOTONIC);
#if defined(__x86_64__) || defined(__aarch64__)
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_COUNTER), CLOCK_SOURCE_COUNTER);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_that_is_asked_for_is_taken),
        cmocka_unit_test(source_that_is_chosen_has_a_name_that_readers_know),
        cmocka_unit_test(counter_never_goes_back_and_does_not_stand_still),
        cmocka_unit_test(rate_is_what_the_system_clock_says),
        cmocka_unit_test(readings_are_close_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
