/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/bell.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * relaxed, all of it: the word carries nothing but itself. What a ring is rung for is ordered by
 * the full fences of those who ring and of who arms and looks once more; and the kernel compares
 * the word with what the sleeper thinks it is.
 */

enum { SPINS = 2000 };

static void futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    int saved = errno;

    syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
    errno = saved;
}

void bell_wake_sleepers(uint32_t *word, int most)
{
    futex(word, FUTEX_WAKE, (uint32_t)most, NULL);
}

void bell_wake(uint32_t *bell)
{
    uint32_t armed = BELL_ARMED;

    /* One of many who ring at once makes the call. */
    if (compare_exchange_relaxed(bell, &armed, BELL_QUIET))
        bell_wake_sleepers(bell, 1);
}

void bell_silence(uint32_t *bell)
{
    if (exchange_relaxed(bell, BELL_SILENT) == BELL_ARMED)
        bell_wake_sleepers(bell, 1);
}

void bell_sleep(const uint32_t *bell, uint32_t *word, uint32_t value, long slice_ns)
{
    const struct timespec slice = {.tv_nsec = slice_ns};

    if (!bell || load_relaxed(bell) != BELL_SILENT)
        futex(word, FUTEX_WAIT, value, &slice);
    else
        for (int i = 0; i < SPINS; i++)
            cpu_relax();
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
