/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which crash point kills: ADATRACE_CRASH_AT=NAME or NAME:N, at the N-th time that this process
 * comes by. SIGKILL, as the kernel's killer of memory hogs sends it: nothing is cleaned up.
 */
#include "base/crash_point.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_now(const char *name)
{
    static unsigned passed;
    const char *at = getenv("ADATRACE_CRASH_AT");
    size_t length = strlen(name);
    unsigned nth;

    if (!at || strncmp(at, name, length) != 0 || (at[length] && at[length] != ':'))
        return false;
    nth = at[length] ? (unsigned)strtoul(at + length + 1, NULL, 10) : 1;
    return __atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED) == nth;
}

static void die(void)
{
    (void)syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        (void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0); /* Arm has no pause */
}

void crash_point_pass(const char *name)
{
    if (is_now(name))
        die();
}

void crash_point_write(const char *name, int fd, const void *bytes, size_t size)
{
    if (!is_now(name))
        return;
    (void)!write(fd, bytes, size / 2);
    die();
}
