/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* `runs` sorted runs of random times; `value` is the place in the order of adding. */
static void check_runs(size_t runs, size_t length)
{
    struct timeline timeline = {0};
    uint64_t order = 0;

    for (size_t run = 0; run < runs; run++) {
        uint64_t ticks = (uint64_t)rand() % 100;

        for (size_t i = 0; i < length; i++, ticks += (uint64_t)rand() % 3) {
            struct timeline_entry entry = {.ticks = ticks, .value = order++};

            assert_int_equal(timeline_add(&timeline, &entry), 0);
        }
    }
    assert_int_equal(timeline_sort(&timeline), 0);
    assert_int_equal(timeline.count, runs * length);
    for (size_t i = 1; i < timeline.count; i++) {
        const struct timeline_entry *a = &timeline.entries[i - 1], *b = &timeline.entries[i];

        assert_true(a->ticks < b->ticks || (a->ticks == b->ticks && a->value < b->value));
    }
    timeline_fini(&timeline);
}

static void any_number_of_runs_is_sorted_and_stable(void **state)
{
    (void)state;
    srand(7);
    check_runs(0, 0);
    check_runs(1, 1);
    check_runs(1, 5000);
    check_runs(2, 5000);
    for (size_t runs = 3; runs < 40; runs++)
        check_runs(runs, 211);
    check_runs(5000, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_of_runs_is_sorted_and_stable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
