/* SPDX-License-Identifier: Apache-2.0 */
/* Deferred formatting: the reader's text is what snprintf() says. */
#include "tracer_fixture.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/event_format.h"
#include "format/trace_reader.h"

enum { TEXTS_MAX = 64, TEXT_BYTES = 5000 };

/* What snprintf() made of each, in order. */
static char said[TEXTS_MAX][TEXT_BYTES];
static unsigned said_count;

#define SAY(...)                                               \
    do {                                                       \
        snprintf(said[said_count++], TEXT_BYTES, __VA_ARGS__); \
        ADA_PRINTF(format, said, __VA_ARGS__);                 \
    } while (0)

static void say_begin(void)
{
    said_count = 0;
    recording_start(NULL);
}

static void render(const struct trace_event *event, char text[TEXT_BYTES])
{
    struct event_format format;

    assert_int_equal(event_format_parse(&format, event->type->schema.format), 0);
    text[event_format_render(&format, event, text, TEXT_BYTES - 1)] = 0;
    event_format_fini(&format);
}

static void expect_all_as_said(void)
{
    static char text[TEXT_BYTES];

    recording_stop();
    for (unsigned i = 0; i < said_count; i++) {
        render(recording_expect("format:said"), text);
        assert_string_equal(text, said[i]);
    }
    recording_expect_end();
}

