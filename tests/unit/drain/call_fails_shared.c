/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More calls that fail on request (call_fails.h): streams in memory, processes, and descriptors
 * that are no files.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    return call_is_due(CALL_OPEN) ? -1 : __real_eventfd(count, flags);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    return call_is_due(CALL_OPEN) ? -1 : __real_epoll_create1(flags);
}

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags)
{
    return call_is_due(CALL_OPEN) ? -1 : __real_pipe2(fds, flags);
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    return call_is_due(CALL_MEMORY) ? -1 : __real_fork();
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
