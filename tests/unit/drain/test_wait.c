/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "drain/wait.h"

enum { MS = 1000 * 1000 };

static const struct wait_load nothing = {0}, trickle = {.records = 3};

static void wait_when_nothing_comes_doubles_up_to_ten_milliseconds(void **state)
{
    struct wait wait;
    uint64_t now = 1000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    wait.busy_ns = now - 200 * (uint64_t)MS;
    assert_int_equal(wait_decide(&wait, &nothing, now), 1 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now), 2 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now), 4 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now), 8 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now), 10 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now), 10 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now + 1000 * (uint64_t)MS), 20 * MS);
}

static void wait_when_a_ring_fills_does_not_sleep(void **state)
{
    struct wait wait;

    (void)state;
    wait_init(&wait);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.records = 9, .fill_percent = 30}, 1),
                     0);
    assert_int_equal(wait_decide(&wait, &(struct wait_load){.records = 9, .more = true}, 1), 0);
    assert_int_equal(wait_decide(&wait, &nothing, 2), 1 * MS);
}

static void wait_while_records_trickle_stays_short(void **state)
{
    struct wait wait;
    uint64_t now = 1000 * (uint64_t)MS;

    (void)state;
    wait_init(&wait);
    for (int i = 0; i < 10; i++)
        (void)wait_decide(&wait, &trickle, now);
    assert_int_equal(wait_decide(&wait, &trickle, now), 2 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now + 50 * MS), 2 * MS);
    assert_int_equal(wait_decide(&wait, &nothing, now + 200 * (uint64_t)MS), 4 * MS);
}

static void wait_for_small_rings_is_shorter(void **state)
{
    struct wait wait;

    (void)state;
    wait_init(&wait);
    wait_for_rings(&wait, 4 << 20);
    assert_int_equal(wait_decide(&wait, &trickle, 1), 1 * MS);
    wait_init(&wait);
    wait_for_rings(&wait, 256 << 10);
    assert_int_equal(wait_decide(&wait, &trickle, 1), 256 << 10);
    wait_for_rings(&wait, 4096);
    for (int i = 0; i < 10; i++)
        assert_true(wait_decide(&wait, &trickle, 1) <= 200000);
    for (int i = 0; i < 10; i++)
        (void)wait_decide(&wait, &nothing, 500 * (uint64_t)MS);
    assert_int_equal(wait_decide(&wait, &nothing, 500 * (uint64_t)MS), 10 * MS);
}

static void wait_that_was_woken_before_does_not_sleep(void **state)
{
    struct wait wait;
    uint64_t before;

    (void)state;
    wait_init(&wait);
    /* A hundred sleeps of ten milliseconds would take a second. */
    before = clock_monotonic_ns();
    for (int i = 0; i < 100; i++) {
        wait_wake(&wait);
        wait.sleep_ns = 10 * MS;
        wait_turn(&wait, &nothing);
    }
    assert_true(clock_monotonic_ns() - before < 500 * (uint64_t)MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_when_nothing_comes_doubles_up_to_ten_milliseconds),
        cmocka_unit_test(wait_when_a_ring_fills_does_not_sleep),
        cmocka_unit_test(wait_while_records_trickle_stays_short),
        cmocka_unit_test(wait_for_small_rings_is_shorter),
        cmocka_unit_test(wait_that_was_woken_before_does_not_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
