/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void times_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } times[] = {
        {"0", 0},
        {"12", 12},
        {"12ns", 12},
        {"1us", 1000},
        {"1.5ms", 1500000},
        {"0.1s", 100000000},
        {"1.000000001s", 1000000001},
        {"1.0000000019s", 1000000001},
        {"0.000001234", 1234},
        {"2m", INT64_C(120000000000)},
        {"1h", INT64_C(3600000000000)},
        {"9223372036s", INT64_C(9223372036000000000)},
    };
    static const char *const wrong[] = {
        "", "s", ".5s", "1.5x", "1 s", "-1s", "1e3s", "9223372037s", "99999999999999999999"};
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        assert_int_equal(quantity_parse_time(times[i].text, &ns), 0);
        assert_int_equal(ns, times[i].ns);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_true(quantity_parse_time(wrong[i], &ns) < 0);
}

static void sizes_know_their_units(void **state)
{
    static const char *const wrong[] = {"", "K", "1X", "1KK", "-1", "1.5M", "99999999999T"};
    uint64_t bytes;

    (void)state;
    assert_int_equal(quantity_parse_bytes("4096", &bytes), 0);
    assert_int_equal(bytes, 4096);
    assert_int_equal(quantity_parse_bytes("64k", &bytes), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(quantity_parse_bytes("1MiB", &bytes), 0);
    assert_int_equal(bytes, 1 << 20);
    assert_int_equal(quantity_parse_bytes("2GB", &bytes), 0);
    assert_int_equal(bytes, UINT64_C(2) << 30);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_true(quantity_parse_bytes(wrong[i], &bytes) < 0);
}

static void printed_times_are_short_and_read_back(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {
        {0, "0"},
        {1, "1ns"},
        {1500, "1500ns"},
        {1500000, "1500us"},
        {20000000, "20ms"},
        {UINT64_C(1000000000), "1s"},
        {UINT64_C(90000000000), "90s"},
        {UINT64_C(120000000000), "2m"},
        {UINT64_C(7200000000000), "2h"},
        {INT64_MAX, "9223372036854775807ns"},
    };
    char text[QUANTITY_MAX];
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        assert_string_equal(quantity_print_time(text, times[i].ns), times[i].text);
        assert_int_equal(quantity_parse_time(text, &ns), 0);
        assert_int_equal(ns, times[i].ns);
    }
}

static void printed_sizes_are_short_and_read_back(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0"},
        {1, "1"},
        {1023, "1023"},
        {4096, "4K"},
        {4097, "4097"},
        {3 << 20, "3M"},
        {1 << 30, "1G"},
        {UINT64_C(1) << 52, "4096T"},
        {UINT64_MAX, "18446744073709551615"},
    };
    char text[QUANTITY_MAX];
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_string_equal(quantity_print_bytes(text, sizes[i].bytes), sizes[i].text);
        assert_int_equal(quantity_parse_bytes(text, &bytes), 0);
        assert_true(bytes == sizes[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_exact),
        cmocka_unit_test(sizes_know_their_units),
        cmocka_unit_test(printed_times_are_short_and_read_back),
        cmocka_unit_test(printed_sizes_are_short_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
