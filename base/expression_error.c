/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals: the sentence, and the caret under the place. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/expression_tree.h"

enum {
    BEFORE_MAX = 60,  /* bytes shown before the place */
    AROUND_MAX = 100, /* and altogether */
    CHARACTER_MAX = 4 /* bytes of one in UTF-8 */
};

int expression_refuse(struct expression_error *error, uint32_t at, uint32_t length,
                      const char *format, ...)
{
    va_list arguments;

    error->at = at;
    error->length = length ? length : 1;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool is_continuation(char c)
{
    return (c & 0xc0) == 0x80;
}

/* A column for a character: what would move the cursor is shown as a space. */
static char printable(char c)
{
    return (c & 0x80) || (c >= ' ' && c < 0x7f) ? c : ' ';
}

const char *expression_error_show(const struct expression_error *error, const char *text,
                                  char out[EXPRESSION_SHOWN_MAX])
{
    uint32_t size = (uint32_t)strlen(text), at = error->at < size ? error->at : size;
    uint32_t from = at > BEFORE_MAX ? at - BEFORE_MAX : 0, to, end;
    char *o = out;

    /* No further back than one character, or bytes that are none would push the place out of what
     * is shown. */
    for (int n = 1; n < CHARACTER_MAX && from && is_continuation(text[from]); n++)
        from--;
    to = size - from > AROUND_MAX ? from + AROUND_MAX : size;
    for (int n = 1; n < CHARACTER_MAX && to < size && is_continuation(text[to]); n++)
        to--;
    end = error->length < to - at ? at + error->length : to;

    o += sprintf(o, "  %s", from ? "..." : "");
    for (uint32_t i = from; i < to; i++)
        *o++ = printable(text[i]);
    o += sprintf(o, "%s\n  %s", to < size ? "..." : "", from ? "   " : "");
    for (uint32_t i = from; i < at; i++)
        if (!is_continuation(text[i]))
            *o++ = ' ';
    *o++ = '^';
    for (uint32_t i = at + 1; i < end; i++)
        if (!is_continuation(text[i]))
            *o++ = '~';
    *o++ = '\n';
    *o = 0;
    return out;
}
