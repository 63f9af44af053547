/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/suggestion.h"

enum { SAID_MAX = 200 + OPTION_VARIABLE_MAX };

__attribute__((format(printf, 2, 3))) static int refuse(struct option_line *line,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line->problem, sizeof(line->problem), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static const struct option_row *row_by_letter(const struct option_row *rows, char letter)
{
    for (; rows->name; rows++)
        if (rows->letter == letter)
            return rows;
    return NULL;
}

static const struct option_row *row_by_name(const struct option_row *rows, const char *name,
                                            size_t length)
{
    for (; rows->name; rows++)
        if (strlen(rows->name) == length && memcmp(rows->name, name, length) == 0)
            return rows;
    return NULL;
}

size_t option_row_count(const struct option_row *rows)
{
    size_t count = 0;

    while (rows[count].name)
        count++;
    return count;
}

const struct option_row *option_row_find(const struct option_row *rows, const char *name)
{
    return row_by_name(rows, name, strlen(name));
}

const char *option_row_suggest(const struct option_row *rows, const char *name, unsigned *best)
{
    const char *nearest = NULL, *candidate;

    for (; rows->name; rows++)
        if ((candidate = suggestion_consider(name, rows->name, best)))
            nearest = candidate;
    return nearest;
}

int option_refuse_unknown(struct option_line *line, const char *dashes, const char *name,
                          const char *nearest)
{
    if (nearest)
        return refuse(line, "there is no option %s%s; did you mean %s%s?", dashes, name, dashes,
                      nearest);
    return refuse(line, "there is no option %s%s", dashes, name);
}

static int refuse_unknown(struct option_line *line, const char *name, size_t length)
{
    unsigned best = UINT_MAX;
    char word[64];

    snprintf(word, sizeof(word), "%.*s", (int)(length < 60 ? length : 60), name);
    return option_refuse_unknown(line, "--", word, option_row_suggest(line->rows, word, &best));
}

const char *option_variable(char *text, const char *name)
{
    size_t at = sizeof("ADATRACE_") - 1;

    memcpy(text, "ADATRACE_", at);
    for (; *name && at < OPTION_VARIABLE_MAX - 1; name++)
        text[at++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
    text[at] = 0;
    return text;
}

/* "--level 99", "ADATRACE_LEVEL 99", "/etc/adatrace/adatrace.ini:3: level 99" */
static void said_print(char said[SAID_MAX], const struct option_row *row,
                       const struct option_origin *origin)
{
    switch (origin->source) {
    case FROM_FILE:
        snprintf(said, SAID_MAX, "%.200s:%u: %s", origin->where, origin->line, row->name);
        break;
    case FROM_ENVIRONMENT:
        option_variable(said, row->name);
        break;
    default:
        snprintf(said, SAID_MAX, "--%s", row->name);
    }
}

int option_row_apply(struct option_line *line, const struct option_row *row,
                     const struct option_origin *origin)
{
    const char *text = origin->word;
    int status = row->type->apply(row, text, (char *)line->settings + row->offset);
    char said[SAID_MAX];

    if (!status) {
        if (line->origins)
            line->origins[row - line->rows] = *origin;
        return 0;
    }
    said_print(said, row, origin);
    if (status == -E2BIG)
        return refuse(line, "%s is too long: it takes %s", said, row->type->accepts);
    return refuse(line, "%s %.60s: it takes %s%s%s", said, text && *text ? text : "''",
                  row->type->accepts, row->words ? " " : "", row->words ? row->words : "");
}

static int row_apply(struct option_line *line, const struct option_row *row, const char *text)
{
    const struct option_origin origin = {.source = FROM_LINE, .word = text};

    if (row->type == &option_help)
        line->help = true;
    if (row->type == &option_config)
        line->config = text;
    return option_row_apply(line, row, &origin);
}

/* The word after an option, when it needs one. */
static int value_take(struct option_line *line, const struct option_row *row, int *at,
                      const char **value)
{
    if (*at + 1 >= line->count)
        return refuse(line, "--%s needs a value: --%s %s", row->name, row->name,
                      option_value_name(row));
    *value = line->words[++*at];
    return 0;
}

static int long_parse(struct option_line *line, int *at)
{
    const char *name = line->words[*at] + 2, *value = NULL;
    size_t length = strcspn(name, "=");
    const struct option_row *row = row_by_name(line->rows, name, length);
    int status = 0;

    if (!row)
        return refuse_unknown(line, name, length);
    if (name[length] == '=')
        value = name + length + 1;
    if (value && !option_value_name(row) && row->type != &option_flag)
        return refuse(line, "--%s takes no value", row->name);
    if (!value && option_value_name(row))
        status = value_take(line, row, at, &value);
    return status ? status : row_apply(line, row, value);
}

static int letters_parse(struct option_line *line, int *at)
{
    for (const char *letter = line->words[*at] + 1; *letter && !line->help; letter++) {
        const struct option_row *row = row_by_letter(line->rows, *letter);
        const char *value = NULL;
        int status = 0;

        if (!row)
            return refuse(line, "there is no option -%c", *letter);
        if (option_value_name(row) && letter[1])
            value = letter + 1;
        else if (option_value_name(row))
            status = value_take(line, row, at, &value);
        if (!status)
            status = row_apply(line, row, value);
        if (status || value)
            return status;
    }
    return 0;
}

static void operand_keep(struct option_line *line, char *word)
{
    line->words[line->operand_count++] = word;
}

int option_line_parse(struct option_line *line)
{
    int at, status = 0;

    line->operand_count = 0;
    line->help = false;
    line->config = NULL;
    for (at = 0; at < line->count && !line->help; at++) {
        char *word = line->words[at];

        if (word[0] != '-' || !word[1]) {
            if (line->operands_end_options)
                break;
            operand_keep(line, word);
        } else if (strcmp(word, "--") == 0) {
            at++;
            break;
        } else {
            status = word[1] == '-' ? long_parse(line, &at) : letters_parse(line, &at);
        }
        if (status)
            return status;
    }
    for (; at < line->count; at++)
        operand_keep(line, line->words[at]);
    return 0;
}