static void integers_of_every_width_are_themselves(void **state)
{
    (void)state;
    say_begin();
    SAY("%d %i %d", INT_MIN, INT_MAX, 0);
    SAY("%u %o %x %X", UINT_MAX, UINT_MAX, UINT_MAX, 0xabcdefu);
    SAY("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    SAY("%lld %llu %llo", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
    SAY("%jd %ju", INTMAX_MIN, UINTMAX_MAX);
    SAY("%zu %zd", SIZE_MAX, (ssize_t)-1);
    SAY("%td", (ptrdiff_t)PTRDIFF_MIN);
    SAY("%" PRId64 " %" PRIu64 " %" PRIx8, INT64_MIN, UINT64_MAX, UINT8_MAX);
    expect_all_as_said();
}

static void short_integers_are_cut_as_printf_cuts_them(void **state)
{
    int wide = 0x1234567;

    (void)state;
    say_begin();
    SAY("%hd %hu %hx", (short)-2, (unsigned short)65535, (unsigned short)0x8000);
    SAY("%hhd %hhu %hhx %hho", (signed char)-2, (unsigned char)255, (unsigned char)0x80,
        (unsigned char)8);
    /* Wider than they are said to be, which is what clang warns of and this is about. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
    SAY("%hhd %hhu %hx %hd", wide, (unsigned)wide, (unsigned)wide, wide);
#pragma GCC diagnostic pop
    SAY("%hhx %hx %hhd %hd", (unsigned char)-1, (unsigned short)-1, (signed char)-128,
        (short)-32768);
    expect_all_as_said();
}

static void flags_and_widths_hold(void **state)
{
    (void)state;
    say_begin();
    SAY("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42);
    SAY("[%+5d] [%-+5d] [%+05d] [% 05d]", -42, -42, 42, 42);
    SAY("[%#x] [%#o] [%#X] [%#x] [%#o]", 255u, 8u, 255u, 0u, 0u);
    SAY("[%#010x] [%-#10x] [%10x]", 255u, 255u, 255u);
    SAY("[%1d] [%20ld] [%-20lu]", 12345, -1L, 1UL);
    SAY("[%5s] [%-5s] [%2s]", "abc", "abc", "abc");
    SAY("[%3c] [%-3c] [%c]", 'a', 'b', 'c');
    expect_all_as_said();
}

static void precision_holds(void **state)
{
    (void)state;
    say_begin();
    SAY("[%.3d] [%.0d] [%8.3d] [%-8.3d] [%+.3d]", 7, 0, 7, 7, 7);
    SAY("[%.5x] [%#.5x] [%.10lu]", 255u, 255u, 1UL);
    SAY("[%.3s] [%.0s] [%.10s] [%8.2s] [%-8.2s]", "abcdef", "abcdef", "abcdef", "abcdef", "abcdef");
    SAY("[%.3f] [%.0f] [%#.0f] [%10.2f] [%-10.2f]", 3.14159, 2.5, 2.5, -1.005, -1.005);
    expect_all_as_said();
}

static void stars_take_their_arguments(void **state)
{
    (void)state;
    say_begin();
    SAY("[%*d] [%*d] [%-*d]", 6, 1, -6, 2, 6, 3);
    SAY("[%.*d] [%.*d] [%*.*d]", 4, 5, -1, 6, 8, 3, 7);
    SAY("[%.*s] [%.*s] [%*.*s]", 2, "abcdef", -1, "abcdef", 5, 2, "abcdef");
    SAY("[%*.*f] [%-*.*e]", 12, 3, 2.0 / 3, 14, 2, 1e-5);
    expect_all_as_said();
}

static void floats_in_every_notation(void **state)
{
    const double values[] = {0.0, -0.0, 1.0 / 3, -1e300, DBL_TRUE_MIN, INFINITY, -INFINITY, NAN};

    (void)state;
    say_begin();
    for (unsigned i = 0; i < 8; i++) {
        SAY("%f %F", values[i], values[i]);
        SAY("%e %E", values[i], values[i]);
        SAY("%g %G", values[i], values[i]);
        SAY("%a %A", values[i], values[i]);
    }
    SAY("%lf %+e % g %#g %08.3f %.17g", 1.5, 1.5, 1.5, 1.5, 1.5, 0.1);
    SAY("%f", (double)1.1f);
    expect_all_as_said();
}

static void texts_without_an_end_are_read_up_to_the_precision(void **state)
{
    const char letters[4] = {'a', 'b', 'c', 'd'};

    (void)state;
    say_begin();
    SAY("[%.4s] [%.*s] [%.2s]", letters, 4, letters, letters);
    SAY("%s%s%s", "", "", "x");
    expect_all_as_said();
}

static void no_text_is_called_null(void **state)
{
    const char *volatile nothing = NULL;

    (void)state;
    say_begin();
    SAY("[%s] [%8s] [%-8s]", nothing, nothing, nothing);
    expect_all_as_said();
}

static void pointers_letters_and_percent_signs(void **state)
{
    void *volatile nowhere = NULL;

    (void)state;
    say_begin();
    SAY("%p %p", (void *)&said, (void *)UINTPTR_MAX);
    SAY("[%20p] [%-20p]", (void *)&said, (void *)&said);
    SAY("[%p] [%8p] [%-8p]", nowhere, nowhere, nowhere);
    SAY("%c%c%c", 'x', '\xff', '%');
    SAY("100 %% of %d%%", 5);
    SAY("%%d");
    SAY("no conversion at all");
    SAY("%s", "");
    expect_all_as_said();
}

static void sixteen_arguments_are_not_too_many(void **state)
{
    (void)state;
    say_begin();
    SAY("%d %s %f %d %s %f %d %s %f %d %s %f %d %s %f %c", 1, "two", 3.0, 4, "five", 6.0, 7,
        "eight", 9.0, 10, "eleven", 12.0, 13, "fourteen", 15.0, 'p');
    expect_all_as_said();
}

static void long_texts_come_back_whole(void **state)
{
    static char text[4000];

    (void)state;
    memset(text, 't', sizeof(text) - 1);
    say_begin();
    SAY("[%s] %d", text, 1);
    SAY("[%4000d]", 1);
    expect_all_as_said();
}

static void one_line_says_other_things_each_time(void **state)
{
    (void)state;
    say_begin();
    for (int i = 0; i < 50; i++)
        SAY("%d: %s", i, i % 2 ? "odd" : "even");
    expect_all_as_said();
}

static void what_cannot_be_stored_is_left_out(void **state)
{
    (void)state;
    recording_start(NULL);
    for (int i = 0; i < 2; i++) {
        ADA_PRINTF(format, refused, "%Lf", 1.0L);
        ADA_PRINTF(format, refused, "%ls", L"wide");
        ADA_PRINTF(format, refused, "%lc", L'w');
        ADA_PRINTF(format, refused, "%m");
        ADA_PRINTF(format, refused, "%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d", 1, 2, 3, 4, 5, 6, 7, 8, 9,
                   10, 11, 12, 13, 14, 15, 16, 17);
        ADA_PRINTF(format, taken, "%d", 1);
    }
    recording_stop();
    recording_expect("format:taken");
    recording_expect("format:taken");
    recording_expect_end();
}

static unsigned evaluations;

static int evaluated(void)
{
    return (int)++evaluations;
}

static void arguments_of_a_line_that_is_off_are_not_evaluated(void **state)
{
    const struct ada_session_options options = {.events = "!format:off"};

    (void)state;
    recording_start(&options);
    for (int i = 0; i < 3; i++)
        ADA_PRINTF(format, off, "%d", evaluated());
    recording_stop();
    recording_expect_end();
    /* The first one: nobody knew yet that it is off. */
    assert_in_range(evaluations, 0, 1);
}

static void level_of_a_line_is_its_own(void **state)
{
    const struct ada_session_options options = {.level = ADA_LEVEL_WARNING};

    (void)state;
    recording_start(&options);
    ADA_PRINTF(format, usual, "%d", 1);
    ADA_PRINTF_LEVEL(ADA_LEVEL_ERROR, format, urgent, "%d", 2);
    recording_stop();
    assert_int_equal(recording_expect("format:urgent")->type->schema.level, ADA_LEVEL_ERROR);
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_are_themselves),
        cmocka_unit_test(short_integers_are_cut_as_printf_cuts_them),
        cmocka_unit_test(flags_and_widths_hold),
        cmocka_unit_test(precision_holds),
        cmocka_unit_test(stars_take_their_arguments),
        cmocka_unit_test(floats_in_every_notation),
        cmocka_unit_test(texts_without_an_end_are_read_up_to_the_precision),
        cmocka_unit_test(no_text_is_called_null),
        cmocka_unit_test(pointers_letters_and_percent_signs),
        cmocka_unit_test(sixteen_arguments_are_not_too_many),
        cmocka_unit_test(long_texts_come_back_whole),
        cmocka_unit_test(one_line_says_other_things_each_time),
        cmocka_unit_test(what_cannot_be_stored_is_left_out),
        cmocka_unit_test(arguments_of_a_line_that_is_off_are_not_evaluated),
        cmocka_unit_test(level_of_a_line_is_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
