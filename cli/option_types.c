/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"

/* ---- words ---- */

const char *option_word_at(const char *words, unsigned n, size_t *length)
{
    for (; n && words; n--) {
        words = strchr(words, '|');
        words = words ? words + 1 : NULL;
    }
    *length = words ? strcspn(words, "|") : 0;
    return words;
}

/* ---- how each type fills in its field, and shows it ---- */

static int nothing_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row, (void)text, (void)field;
    return 0;
}

static bool is_one_of(const char *text, const char *const words[4])
{
    for (int i = 0; i < 4; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static int flag_apply(const struct option_row *row, const char *text, void *field)
{
    static const char *const yes[4] = {"yes", "true", "on", "1"}, *const no[4] = {"no", "false",
                                                                                  "off", "0"};
    bool value = !text || is_one_of(text, yes);

    (void)row;
    if (!value && !is_one_of(text, no))
        return -EINVAL;
    *(bool *)field = value;
    return 0;
}

static void flag_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    (void)row, (void)settings;
    strcpy(text, *(const bool *)field ? "yes" : "no");
}

static int text_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    if (!*text)
        return -EINVAL;
    *(const char **)field = text;
    return 0;
}

static void text_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    const char *value = *(const char *const *)field;

    (void)row, (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%s", value ? value : "");
}

static int word_apply(const struct option_row *row, const char *text, void *field)
{
    const char *word;
    size_t length;

    for (unsigned n = 0; (word = option_word_at(row->words, n, &length)); n++) {
        if (strlen(text) == length && memcmp(text, word, length) == 0) {
            *(int *)field = (int)n;
            return 0;
        }
    }
    return -EINVAL;
}

static void word_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    int n = *(const int *)field;
    size_t length = 0;
    const char *word = n < 0 ? NULL : option_word_at(row->words, (unsigned)n, &length);

    (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%.*s", (int)length, word ? word : "");
}

static int globs_apply(const struct option_row *row, const char *text, void *field)
{
    struct option_globs *globs = field;
    size_t used = strlen(globs->list), size = strlen(text);

    (void)row;
    if (!size)
        return -EINVAL;
    if (used + size + 2 > sizeof(globs->list))
        return -E2BIG;
    if (used)
        globs->list[used++] = ',';
    memcpy(globs->list + used, text, size + 1);
    return 0;
}

static void globs_show(const struct option_row *row, const void *settings, const void *field,
                       char *text)
{
    (void)row, (void)settings;
    snprintf(text, OPTION_SHOWN_MAX, "%s", ((const struct option_globs *)field)->list);
}

static int count_apply(const struct option_row *row, const char *text, void *field)
{
    int status = quantity_digits(&text, field);

    (void)row;
    return status ? status : *text ? -EINVAL : 0;
}

static void count_show(const struct option_row *row, const void *settings, const void *field,
                       char *text)
{
    (void)row, (void)settings;
    *text = 0;
    if (*(const uint64_t *)field != UINT64_MAX) /* no bound */
        snprintf(text, OPTION_SHOWN_MAX, "%" PRIu64, *(const uint64_t *)field);
}

static int bytes_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return quantity_parse_bytes(text, field);
}

static void bytes_show(const struct option_row *row, const void *settings, const void *field,
                       char *text)
{
    (void)row, (void)settings;
    *text = 0;
    if (*(const uint64_t *)field) /* else what goes without saying */
        quantity_print_bytes(text, *(const uint64_t *)field);
}

static int time_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return quantity_parse_time(text, field);
}

static void time_show(const struct option_row *row, const void *settings, const void *field,
                      char *text)
{
    int64_t ns = *(const int64_t *)field;

    (void)row, (void)settings;
    if (ns < 0 || ns == INT64_MAX)
        *text = 0; /* no bound */
    else
        quantity_print_time(text, (uint64_t)ns);
}

const struct option_type option_help = {.apply = nothing_apply};
const struct option_type option_config = {
    .accepts = "a file name", .completes = COMPLETES_FILES, .apply = nothing_apply};
const struct option_type option_flag = {
    .accepts = "yes or no", .apply = flag_apply, .show = flag_show};
const struct option_type option_text = {
    .accepts = "a text that is not empty", .apply = text_apply, .show = text_show};
const struct option_type option_new_file = {
    .accepts = "a file name", .completes = COMPLETES_FILES, .apply = text_apply, .show = text_show};
const struct option_type option_word = {
    .accepts = "one of", .apply = word_apply, .show = word_show};
const struct option_type option_preset = {
    .accepts = "one of", .apply = word_apply, .show = word_show};
const struct option_type option_globs = {.accepts =
                                             "a pattern such as 'memory:*', 4 KiB of them at most",
                                         .apply = globs_apply,
                                         .show = globs_show};
const struct option_type option_count = {
    .accepts = "a whole number", .apply = count_apply, .show = count_show};
const struct option_type option_bytes = {
    .accepts = "a size such as 4096, 64K, 1M or 1G", .apply = bytes_apply, .show = bytes_show};
const struct option_type option_time = {
    .accepts = "a time such as 1.5s, 200ms, 10us or 500ns", .apply = time_apply, .show = time_show};
