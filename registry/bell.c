/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/bell.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    if (compare_exchange(bell, &armed, BELL_QUIET))
        futex_wake(bell);
}

void bell_silence(uint32_t *bell)
{
    if (exchange_acq_rel(bell, BELL_SILENT) == BELL_ARMED)
        futex_wake(bell);
}

bool bell_arm(uint32_t *bell)
{
    uint32_t quiet = BELL_QUIET;

    return compare_exchange(bell, &quiet, BELL_ARMED) || quiet == BELL_ARMED;
}

void bell_disarm(uint32_t *bell)
{
    uint32_t armed = BELL_ARMED;

    (void)compare_exchange(bell, &armed, BELL_QUIET);
}
