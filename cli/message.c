/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status.h"

static void message_write(const char *reason, const char *format, va_list arguments)
{
    char text[4096];
    int used = vsnprintf(text, sizeof(text), format, arguments);

    if (used < 0)
        return;
    /* stderr is unbuffered: one call, so that lines of several processes do not mix. */
    fprintf(stderr, "adatrace: %s%s%s\n", text, reason ? ": " : "", reason ? reason : "");
}

void message_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_write(NULL, format, arguments);
    va_end(arguments);
}

int message_failure(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_write(strerror(abs(error)), format, arguments);
    va_end(arguments);
    return STATUS_FAILED;
}
