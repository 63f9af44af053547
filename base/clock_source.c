/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock_source.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <adatrace/emit.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/clock_warp.h"

enum {
    READ_TRIES = 8,
    READ_TRIES_MAX = 64, /* while every one was interrupted */
    GOOD_NS = 400,
    RATE_WINDOW_NS = 4 * 1000 * 1000
};

static const uint64_t ns_per_second = 1000000000;

#if defined(__x86_64__)
static const char counter_name[] = "tsc", kernel_name[] = "tsc";
#elif defined(__aarch64__)
static const char counter_name[] = "cntvct", kernel_name[] = "arch_sys_counter";
#else
static const char counter_name[] = "none", kernel_name[] = "";
#endif

/* On the bare machine nobody sets the counters after the kernel has compared them. */
static bool counters_agree(void)
{
#if defined(__x86_64__)
    const unsigned hypervisor = 1u << 31;
    unsigned a, b, c = 0, d;

    if (__get_cpuid(1, &a, &b, &c, &d) && c & hypervisor)
        return !clock_warp_found(ada_ticks);
#endif
    return true;
}

enum clock_source clock_source_choose(enum clock_source wanted)
{
    char name[32];
    ssize_t size = -1;
    int fd;

    if (wanted == CLOCK_SOURCE_MONOTONIC || !*kernel_name)
        return CLOCK_SOURCE_MONOTONIC;
    if (wanted == CLOCK_SOURCE_COUNTER)
        return CLOCK_SOURCE_COUNTER;
    fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
              O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        size = read(fd, name, sizeof(name) - 1);
        close(fd);
    }
    if (size <= 0)
        return CLOCK_SOURCE_MONOTONIC;
    name[size] = 0;
    name[strcspn(name, "\n")] = 0;
    return strcmp(name, kernel_name) == 0 && counters_agree() ? CLOCK_SOURCE_COUNTER
                                                              : CLOCK_SOURCE_MONOTONIC;
}

const char *clock_source_name(enum clock_source source)
{
    return source == CLOCK_SOURCE_COUNTER ? counter_name : "monotonic";
}

uint64_t clock_source_ticks(enum clock_source source)
{
    return source == CLOCK_SOURCE_COUNTER ? ada_ticks() : clock_monotonic_ns();
}

static uint64_t realtime_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * ns_per_second + (uint64_t)now.tv_nsec;
}

static struct clock_reading read_once(enum clock_source source)
{
    struct clock_reading r;
    uint64_t before = clock_monotonic_ns(), between, after;

    r.ticks = clock_source_ticks(source);
    between = clock_monotonic_ns();
    r.realtime_ns = realtime_ns();
    after = clock_monotonic_ns();
    r.uncertainty_ns = between - before;
    /* On the kernel's clock there is nothing to relate; with the counter, the middle is the best
     * guess. */
    r.monotonic_ns = source == CLOCK_SOURCE_MONOTONIC ? r.ticks : before + r.uncertainty_ns / 2;
    r.realtime_ns -= between + (after - between) / 2 - r.monotonic_ns;
    return r;
}

struct clock_reading clock_source_read(enum clock_source source)
{
    struct clock_reading best = read_once(source), next;

    for (int i = 1; i < READ_TRIES || (i < READ_TRIES_MAX && best.uncertainty_ns > GOOD_NS); i++) {
        next = read_once(source);
        if (next.uncertainty_ns < best.uncertainty_ns)
            best = next;
    }
    return best;
}

uint64_t clock_source_rate(enum clock_source source)
{
    static uint64_t measured; /* a machine has one; whoever asks again does not wait again */
    struct clock_reading from, to;
    uint64_t rate = load_relaxed(&measured); /* relaxed: any thread's result will do */

    if (source == CLOCK_SOURCE_MONOTONIC)
        return ns_per_second;
    if (rate)
        return rate;
#if defined(__aarch64__)
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(rate));
    if (rate)
        return rate;
#endif
    from = clock_source_read(source);
    nanosleep(&(struct timespec){.tv_nsec = RATE_WINDOW_NS}, NULL);
    to = clock_source_read(source);
    rate = (uint64_t)((double)(to.ticks - from.ticks) * (double)ns_per_second /
                      (double)(to.monotonic_ns - from.monotonic_ns));
    rate = rate ? rate : ns_per_second;
    store_relaxed(&measured, rate); /* relaxed: as above */
    return rate;
}
