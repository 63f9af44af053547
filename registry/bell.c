/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/bell.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * relaxed, all of it: the word carries nothing but itself. What a ring is rung for is ordered by
 * the full fences of those who ring and of who arms and looks once more; and the kernel compares
 * the word with what the sleeper thinks it is.
 */

static void futex_wake(uint32_t *bell)
{
    int saved = errno;

    syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
    errno = saved;
}

void bell_wake(uint32_t *bell)
{
    uint32_t armed = BELL_ARMED;

    /* One of many who ring at once makes the call. */
    if (compare_exchange_relaxed(bell, &armed, BELL_QUIET))
        futex_wake(bell);
}

void bell_silence(uint32_t *bell)
{
    if (exchange_relaxed(bell, BELL_SILENT) == BELL_ARMED)
        futex_wake(bell);
}

bool bell_arm(uint32_t *bell)
{
    uint32_t quiet = BELL_QUIET;

    return compare_exchange_relaxed(bell, &quiet, BELL_ARMED) || quiet == BELL_ARMED;
}

void bell_disarm(uint32_t *bell)
{
    uint32_t armed = BELL_ARMED;

    (void)compare_exchange_relaxed(bell, &armed, BELL_QUIET);
}
