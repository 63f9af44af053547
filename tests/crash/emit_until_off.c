/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emits numbered events from several threads until they are switched off, because nobody takes them
 * any more. Says "emitting" when they are at it, and at the end for each thread what it attempted,
 * and what its ring's counters say of that: "THREAD ATTEMPTED WRITTEN DROPPED".
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include <adatrace/adatrace.h>

enum { THREADS = 3 };

ADA_EVENT(until, off, (u64, number))

static pthread_barrier_t under_way;

static void *work(void *argument)
{
    uint64_t *attempted = argument;
    static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;
    struct ada_thread_stats stats = {0}, before;

    ada_trace_until_off(0);
    (void)ada_thread_stats_read(&before);
    while (*attempted < 1000)
        ada_trace_until_off(++*attempted);
    pthread_barrier_wait(&under_way);
    while (ada_event_is_on(&ada_event_until_off))
        ada_trace_until_off(++*attempted);
    (void)ada_thread_stats_read(&stats);
    pthread_mutex_lock(&out);
    printf("%u %llu %llu %llu\n", stats.tid, (unsigned long long)*attempted,
           (unsigned long long)(stats.written - before.written),
           (unsigned long long)(stats.dropped - before.dropped));
    fflush(stdout);
    pthread_mutex_unlock(&out);
    return NULL;
}

int main(void)
{
    static uint64_t attempted[THREADS][16]; /* lines of their own */
    pthread_t threads[THREADS];

    pthread_barrier_init(&under_way, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, attempted[i]) != 0)
            return 1;
    pthread_barrier_wait(&under_way);
    puts("emitting");
    fflush(stdout);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
