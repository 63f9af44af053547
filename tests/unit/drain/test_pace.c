/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drain/pace.h"

#define MS UINT64_C(1000000)

static void pace_while_calm_keeps_the_wanted_level(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 3);
    for (uint64_t t = 1; t < 5000; t += 10)
        assert_int_equal(pace_turn(&pace, 5, t * MS), 3);
}

static void pace_under_pressure_falls_step_by_step_to_the_fastest(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 3);
    assert_int_equal(pace_turn(&pace, 80, 10 * MS), 1);
    assert_int_equal(pace_turn(&pace, 80, 11 * MS), 1); /* a step takes a moment to show */
    assert_int_equal(pace_turn(&pace, 80, 20 * MS), -3);
    assert_int_equal(pace_turn(&pace, 80, 30 * MS), -7);
    assert_int_equal(pace_turn(&pace, 80, 40 * MS), -7);
}

static void pace_after_a_calm_while_climbs_back(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 1);
    assert_int_equal(pace_turn(&pace, 80, 10 * MS), -3);
    assert_int_equal(pace_turn(&pace, 5, 100 * MS), -3);
    assert_int_equal(pace_turn(&pace, 5, 600 * MS), 1);
    assert_int_equal(pace_turn(&pace, 5, 6000 * MS), 1);
}

static void pace_of_stored_blocks_stays_stored(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 0);
    assert_int_equal(pace_turn(&pace, 99, 10 * MS), 0);
    assert_int_equal(pace_turn(&pace, 0, 9000 * MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_while_calm_keeps_the_wanted_level),
        cmocka_unit_test(pace_under_pressure_falls_step_by_step_to_the_fastest),
        cmocka_unit_test(pace_after_a_calm_while_climbs_back),
        cmocka_unit_test(pace_of_stored_blocks_stays_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
