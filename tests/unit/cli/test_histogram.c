/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void quantiles_keep_to_the_stated_error(void **state)
{
    enum { COUNT = 20000 };
    static const double quantiles[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t *values = calloc(COUNT, sizeof(*values)), random = 42;
    struct histogram histogram = {0};

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = random >> (random >> 58);
        assert_int_equal(histogram_add(&histogram, values[i]), 0);
    }
    qsort(values, COUNT, sizeof(*values), by_value);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
        double rank = quantiles[i] * COUNT;
        size_t at = rank < 1 ? 0 : (size_t)(rank + 0.999999) - 1;
        double exact = (double)values[at];
        double found = (double)histogram_quantile(&histogram, quantiles[i]);

        assert_true(found >= exact * (1 - HISTOGRAM_ERROR) - 1);
        assert_true(found <= exact * (1 + HISTOGRAM_ERROR) + 1);
    }
    assert_int_equal(histogram.count, COUNT);
    histogram_fini(&histogram);
    free(values);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 64; value++) {
        struct histogram histogram = {0};

        assert_int_equal(histogram_add(&histogram, value), 0);
        assert_int_equal(histogram_quantile(&histogram, 0.5), value);
        histogram_fini(&histogram);
    }
}

static void largest_value_has_its_place(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    assert_int_equal(histogram_add(&histogram, UINT64_MAX), 0);
    assert_true(histogram_quantile(&histogram, 1) > UINT64_MAX - (UINT64_MAX >> 6));
    histogram_fini(&histogram);
}

static void empty_one_says_zero(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
}

static void merging_adds_the_counts(void **state)
{
    struct histogram a = {0}, b = {0};

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(histogram_add(&a, 10), 0);
        assert_int_equal(histogram_add(&b, 1000000), 0);
    }
    assert_int_equal(histogram_merge(&a, &b), 0);
    assert_int_equal(a.count, 200);
    assert_int_equal(histogram_quantile(&a, 0.5), 10);
    assert_true(histogram_quantile(&a, 0.51) > 980000);
    histogram_fini(&a);
    histogram_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_keep_to_the_stated_error),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(largest_value_has_its_place),
        cmocka_unit_test(empty_one_says_zero),
        cmocka_unit_test(merging_adds_the_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
