/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker: one contestant of the emit benchmarks as a process that measures on demand.
 *
 * Every contestant is a program of its own (tracers do not share a process), and all stay alive
 * while the suite asks them in turn, A B A B, one line a request:
 *
 *     run CASE COUNT               wall and CPU nanoseconds of COUNT events in this thread
 *     tail CASE COUNT warm|cold    p50, p99, p99.9, longest of single events, in nanoseconds
 *     faults CASE COUNT            page faults and system calls that COUNT events cost this thread
 *     threads CASE THREADS COUNT   CPU nanoseconds of COUNT events in each of THREADS threads
 *     dropped                      events that found no room so far
 *     finish                       end the recording; how long that took, in nanoseconds
 *
 * The answer is one line, "ok" and numbers, or "no" and why not. Main thread only.
 */
#ifndef ADATRACE_BENCH_WORKER_H
#define ADATRACE_BENCH_WORKER_H

#include <stdint.h>

struct tail;

struct worker_case {
    const char *name;
    void (*run)(uint64_t count);
    /* As run(), each event between two clock readings; evict: with the caches cleared before. */
    void (*each)(uint64_t count, struct tail *tail);
};

struct worker {
    const struct worker_case *cases; /* the last one has no name */
    void (*settle)(void);            /* wait until nothing is in the buffers; may be NULL */
    uint64_t (*dropped)(void);       /* may be NULL: cannot be known here */
    int (*finish)(void);             /* may be NULL */
};

/* Answer requests until standard input ends. Returns the exit status. */
int worker_serve(const struct worker *worker);

/* Of single events, in ticks. */
enum { TAIL_TICKS_MAX = 1 << 16 };
struct tail {
    uint32_t histogram[TAIL_TICKS_MAX]; /* the last one: that and longer */
    uint64_t longest, count;
    int cold;
};

uint64_t worker_now_ns(void);

/* Called before each event of a tail; clears the caches when the tail is a cold one. */
void tail_prepare(struct tail *tail);
void tail_add(struct tail *tail, uint64_t ticks);

/* The CPU's counter, as adatrace reads it; the benchmark is for machines that have one. */
static inline __attribute__((always_inline)) uint64_t worker_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
#error "this machine has no counter that the benchmark knows"
#endif
}

#endif
