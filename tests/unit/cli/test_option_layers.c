/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_layers.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct settings {
    int preset;
    bool flag;
    const char *text;
    uint64_t bytes, count;
    struct option_globs globs;
};

#define AT(field) .offset = offsetof(struct settings, field)

static const struct option_row cook_rows[] = {
    {.name = "preset", .words = "small|large", .type = &option_preset, AT(preset)},
    {.name = "keep-warm", .type = &option_flag, AT(flag)},
    {.name = "text", .argument = "TEXT", .type = &option_text, AT(text)},
    {.name = "pot-size", .argument = "SIZE", .type = &option_bytes, AT(bytes)},
    {.name = "count", .argument = "N", .type = &option_count, AT(count)},
    {.letter = 'e', .name = "events", .argument = "GLOB", .type = &option_globs, AT(globs)},
    OPTION_HELP_ROW,
};
static const struct option_row eat_rows[] = {
    {.name = "text", .argument = "TEXT", .type = &option_text, AT(text)},
    {.name = "spoon", .argument = "N", .type = &option_count, AT(count)},
    OPTION_HELP_ROW,
};
static const struct option_preset presets[] = {
    {"small", (const struct option_preset_word[]){{"pot-size", "1K"}, {"count", "1"}, {0}}},
    {"large", (const struct option_preset_word[]){{"pot-size", "1G"}, {"keep-warm", "yes"}, {0}}},
};
static const struct command cook = {.name = "cook", .options = cook_rows, .presets = presets};
static const struct command eat = {.name = "eat", .options = eat_rows};
static const struct command *const all[] = {&cook, &eat, NULL};

enum { ROWS = sizeof(cook_rows) / sizeof(*cook_rows) };

static char folder[64], user_folder[96], user_path[128], other_path[128];

static struct kitchen {
    struct settings settings;
    struct option_origin origins[ROWS];
    struct option_line line;
    struct option_layers layers;
} k;

static void file_write(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What `cook` is told by these words, which NULL ends, and by files and environment. 0: all good.
 */
static int cook_it(char *first, ...)
{
    static char *words[16];
    int count = 0;
    va_list arguments;

    option_layers_free(&k.layers);
    memset(&k, 0, sizeof(k));
    k.settings.preset = -1;
    va_start(arguments, first);
    for (char *word = first; word; word = va_arg(arguments, char *))
        words[count++] = word;
    va_end(arguments);
    k.line = (struct option_line){.rows = cook_rows,
                                  .origins = k.origins,
                                  .settings = &k.settings,
                                  .words = words,
                                  .count = count};
    return option_line_parse(&k.line) ||
           option_layers_read(&k.layers, all, k.line.config, k.line.problem) ||
           option_layers_apply(&k.layers, &cook, &k.line);
}

#define COOK(...) cook_it(__VA_ARGS__, (char *)NULL)

/* Refused, with these words behind the file's path when `path` is given. */
static void expect_refused(const char *path, const char *rest)
{
    char expected[512];

    assert_int_equal(COOK(NULL), 1);
    snprintf(expected, sizeof(expected), "%s%s", path ? path : "", rest);
    assert_string_equal(k.line.problem, expected);
}

static const struct option_origin *origin_of(const char *name)
{
    return &k.origins[option_row_find(cook_rows, name) - cook_rows];
}

static void stronger_source_wins(void **state)
{
    (void)state;
    assert_int_equal(COOK(NULL), 0);
    assert_null(k.settings.text);
    assert_int_equal(origin_of("text")->source, FROM_DEFAULT);

    file_write(user_path, "text = general\n");
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.text, "general");
    assert_int_equal(origin_of("text")->source, FROM_FILE);
    assert_int_equal(origin_of("text")->line, 1);
    assert_string_equal(origin_of("text")->where, user_path);

    /* A section is stronger than what stands before it, and other sections are none of ours. */
    file_write(user_path, "text = general\n[eat]\ntext = eaten\n[cook]\ntext = own\n");
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.text, "own");
    assert_int_equal(origin_of("text")->line, 5);

    setenv("ADATRACE_TEXT", "outside", 1);
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.text, "outside");
    assert_int_equal(origin_of("text")->source, FROM_ENVIRONMENT);

    assert_int_equal(COOK("--text", "said"), 0);
    assert_string_equal(k.settings.text, "said");
    assert_int_equal(origin_of("text")->source, FROM_LINE);

    /* Set to nothing is not set. */
    setenv("ADATRACE_TEXT", "", 1);
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.text, "own");
}

