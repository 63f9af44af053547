/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into qemu-user, it makes of the counter that programs read there (`cntvct_el0`) a
 * clock: qemu takes it from gettimeofday(), which goes back whenever the machine's time is set. No
 * counter of a real machine does. Here that call says the time of the first call, and how much of
 * CLOCK_MONOTONIC has passed since.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

static const int64_t ns_per_second = 1000000000;

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now); /* cannot fail with these */
    return (int64_t)now.tv_sec * ns_per_second + now.tv_nsec;
}

/* How far CLOCK_REALTIME was ahead when first somebody asked. */
static int64_t ahead_ns(void)
{
    static _Atomic int64_t ahead;
    int64_t none = 0, measured;

    if (!atomic_load(&ahead)) {
        measured = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
        atomic_compare_exchange_strong(&ahead, &none, measured);
    }
    return atomic_load(&ahead);
}

/* As declared by libc, whose name this is. */
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict out,
                                                        void *restrict zone)
{
    int64_t now = now_ns(CLOCK_MONOTONIC) + ahead_ns();

    (void)zone;
    out->tv_sec = (time_t)(now / ns_per_second);
    out->tv_usec = (suseconds_t)(now % ns_per_second / 1000);
    return 0;
}
