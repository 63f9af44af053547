/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include <errno.h>
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

/* ---- how each type fills in its field ---- */

static int help_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row, (void)text, (void)field;
    return 0;
}

static int flag_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row, (void)text;
    *(bool *)field = true;
    return 0;
}

static int text_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    if (!*text)
        return -EINVAL;
    *(const char **)field = text;
    return 0;
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

static int count_apply(const struct option_row *row, const char *text, void *field)
{
    int status = quantity_digits(&text, field);

    (void)row;
    return status ? status : *text ? -EINVAL : 0;
}

static int bytes_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return quantity_parse_bytes(text, field);
}

static int time_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return quantity_parse_time(text, field);
}

const struct option_type option_help = {.apply = help_apply};
const struct option_type option_flag = {.apply = flag_apply};
const struct option_type option_text = {.accepts = "a text that is not empty", .apply = text_apply};
const struct option_type option_new_file = {
    .accepts = "a file name", .completes = COMPLETES_FILES, .apply = text_apply};
const struct option_type option_word = {.accepts = "one of", .apply = word_apply};
const struct option_type option_globs = {
    .accepts = "a pattern such as 'memory:*', 4 KiB of them at most", .apply = globs_apply};
const struct option_type option_count = {.accepts = "a whole number", .apply = count_apply};
const struct option_type option_bytes = {.accepts = "a size such as 4096, 64K, 1M or 1G",
                                         .apply = bytes_apply};
const struct option_type option_time = {.accepts = "a time such as 1.5s, 200ms, 10us or 500ns",
                                        .apply = time_apply};
