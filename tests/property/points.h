/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points: the places of the real code where something else can come in between.
 *
 * Compiled in front of every source of base, registry, tracer and drain that the ledger's programs
 * run through (-include), and of nothing else. It puts a point in front of every atomic operation,
 * fence and reading of a clock, and a clock and a futex of its own in the place of the kernel's.
 * One real thread then plays all threads, handlers and the drain, and a program runs the same way
 * every time. One thread; not signal-safe.
 */
#ifndef ADATRACE_TESTS_POINTS_H
#define ADATRACE_TESTS_POINTS_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* So many points from now points_reached() is called; that one sets it anew. */
extern uint64_t points_left;
void points_reached(void);

/* Nanoseconds, and ticks of the counter, too. Every reading is later than the one before. */
extern uint64_t points_now;
uint64_t points_ticks(void);
int points_clock_gettime(clockid_t clock, struct timespec *out);

/* A futex that nobody wakes: time passes, and points_asleep() may do something about it. The other
 * system calls are made. */
long points_syscall(long number, ...);
void points_pause(void);
void points_asleep(uint64_t ns);

static inline void points_pass(void)
{
    if (__builtin_expect(--points_left == 0, 0))
        points_reached();
}

#define __atomic_load_n(...)             (points_pass(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...)            (points_pass(), __atomic_store_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (points_pass(), __atomic_compare_exchange_n(__VA_ARGS__))
#define __atomic_exchange_n(...)         (points_pass(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_fetch_add(...)          (points_pass(), __atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_or(...)           (points_pass(), __atomic_fetch_or(__VA_ARGS__))
#define __atomic_thread_fence(...)       (points_pass(), __atomic_thread_fence(__VA_ARGS__))
#define __atomic_signal_fence(...)       (points_pass(), __atomic_signal_fence(__VA_ARGS__))
#define __builtin_ia32_rdtsc()           points_ticks()
#define __builtin_ia32_pause()           points_pause()
#define clock_gettime(...)               points_clock_gettime(__VA_ARGS__)
#define syscall(...)                     points_syscall(__VA_ARGS__)
#define nanosleep(...)                   (points_asleep(500000), 0)

#endif
