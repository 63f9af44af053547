/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a verb, while it is made. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drain/control_guest.h"

enum { ROOM_AT_FIRST = 4096, SENTENCE_BYTES = 1024 };

void answer_init(struct answer *a)
{
    memset(a, 0, sizeof(*a));
}

void answer_withdraw(struct answer *a)
{
    for (unsigned i = 0; i < a->fd_count; i++)
        close(a->fds[i]);
    a->fd_count = 0;
    if (a->gone)
        a->gone(a->gone_context);
    a->gone = NULL;
}

static void body_free(struct answer *a)
{
    if (a->body != a->spare)
        free(a->body);
    a->body = NULL;
    a->room = 0;
}

void answer_fini(struct answer *a)
{
    answer_withdraw(a);
    body_free(a);
    answer_init(a);
}

static int answer_grow(struct answer *a, size_t size)
{
    size_t room = a->room ? a->room : ROOM_AT_FIRST;
    char *body;

    if (size > CONTROL_BODY_BYTES - a->bytes)
        return -E2BIG;
    while (room < a->bytes + size)
        room *= 2;
    if (room == a->room)
        return 0;
    body = realloc(a->body, room);
    if (!body)
        return -ENOMEM;
    a->body = body;
    a->room = room;
    return 0;
}

int answer_add(struct answer *a, const void *bytes, size_t size)
{
    if (!a->error)
        a->error = answer_grow(a, size);
    if (a->error)
        return a->error;
    if (size)
        memcpy(a->body + a->bytes, bytes, size);
    a->bytes += size;
    return 0;
}

static int answer_print_list(struct answer *a, const char *format, va_list arguments)
{
    char text[SENTENCE_BYTES];
    va_list again;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(text, sizeof(text), format, arguments);
    if (size >= 0 && (size_t)size < sizeof(text)) {
        size = answer_add(a, text, (size_t)size);
    } else if (size >= 0) {
        /* One byte more for the NUL, which does not count. */
        if (!a->error)
            a->error = answer_grow(a, (size_t)size + 1);
        if (!a->error) {
            vsnprintf(a->body + a->bytes, (size_t)size + 1, format, again);
            a->bytes += (size_t)size;
        }
        size = a->error;
    }
    va_end(again);
    return size < 0 ? size : 0;
}

int answer_print(struct answer *a, const char *format, ...)
{
    va_list arguments;
    int err;

    va_start(arguments, format);
    err = answer_print_list(a, format, arguments);
    va_end(arguments);
    return err;
}

int answer_fail(struct answer *a, int status, const char *format, ...)
{
    va_list arguments, again;

    body_free(a);
    a->bytes = 0;
    a->error = 0;
    va_start(arguments, format);
    va_copy(again, arguments);
    if (answer_print_list(a, format, arguments)) { /* cut off, but in words */
        (void)vsnprintf(a->spare, sizeof(a->spare), format, again);
        a->body = a->spare;
        a->bytes = strlen(a->spare);
    }
    va_end(again);
    va_end(arguments);
    return status;
}

int answer_fd(struct answer *a, int fd)
{
    if (a->fd_count == CONTROL_FDS_MAX) {
        close(fd);
        if (!a->error)
            a->error = -ENOSPC;
        return -ENOSPC;
    }
    a->fds[a->fd_count++] = fd;
    return 0;
}

int answer_keep(struct answer *a, void (*gone)(void *context), void *context)
{
    if (!a->may_keep || a->gone)
        return -ENOSPC;
    a->gone = gone;
    a->gone_context = context;
    return 0;
}
