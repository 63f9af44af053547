/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until it is time: never short, counted once each, and it ends when told to. */
#include "cli/replay_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static bool stop;

static void time_has_come_when_waiting_ends(void **state)
{
    struct replay_pace pace;

    (void)state;
    replay_pace_init(&pace, &stop);
    for (uint64_t distance_ns = 1; distance_ns < 5000000; distance_ns *= 3) {
        uint64_t due_ns = clock_monotonic_ns() + distance_ns;

        assert_true(replay_pace_wait(&pace, due_ns));
        assert_true(clock_monotonic_ns() >= due_ns);
        assert_true(pace.now_ns >= due_ns);
    }
    assert_int_equal(pace.lateness.late_ns.count, 15);
    replay_pace_fini(&pace);
}

static void what_is_late_is_not_waited_for(void **state)
{
    struct replay_pace pace;
    uint64_t due_ns;

    (void)state;
    replay_pace_init(&pace, &stop);
    due_ns = pace.now_ns - 1000000;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(replay_pace_wait(&pace, due_ns));
    assert_int_equal(pace.lateness.late_ns.count, 1000);
    assert_true(histogram_quantile(&pace.lateness.late_ns, 0.01) >= 900000);
    assert_true(pace.lateness.latest_ns >= 1000000);
    replay_pace_fini(&pace);
}

/* One that is late, and those that were due with it: only the first of them is out of step. */
static void events_that_are_late_together_keep_their_spacing(void **state)
{
    struct replay_pace pace;
    struct replay_lateness sum = {.latest_ns = 1};
    uint64_t due_ns;

    (void)state;
    replay_pace_init(&pace, &stop);
    assert_true(replay_pace_wait(&pace, clock_monotonic_ns() + 1000));
    assert_int_equal(pace.lateness.spacing_ns.count, 0); /* there is no event before the first */
    due_ns = clock_monotonic_ns() - 50000000;
    for (unsigned i = 0; i < 100; i++)
        assert_true(replay_pace_wait(&pace, due_ns));
    assert_int_equal(pace.lateness.spacing_ns.count, 100);
    assert_true(histogram_quantile(&pace.lateness.late_ns, 0.5) >= 49000000);
    assert_true(histogram_quantile(&pace.lateness.spacing_ns, 0.5) < 10000000);
    assert_true(histogram_quantile(&pace.lateness.spacing_ns, 1) >= 40000000);
    replay_lateness_merge(&sum, &pace.lateness);
    assert_int_equal(sum.spacing_ns.count, 100);
    assert_int_equal(sum.latest_ns, pace.lateness.latest_ns);
    replay_lateness_fini(&sum);
    replay_pace_fini(&pace);
}

static void being_told_to_stop_ends_it(void **state)
{
    struct replay_pace pace;

    (void)state;
    replay_pace_init(&pace, &stop);
    stop = true;
    assert_false(replay_pace_wait(&pace, clock_monotonic_ns() + UINT64_C(3600000000000)));
    stop = false;
    assert_int_equal(pace.lateness.late_ns.count, 0);
    replay_pace_fini(&pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_has_come_when_waiting_ends),
        cmocka_unit_test(what_is_late_is_not_waited_for),
        cmocka_unit_test(events_that_are_late_together_keep_their_spacing),
        cmocka_unit_test(being_told_to_stop_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
