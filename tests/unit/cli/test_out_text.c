/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char text[4096];

#define WRITTEN(call) (*(call) = 0, text)

static const uint64_t interesting[] = {0,
                                       1,
                                       9,
                                       10,
                                       15,
                                       16,
                                       99,
                                       100,
                                       101,
                                       255,
                                       256,
                                       999999999,
                                       1000000000,
                                       UINT32_MAX,
                                       (uint64_t)UINT32_MAX + 1,
                                       INT64_MAX,
                                       (uint64_t)INT64_MAX + 1,
                                       UINT64_MAX};

static void integers_are_those_of_printf(void **state)
{
    char expected[64];
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t value =
            i < sizeof(interesting) / sizeof(*interesting) ? interesting[i] : random >> i % 64;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
        assert_string_equal(WRITTEN(text_u64(text, value)), expected);
        snprintf(expected, sizeof(expected), "%lld", (long long)value);
        assert_string_equal(WRITTEN(text_i64(text, (int64_t)value)), expected);
        snprintf(expected, sizeof(expected), "0x%llx", (unsigned long long)value);
        assert_string_equal(WRITTEN(text_hex(text, value)), expected);
    }
}

static void seconds_have_nine_decimals(void **state)
{
    (void)state;
    assert_string_equal(WRITTEN(text_seconds(text, 0, 4)), "   0.000000000");
    assert_string_equal(WRITTEN(text_seconds(text, 1234567890, 4)), "   1.234567890");
    assert_string_equal(WRITTEN(text_seconds(text, -5, 4)), "  -0.000000005");
    assert_string_equal(WRITTEN(text_seconds(text, INT64_C(123456000000007), 4)),
                        "123456.000000007");
    assert_string_equal(WRITTEN(text_seconds(text, INT64_MIN, 0)), "-9223372036.854775808");
}

static void floats_read_back(void **state)
{
    static const double values[] = {0, 1, 0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 123456789.125};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        assert_true(strtod(WRITTEN(text_double(text, values[i])), NULL) == values[i]);
        assert_true(strtof(WRITTEN(text_float(text, (float)values[i])), NULL) == (float)values[i]);
    }
    assert_string_equal(WRITTEN(text_double(text, 0.1)), "0.1");
    assert_string_equal(WRITTEN(text_float(text, 0.1f)), "0.1");
    assert_string_equal(WRITTEN(text_double(text, __builtin_nan(""))), "nan");
    assert_string_equal(WRITTEN(text_double(text, -__builtin_inf())), "-inf");
}

#define ESCAPED(function, source) WRITTEN(function(text, source, sizeof(source) - 1))

static void plain_text_and_utf8_pass(void **state)
{
    (void)state;
    assert_string_equal(ESCAPED(text_escaped, "a b\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                        "a b\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_string_equal(ESCAPED(text_json, "\xc3\xa9/"), "\xc3\xa9/");
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(ESCAPED(text_escaped, "a\n\"\\\x1b[31m\x7f"), "a\\n\\\"\\\\\\x1b[31m\\x7f");
    assert_string_equal(ESCAPED(text_plain, "\"\\\x1b"), "\"\\\\x1b");
    assert_string_equal(ESCAPED(text_json, "a\n\"\\\x1b\0"), "a\\n\\\"\\\\\\u001b\\u0000");
    assert_string_equal(ESCAPED(text_csv, "a\"b\n\x1b"), "a\"\"b\n\\x1b");
}

static void c1_controls_do_not_reach_a_terminal(void **state)
{
    (void)state;
    assert_string_equal(ESCAPED(text_plain, "\xc2\x9b"), "\\xc2\\x9b");
}

static void what_is_no_utf8_is_escaped(void **state)
{
    /* cut off, overlong, surrogate, above U+10FFFF, continuation alone */
    static const char *const wrong[] = {"\xc3",         "\xe2\x82",         "\xc0\xaf",
                                        "\xe0\x80\x80", "\xed\xa0\x80",     "\xf4\x90\x80\x80",
                                        "\x80",         "\xf0\x80\x80\x80", "\xff"};

    (void)state;
    assert_string_equal(ESCAPED(text_json, "a\xff"), "a\\\\xff");
    assert_string_equal(ESCAPED(text_escaped, "a\xff"), "a\\xff");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        *text_json(text, wrong[i], strlen(wrong[i])) = 0;
        assert_int_equal(strlen(text), 5 * strlen(wrong[i]));
    }
}

static void bytes_are_two_digits_each(void **state)
{
    (void)state;
    assert_string_equal(WRITTEN(text_hex_bytes(text, (const unsigned char *)"\x00\xaf\x10", 3)),
                        "00af10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_those_of_printf),
        cmocka_unit_test(seconds_have_nine_decimals),
        cmocka_unit_test(floats_read_back),
        cmocka_unit_test(plain_text_and_utf8_pass),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(c1_controls_do_not_reach_a_terminal),
        cmocka_unit_test(what_is_no_utf8_is_escaped),
        cmocka_unit_test(bytes_are_two_digits_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
