/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/status.h"

enum { TEXT_BYTES = 4096 };

/* Names of files and whatever else was typed may hold anything, and go to a terminal. */
static void message_write(const char *prefix, const char *reason, const char *format,
                          va_list arguments)
{
    char text[TEXT_BYTES], escaped[TEXT_BYTES * TEXT_ESCAPED_MAX + 1];

    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        return;
    *text_plain(escaped, text, strlen(text)) = 0;
    /* stderr is unbuffered: one call, so that lines of several processes do not mix. */
    fprintf(stderr, "%s%s%s%s\n", prefix, escaped, reason ? ": " : "", reason ? reason : "");
}

void message_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_write("adatrace: ", NULL, format, arguments);
    va_end(arguments);
}

void message_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_write("", NULL, format, arguments);
    va_end(arguments);
}

int message_failure(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_write("adatrace: ", strerror(abs(error)), format, arguments);
    va_end(arguments);
    return STATUS_FAILED;
}