static void last_line_wins_within_one_place(void **state)
{
    (void)state;
    file_write(user_path, "[cook]\ncount = 1\n[eat]\n[cook]\ncount = 2\n");
    assert_int_equal(COOK(NULL), 0);
    assert_int_equal(k.settings.count, 2);
    assert_int_equal(origin_of("count")->line, 5);
}

static void lists_add_up_within_one_place_only(void **state)
{
    (void)state;
    file_write(user_path, "events = never\n[cook]\nevents = a:*\n  events = !a:b ; but\n");
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.globs.list, "a:*,!a:b");
    assert_int_equal(COOK("-e", "c", "-ed"), 0);
    assert_string_equal(k.settings.globs.list, "c,d");
}

static void flags_can_be_taken_back(void **state)
{
    (void)state;
    file_write(user_path, "keep-warm = yes\n");
    assert_int_equal(COOK(NULL), 0);
    assert_true(k.settings.flag);
    assert_int_equal(COOK("--keep-warm=no"), 0);
    assert_false(k.settings.flag);
    setenv("ADATRACE_KEEP_WARM", "off", 1);
    assert_int_equal(COOK(NULL), 0);
    assert_false(k.settings.flag);
}

static void preset_stands_below_what_is_said_in_the_same_place(void **state)
{
    (void)state;
    assert_int_equal(COOK("--pot-size", "5", "--preset", "small"), 0);
    assert_int_equal(k.settings.bytes, 5);
    assert_int_equal(k.settings.count, 1);
    assert_string_equal(origin_of("count")->preset, "small");
    assert_int_equal(origin_of("count")->source, FROM_LINE);
    assert_null(origin_of("pot-size")->preset);

    /* And above what is said in a weaker one. */
    setenv("ADATRACE_COUNT", "7", 1);
    file_write(user_path, "keep-warm = yes\npot-size = 9\npreset = large\n");
    assert_int_equal(COOK("--preset", "small"), 0);
    assert_int_equal(k.settings.count, 1);
    assert_int_equal(k.settings.bytes, 1024);
    assert_true(k.settings.flag);

    assert_int_equal(COOK(NULL), 0);
    assert_int_equal(k.settings.count, 7);
    assert_int_equal(k.settings.bytes, 9);
    assert_null(origin_of("keep-warm")->preset);
}

static void preset_of_the_environment_beats_the_file(void **state)
{
    (void)state;
    setenv("ADATRACE_PRESET", "large", 1);
    file_write(user_path, "pot-size = 9\ncount = 3\n");
    assert_int_equal(COOK(NULL), 0);
    assert_int_equal(k.settings.bytes, 1 << 30);
    assert_int_equal(k.settings.count, 3);
    assert_int_equal(origin_of("pot-size")->source, FROM_ENVIRONMENT);
}

static void named_file_takes_the_place_of_the_others(void **state)
{
    (void)state;
    file_write(user_path, "text = mine\ncount = 1\n");
    file_write(other_path, "text = other\n");
    assert_int_equal(COOK("--config", other_path), 0);
    assert_string_equal(k.settings.text, "other");
    assert_int_equal(k.settings.count, 0);
    setenv("ADATRACE_CONFIG", other_path, 1);
    assert_int_equal(COOK(NULL), 0);
    assert_string_equal(k.settings.text, "other");
    assert_int_equal(COOK("--config", user_path), 0);
    assert_string_equal(k.settings.text, "mine");
    unlink(other_path);
    expect_refused(other_path, ": there is no such file");
}

