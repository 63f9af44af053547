/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_probe THREADS PAUSE_US SEED: every thread makes clock marks, now and then in bursts, and is
 * moved from processor to processor, until stdin ends. Prints "begun PID", and "made N" at the end.
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock_marks.h"

enum { THREADS_MAX = 32, MOVE_EVERY = 64, BURST = 200 };

static unsigned pause_us;
static bool ends;
static cpu_set_t allowed; /* at the beginning */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void move(uint64_t *state)
{
    cpu_set_t one;
    int wanted = (int)(random_next(state) % (unsigned)CPU_COUNT(&allowed));

    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && !wanted--) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof(one), &one);
            return;
        }
}

static void *emit(void *argument)
{
    uint64_t state = (uint64_t)(uintptr_t)argument, number = 0, before_ns, after_ns = 0;

    while (!__atomic_load_n(&ends, __ATOMIC_RELAXED)) {
        unsigned burst = random_next(&state) % 16 ? 1 : BURST;

        for (unsigned i = 0; i < burst; i++) {
            before_ns = now_ns();
            ada_trace_clock_mark(number++, before_ns, after_ns);
            after_ns = now_ns();
        }
        if (random_next(&state) % MOVE_EVERY == 0)
            move(&state);
        nanosleep(&(struct timespec){.tv_nsec = 1000L * (long)(random_next(&state) % pause_us)},
                  NULL);
    }
    return (void *)(uintptr_t)number;
}

int main(int count, char **words)
{
    unsigned thread_count = count > 1 ? (unsigned)atoi(words[1]) : 4;
    uint64_t seed = count > 3 ? strtoull(words[3], NULL, 10) : 1, made = 0;
    pthread_t threads[THREADS_MAX];
    char byte;

    pause_us = count > 2 ? (unsigned)atoi(words[2]) : 500;
    if (!thread_count || thread_count > THREADS_MAX || !pause_us)
        return 2;
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return 1;
    for (unsigned i = 0; i < thread_count; i++)
        if (pthread_create(&threads[i], NULL, emit,
                           (void *)(uintptr_t)(seed * 0x9e3779b97f4a7c15u + i + 1)))
            return 1;
    printf("begun %d\n", (int)getpid());
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    __atomic_store_n(&ends, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < thread_count; i++) {
        void *number;

        if (pthread_join(threads[i], &number))
            return 1;
        made += (uintptr_t)number;
    }
    printf("made %llu\n", (unsigned long long)made);
    return 0;
}
