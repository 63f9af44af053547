/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include <errno.h>
#include <string.h>

/* ---- numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *text into *value, *text moves behind them. -ERANGE when they do not fit. */
static int digits_parse(const char **text, uint64_t *value)
{
    const char *at = *text;

    if (!is_digit(*at))
        return -EINVAL;
    for (*value = 0; is_digit(*at); at++)
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (unsigned)(*at - '0'), value))
            return -ERANGE;
    *text = at;
    return 0;
}

static const struct {
    const char *name;
    uint64_t ns;
} time_units[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},         {"s", 1000000000},
    {"m", 60000000000}, {"min", 60000000000}, {"h", 60 * 60000000000},
};

/* Nanoseconds in the unit that `text` names; 0 when there is no such unit. */
static uint64_t time_unit_ns(const char *text, bool has_point)
{
    if (!*text)
        return has_point ? 1000000000 : 1;
    for (size_t i = 0; i < sizeof(time_units) / sizeof(*time_units); i++)
        if (strcmp(text, time_units[i].name) == 0)
            return time_units[i].ns;
    return 0;
}

int option_parse_time(const char *text, int64_t *ns)
{
    const char *fraction = NULL;
    uint64_t whole, unit, result;
    int status = digits_parse(&text, &whole);

    if (status)
        return status;
    if (*text == '.') {
        fraction = ++text;
        while (is_digit(*text))
            text++;
    }
    unit = time_unit_ns(text, fraction != NULL);
    if (!unit)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, unit, &result))
        return -ERANGE;
    /* Digit by digit, so that 0.1s is exact; what is below a nanosecond is cut off. */
    for (; fraction && is_digit(*fraction) && unit >= 10; fraction++) {
        unit /= 10;
        result += (uint64_t)(*fraction - '0') * unit;
    }
    if (result > INT64_MAX)
        return -ERANGE;
    *ns = (int64_t)result;
    return 0;
}

int option_parse_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    uint64_t value;
    int status = digits_parse(&text, &value);
    const char *unit;

    if (status)
        return status;
    unit = *text ? strchr(units, *text & ~0x20) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - units + 1);

        if (value > UINT64_MAX >> shift)
            return -ERANGE;
        value <<= shift;
        text++;
        if (*text == 'i')
            text++;
    }
    if (*text == 'B')
        text++;
    if (*text)
        return -EINVAL;
    *bytes = value;
    return 0;
}

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
    int status = digits_parse(&text, field);

    (void)row;
    return status ? status : *text ? -EINVAL : 0;
}

static int bytes_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return option_parse_bytes(text, field);
}

static int time_apply(const struct option_row *row, const char *text, void *field)
{
    (void)row;
    return option_parse_time(text, field);
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
