/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char text[UNITS_MAX];

static void durations_keep_three_digits(void **state)
{
    (void)state;
    assert_string_equal(units_duration(text, 0), "0 ns");
    assert_string_equal(units_duration(text, 999), "999 ns");
    assert_string_equal(units_duration(text, 1000), "1.00 us");
    assert_string_equal(units_duration(text, 999499), "999 us");
    assert_string_equal(units_duration(text, 999500), "1.00 ms");
    assert_string_equal(units_duration(text, 12345678), "12.3 ms");
    assert_string_equal(units_duration(text, UINT64_C(119900000000)), "120 s");
    assert_string_equal(units_duration(text, UINT64_C(125000000000)), "2 m 05 s");
    assert_string_equal(units_duration(text, UINT64_C(7260000000000)), "2 h 01 m");
}

static void bytes_count_in_1024(void **state)
{
    (void)state;
    assert_string_equal(units_bytes(text, 0), "0 B");
    assert_string_equal(units_bytes(text, 1023), "1023 B");
    assert_string_equal(units_bytes(text, 1024), "1.00 KiB");
    assert_string_equal(units_bytes(text, 1536 * 1024), "1.50 MiB");
    assert_string_equal(units_bytes(text, UINT64_MAX), "16.0 EiB");
}

static void counts_are_grouped(void **state)
{
    (void)state;
    assert_string_equal(units_count(text, 0), "0");
    assert_string_equal(units_count(text, 999), "999");
    assert_string_equal(units_count(text, 1000), "1,000");
    assert_string_equal(units_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void rates_and_shares(void **state)
{
    (void)state;
    assert_string_equal(units_rate(text, 0.5), "0.50 /s");
    assert_string_equal(units_rate(text, 1234567), "1.23 M/s");
    assert_string_equal(units_percent(text, 1, 8), "12.5 %");
    assert_string_equal(units_percent(text, 1, 0), "0.0 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_keep_three_digits),
        cmocka_unit_test(bytes_count_in_1024),
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test(rates_and_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
