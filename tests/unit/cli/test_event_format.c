/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct trace_event event;
static struct ada_field fields[SCHEMA_FIELDS_MAX];
static unsigned char bytes[1024];
static size_t bytes_used;

static int set_up(void **state)
{
    (void)state;
    memset(&event, 0, sizeof(event));
    bytes_used = 0;
    return 0;
}

static void add(uint8_t kind, const void *value, size_t size)
{
    unsigned n = event.value_count++;
    bool variable = kind == ADA_KIND_STRING || kind == ADA_KIND_BYTES;

    memcpy(bytes + bytes_used, value, size);
    fields[n] = (struct ada_field){
        .name = "f", .kind = kind, .width = variable ? 0 : (uint8_t)size, .count = 1};
    event.values[n] = (struct trace_value){
        .field = &fields[n], .bytes = bytes + bytes_used, .size = (uint32_t)size};
    bytes_used += size;
}

static void add_int(int32_t value)
{
    add(ADA_KIND_SIGNED, &value, sizeof(value));
}

static void add_text(const char *text)
{
    add(ADA_KIND_STRING, text, strlen(text));
}

static const char *rendered(const char *text)
{
    static char out[1024];
    struct event_format format;

    assert_int_equal(event_format_parse(&format, text), 0);
    out[event_format_render(&format, &event, out, sizeof(out) - 1)] = 0;
    event_format_fini(&format);
    return out;
}

static void arguments_go_where_they_belong(void **state)
{
    double ratio = 33.333;

    (void)state;
    add_int(-7);
    add_text("name");
    add(ADA_KIND_FLOAT, &ratio, sizeof(ratio));
    assert_string_equal(rendered("a %d, '%s', %.1f %%."), "a -7, 'name', 33.3 %.");
}

static void flags_width_and_precision_hold(void **state)
{
    (void)state;
    add_int(42);
    add_int(-1);
    add_text("abcdef");
    add_text("ab");
    add_int('x');
    assert_string_equal(rendered("%05d|%#x|%-8.3s|%4s|%c"), "00042|0xffffffff|abc     |  ab|x");
}

static void stars_take_arguments(void **state)
{
    (void)state;
    add_int(6);
    add_int(42);
    add_int(-6);
    add_int(2);
    add_text("abc");
    assert_string_equal(rendered("%*d|%*.*s|"), "    42|ab    |");
}

static void length_modifiers_are_passed_over(void **state)
{
    uint64_t value = UINT64_MAX;

    (void)state;
    add(ADA_KIND_UNSIGNED, &value, 8);
    add(ADA_KIND_UNSIGNED, &value, 8);
    add(ADA_KIND_POINTER, &value, 6);
    assert_string_equal(rendered("%llu %zx %p"),
                        "18446744073709551615 ffffffffffffffff 0xffffffffffff");
}

static void wrong_conversion_cannot_harm(void **state)
{
    (void)state;
    add_int(5);
    add_text("text");
    add_int(6);
    assert_string_equal(rendered("%s %d %f"), "5 text 6.000000");
}

static void missing_arguments_are_named(void **state)
{
    (void)state;
    assert_string_equal(rendered("%d and %s"), "(missing) and (missing)");
}

static void percent_n_and_an_end_in_the_middle_do_nothing(void **state)
{
    (void)state;
    add_int(1);
    assert_string_equal(rendered("a%nb%d%"), "ab1");
    assert_string_equal(rendered("%-08.*"), "");
}

static void enormous_width_is_bounded(void **state)
{
    (void)state;
    add_int(1);
    assert_int_equal(strlen(rendered("%999999999999d")), 1023);
}

static void too_long_a_text_ends_in_dots(void **state)
{
    char out[16];
    struct event_format format;
    size_t size;

    (void)state;
    assert_int_equal(event_format_parse(&format, "0123456789abcdefghij"), 0);
    size = event_format_render(&format, &event, out, sizeof(out));
    assert_int_equal(size, 16);
    assert_memory_equal(out, "0123456789abc...", 16);
    event_format_fini(&format);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arguments_go_where_they_belong),
        TEST(flags_width_and_precision_hold),
        TEST(stars_take_arguments),
        TEST(length_modifiers_are_passed_over),
        TEST(wrong_conversion_cannot_harm),
        TEST(missing_arguments_are_named),
        TEST(percent_n_and_an_end_in_the_middle_do_nothing),
        TEST(enormous_width_is_bounded),
        TEST(too_long_a_text_ends_in_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
