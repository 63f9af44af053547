/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More calls that fail on request (call_fails.h): memory and streams in memory, descriptors of
 * memory and copies of descriptors.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call_fails.h"

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    return call_is_due(CALL_OPEN) ? -1 : __real_memfd_create(name, flags);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_DUPFD_CLOEXEC && call_is_due(CALL_OPEN))
        return -1;
    return __real_fcntl(fd, command, argument);
}

static ssize_t nothing_write(void *unused, const char *bytes, size_t size)
{
    (void)unused;
    (void)bytes;
    (void)size;
    return 0;
}

/* There is none, or one that cannot grow. */
FILE *__real_open_memstream(char **bytes, size_t *size);
FILE *__wrap_open_memstream(char **bytes, size_t *size);
FILE *__wrap_open_memstream(char **bytes, size_t *size)
{
    if (call_is_due(CALL_MEMORY))
        return NULL;
    if (!call_is_due(CALL_MEMORY))
        return __real_open_memstream(bytes, size);
    *bytes = NULL;
    *size = 0;
    return fopencookie(NULL, "w", (cookie_io_functions_t){.write = nothing_write});
}
