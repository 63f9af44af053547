/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emit_at_pace THREADS RATE: every thread emits RATE events a second, in bursts every millisecond,
 * until stdin ends. Each event says when it was emitted; every hundredth is followed by one with a
 * string, and lies within a scope. At the end "emitted N" is printed.
 */
#include <adatrace/adatrace.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

ADA_EVENT(pace, beat, (u64, sent_ns), (u64, number))
ADA_EVENT(pace, word, (u64, number), (string, text))

enum { THREADS_MAX = 16, BURST_NS = 1000000 };

static unsigned long rate;
static bool ends;

__attribute__((noinline)) static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

__attribute__((noinline)) static void hundred_mark(uint64_t number)
{
    ADA_SCOPE(pace, mark);
    ada_trace_pace_word(number, "a hundred more");
}

static void *emit(void *argument)
{
    uint64_t start = now_ns(), number = 0;
    char name[16];

    snprintf(name, sizeof(name), "pace %d", (int)(intptr_t)argument);
    ada_thread_name(name);
    while (!__atomic_load_n(&ends, __ATOMIC_RELAXED)) {
        uint64_t due = (uint64_t)((double)(now_ns() - start) * (double)rate / 1e9);

        for (; number < due; number++) {
            ada_trace_pace_beat(now_ns(), number);
            if (number % 100 == 99)
                hundred_mark(number);
        }
        nanosleep(&(struct timespec){.tv_nsec = BURST_NS}, NULL);
    }
    return (void *)(uintptr_t)number;
}

int main(int count, char **words)
{
    long thread_count = count > 2 ? atol(words[1]) : 1;
    pthread_t threads[THREADS_MAX];
    uint64_t emitted = 0;
    char byte;

    rate = count > 2 ? (unsigned long)atol(words[2]) : 1000;
    if (thread_count < 1 || thread_count > THREADS_MAX)
        return 2;
    for (long i = 0; i < thread_count; i++)
        if (pthread_create(&threads[i], NULL, emit, (void *)(intptr_t)i))
            return 1;
    printf("ready %d\n", getpid());
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    __atomic_store_n(&ends, true, __ATOMIC_RELAXED);
    for (long i = 0; i < thread_count; i++) {
        void *number;

        pthread_join(threads[i], &number);
        emitted += (uintptr_t)number;
    }
    printf("emitted %llu\n", (unsigned long long)emitted);
    return 0;
}
