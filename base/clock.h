/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: the kernel's monotonic clock, and the choice between it and the CPU's counter.
 *
 * clock_monotonic_ns() is async-signal-safe (vDSO) and leaves errno alone. Reading the counter is
 * ada_ticks() in adatrace/emit.h.
 */
#ifndef ADATRACE_BASE_CLOCK_H
#define ADATRACE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
