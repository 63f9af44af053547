/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct settings {
    bool flag, other;
    const char *text;
    int word;
    uint64_t count, bytes;
    int64_t time_ns;
    struct option_globs globs;
};

#define AT(field) .offset = offsetof(struct settings, field)

static const struct option_row rows[] = {
    {.letter = 'f', .name = "flag", .type = &option_flag, AT(flag)},
    {.letter = 'o', .name = "other", .type = &option_flag, AT(other)},
    {.letter = 't', .name = "text", .argument = "TEXT", .type = &option_text, AT(text)},
    {.letter = 'w', .name = "word", .words = "one|two|three", .type = &option_word, AT(word)},
    {.name = "count", .argument = "N", .type = &option_count, AT(count)},
    {.name = "bytes", .argument = "SIZE", .type = &option_bytes, AT(bytes)},
    {.name = "time", .argument = "T", .type = &option_time, AT(time_ns)},
    {.letter = 'e', .name = "events", .argument = "GLOB", .type = &option_globs, AT(globs)},
    OPTION_HELP_ROW,
};

static struct settings settings;
static struct option_line line;

/* Parse these words, which NULL ends. */
static int parse(int operands_end_options, ...)
{
    static char *words[32];
    int count = 0;
    va_list arguments;

    va_start(arguments, operands_end_options);
    while ((words[count] = va_arg(arguments, char *)))
        count++;
    va_end(arguments);
    memset(&settings, 0, sizeof(settings));
    line = (struct option_line){.rows = rows,
                                .settings = &settings,
                                .operands_end_options = operands_end_options,
                                .words = words,
                                .count = count};
    return option_line_parse(&line);
}

#define PARSE(...) parse(false, __VA_ARGS__, (char *)NULL)

#define REFUSED(problem_text, ...)                       \
    do {                                                 \
        assert_true(PARSE(__VA_ARGS__) < 0);             \
        assert_string_equal(line.problem, problem_text); \
    } while (0)

static void long_value_after_equals_or_space(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--text=a=b", "--word", "three"), 0);
    assert_string_equal(settings.text, "a=b");
    assert_int_equal(settings.word, 2);
}

static void short_options_group_and_take_values(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-fot", "value", "-wtwo"), 0);
    assert_true(settings.flag && settings.other);
    assert_string_equal(settings.text, "value");
    assert_int_equal(settings.word, 1);
}

static void operands_mix_with_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("a", "-f", "-", "--", "-x", "b"), 0);
    assert_int_equal(line.operand_count, 4);
    assert_string_equal(line.words[0], "a");
    assert_string_equal(line.words[1], "-");
    assert_string_equal(line.words[2], "-x");
    assert_string_equal(line.words[3], "b");
}

static void operands_end_options_when_told(void **state)
{
    (void)state;
    assert_int_equal(parse(true, "-f", "cmd", "-o", "--", "x", (char *)NULL), 0);
    assert_true(settings.flag);
    assert_false(settings.other);
    assert_int_equal(line.operand_count, 4);
    assert_string_equal(line.words[1], "-o");
}

static void help_stops_the_reading(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help", "--nonsense"), 0);
    assert_true(line.help);
    assert_int_equal(PARSE("-fh", "--nonsense"), 0);
    assert_true(line.help);
}

static void unknown_option_names_the_nearest(void **state)
{
    (void)state;
    REFUSED("there is no option --evnets; did you mean --events?", "--evnets", "x");
    REFUSED("there is no option --cou; did you mean --count?", "--cou=3");
    REFUSED("there is no option --zzz", "--zzz");
    REFUSED("there is no option -z", "-fz");
}

static void missing_or_needless_value_is_refused(void **state)
{
    (void)state;
    REFUSED("--text needs a value: --text TEXT", "--text");
    REFUSED("--word needs a value: --word one|two|three", "-w");
    REFUSED("--flag perhaps: it takes yes or no", "--flag=perhaps");
    REFUSED("--help takes no value", "--help=yes");
    assert_int_equal(PARSE("--flag=yes", "--other", "--other=no"), 0);
    assert_true(settings.flag);
    assert_false(settings.other);
}

static void wrong_value_says_what_is_taken(void **state)
{
    (void)state;
    REFUSED("--word four: it takes one of one|two|three", "--word=four");
    REFUSED("--count 3x: it takes a whole number", "--count", "3x");
    REFUSED("--count -1: it takes a whole number", "--count", "-1");
    REFUSED("--text '': it takes a text that is not empty", "--text=");
    REFUSED("--time 3 days: it takes a time such as 1.5s, 200ms, 10us or 500ns", "--time",
            "3 days");
}

static void globs_add_up(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-e", "a:*", "--events", "!a:b", "-ec"), 0);
    assert_string_equal(settings.globs.list, "a:*,!a:b,c");
}

static void globs_beyond_the_limit_are_refused(void **state)
{
    char glob[sizeof(settings.globs.list) / 2 + 1];

    (void)state;
    memset(glob, 'x', sizeof(glob) - 1);
    glob[sizeof(glob) - 1] = 0;
    assert_int_equal(PARSE("-e", glob), 0);
    assert_true(PARSE("-e", glob, "-e", glob) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_value_after_equals_or_space),
        cmocka_unit_test(short_options_group_and_take_values),
        cmocka_unit_test(operands_mix_with_options),
        cmocka_unit_test(operands_end_options_when_told),
        cmocka_unit_test(help_stops_the_reading),
        cmocka_unit_test(unknown_option_names_the_nearest),
        cmocka_unit_test(missing_or_needless_value_is_refused),
        cmocka_unit_test(wrong_value_says_what_is_taken),
        cmocka_unit_test(globs_add_up),
        cmocka_unit_test(globs_beyond_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
