/* SPDX-License-Identifier: Apache-2.0 */
#include "points.h"

#include <linux/futex.h>
#include <stdarg.h>

#undef syscall
#undef clock_gettime

enum { PAUSES = 64, SLICE_NS = 5000000 };

uint64_t points_left, points_now;

uint64_t points_ticks(void)
{
    points_pass();
    /* Not always the same, never twice. */
    points_now += 1 + (points_now * UINT64_C(0x9e3779b97f4a7c15) >> 59);
    return points_now;
}

int points_clock_gettime(clockid_t clock, struct timespec *out)
{
    uint64_t now = points_ticks();

    (void)clock;
    out->tv_sec = (time_t)(now / 1000000000);
    out->tv_nsec = (long)(now % 1000000000);
    return 0;
}

long points_syscall(long number, ...)
{
    va_list arguments;
    long a[6];

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number != SYS_futex)
        return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    points_pass();
    if ((a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT)
        points_asleep(SLICE_NS);
    return 0;
}

void points_pause(void)
{
    static unsigned pauses;

    points_pass();
    if (++pauses % PAUSES == 0)
        points_asleep(0);
}