static void problems_name_their_place(void **state)
{
    static const struct {
        const char *content, *problem;
    } files[] = {
        {"\n# c\npot-size = 3 GiB\n", ":3: pot-size 3 GiB: it takes a size such as 4096, 64K, 1M "
                                      "or 1G"},
        {"[cook]\npto-size = 1\n", ":2: there is no option pto-size; did you mean pot-size?"},
        {"[cook]\nspoon = 1\n", ":2: there is no option spoon"},
        {"spon = 1\n", ":1: there is no option spon; did you mean spoon?"},
        {"help = yes\n", ":1: help can only be said on the command line"},
        {"[coook]\ncount = 1\n",
         ":2: [coook] stands above it, and there is no such command; did you mean [cook]?"},
        {"count\n", ":1: it is neither 'NAME = VALUE' nor '[COMMAND]'"},
        {"[cook\n", ":1: it is neither 'NAME = VALUE' nor '[COMMAND]'"},
        {"text =\n", ":1: text '': it takes a text that is not empty"},
        {"keep-warm = perhaps\n", ":1: keep-warm perhaps: it takes yes or no"},
        {"preset = huge\n", ":1: preset huge: it takes one of small|large"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        file_write(user_path, files[i].content);
        expect_refused(user_path, files[i].problem);
    }
    unlink(user_path);
    setenv("ADATRACE_POT_SIZE", "huge", 1);
    expect_refused(NULL, "ADATRACE_POT_SIZE huge: it takes a size such as 4096, 64K, 1M or 1G");
}

static void option_of_another_command_is_no_problem(void **state)
{
    (void)state;
    file_write(user_path, "spoon = 3\n[eat]\nanything = 1\n");
    assert_int_equal(COOK(NULL), 0);
}

static void line_that_is_too_long_is_refused_as_a_whole(void **state)
{
    char content[CONFIG_FILE_LINE_MAX + 40] = "count = 1\ntext = ";
    size_t end = strlen(content);

    (void)state;
    memset(content + end, 'x', CONFIG_FILE_LINE_MAX - 7);
    content[10 + CONFIG_FILE_LINE_MAX] = 0;
    strcat(content, "\n");
    file_write(user_path, content);
    assert_int_equal(COOK(NULL), 0);
    assert_int_equal(strlen(k.settings.text), CONFIG_FILE_LINE_MAX - 7);
    content[10 + CONFIG_FILE_LINE_MAX] = 0; /* no newline: the last line may be as long */
    file_write(user_path, content);
    assert_int_equal(COOK(NULL), 0);
    strcat(content, "x"); /* and not a byte longer */
    file_write(user_path, content);
    expect_refused(user_path, ":2: the line is too long: 190 bytes are read");
    strcat(content, "\n");
    file_write(user_path, content);
    expect_refused(user_path, ":2: the line is too long: 190 bytes are read");
}

static void file_that_others_may_write_is_not_used(void **state)
{
    (void)state;
    file_write(user_path, "count = 3\n");
    assert_int_equal(chmod(user_path, 0666), 0);
    expect_refused(user_path, ": it is not used, because others may write to it");
    /* Who names it knows it. */
    assert_int_equal(COOK("--config", user_path), 0);
    assert_int_equal(k.settings.count, 3);
}

static void names_of_variables(void **state)
{
    char text[OPTION_VARIABLE_MAX];

    (void)state;
    assert_string_equal(option_variable(text, "ring-size"), "ADATRACE_RING_SIZE");
}

static int kitchen_open(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/adatrace-layers-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(user_folder, sizeof(user_folder), "%s/adatrace", folder);
    snprintf(user_path, sizeof(user_path), "%s/adatrace.ini", user_folder);
    snprintf(other_path, sizeof(other_path), "%s/other.ini", folder);
    assert_int_equal(mkdir(user_folder, 0700), 0);
    clearenv();
    setenv("XDG_CONFIG_HOME", folder, 1);
    return 0;
}

static int kitchen_close(void **state)
{
    (void)state;
    option_layers_free(&k.layers);
    unlink(user_path);
    unlink(other_path);
    rmdir(user_folder);
    rmdir(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kitchen_open, kitchen_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stronger_source_wins),
        TEST(last_line_wins_within_one_place),
        TEST(lists_add_up_within_one_place_only),
        TEST(flags_can_be_taken_back),
        TEST(preset_stands_below_what_is_said_in_the_same_place),
        TEST(preset_of_the_environment_beats_the_file),
        TEST(named_file_takes_the_place_of_the_others),
        TEST(problems_name_their_place),
        TEST(option_of_another_command_is_no_problem),
        TEST(line_that_is_too_long_is_refused_as_a_whole),
        TEST(file_that_others_may_write_is_not_used),
        TEST(names_of_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
