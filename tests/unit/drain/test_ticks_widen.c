/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drain/ticks_widen.h"

#define LAP (ADA_RECORD_TICKS_MASK + 1)

static uint64_t low(uint64_t ticks)
{
    return ticks & ADA_RECORD_TICKS_MASK;
}

static void widen_of_a_recent_record_gives_its_ticks(void **state)
{
    uint64_t now = 7 * LAP + 1000;

    (void)state;
    assert_int_equal(ticks_widen(low(now - 10), now - 500, now - 400, now), now - 10);
}

static void widen_across_a_lap_of_the_low_bits_goes_on(void **state)
{
    uint64_t previous = 3 * LAP - 5, ticks = 3 * LAP + 5;

    (void)state;
    assert_int_equal(ticks_widen(low(ticks), previous, previous, ticks + 10), ticks);
}

static void widen_after_an_idle_hour_finds_the_right_lap(void **state)
{
    uint64_t previous = 2 * LAP + 7, empty = 9 * LAP, ticks = 9 * LAP + 100;

    (void)state;
    assert_int_equal(ticks_widen(low(ticks), previous, empty, ticks + 1), ticks);
}

static void widen_of_a_record_stamped_before_the_ring_was_seen_empty_is_right(void **state)
{
    uint64_t previous = 2 * LAP, empty = 5 * LAP, ticks = empty - LAP / 4;

    (void)state;
    assert_int_equal(ticks_widen(low(ticks), previous, empty, empty + 10), ticks);
}

static void widen_of_a_dense_ring_read_late_follows_its_records(void **state)
{
    uint64_t previous = 2 * LAP, ticks = 2 * LAP + LAP / 2;

    (void)state;
    /* The drain was stopped for three laps; the ring was last seen empty long ago. */
    assert_int_equal(ticks_widen(low(ticks), previous, previous, 5 * LAP), ticks);
}

static void widen_never_goes_back(void **state)
{
    uint64_t previous = 4 * LAP + 1000;

    (void)state;
    assert_int_equal(ticks_widen(low(previous - 1), previous, previous, previous + 50), previous);
}

static void widen_of_a_record_from_the_future_is_held_at_the_previous(void **state)
{
    uint64_t now = 4 * LAP + 1000;

    (void)state;
    assert_int_equal(ticks_widen(low(now + LAP / 8), now - 10, now - 10, now), now - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widen_of_a_recent_record_gives_its_ticks),
        cmocka_unit_test(widen_across_a_lap_of_the_low_bits_goes_on),
        cmocka_unit_test(widen_after_an_idle_hour_finds_the_right_lap),
        cmocka_unit_test(widen_of_a_record_stamped_before_the_ring_was_seen_empty_is_right),
        cmocka_unit_test(widen_of_a_dense_ring_read_late_follows_its_records),
        cmocka_unit_test(widen_never_goes_back),
        cmocka_unit_test(widen_of_a_record_from_the_future_is_held_at_the_previous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
