/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that does nothing: THREADS threads, each of which emits EVENTS events and then sleeps,
 * until standard input ends. Prints "ready" when all of them sleep. Run under `adatrace record` to
 * see what being traced costs a program that has nothing to say.
 *
 *     threads_idle THREADS EVENTS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

ADA_EVENT(idle, tick, (u64, number))

enum { THREADS_MAX = 4096, STACK_BYTES = 64 << 10 };

static pthread_barrier_t emitted, dismissed;
static unsigned long events;

static void *thread_idle(void *unused)
{
    for (unsigned long i = 0; i < events; i++)
        ada_trace_idle_tick(i);
    pthread_barrier_wait(&emitted);
    pthread_barrier_wait(&dismissed);
    return unused;
}

int main(int argc, char **argv)
{
    static pthread_t threads[THREADS_MAX];
    unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    pthread_attr_t attributes;
    char byte;

    if (!count || count > THREADS_MAX) {
        fprintf(stderr, "usage: threads_idle THREADS(1..%d) EVENTS\n", THREADS_MAX);
        return 2;
    }
    events = strtoul(argv[2], NULL, 10);
    pthread_barrier_init(&emitted, NULL, (unsigned)count + 1);
    pthread_barrier_init(&dismissed, NULL, (unsigned)count + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned long i = 0; i < count; i++)
        if (pthread_create(&threads[i], &attributes, thread_idle, NULL)) {
            fprintf(stderr, "threads_idle: thread %lu cannot be created\n", i);
            return 1;
        }
    pthread_barrier_wait(&emitted);
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    pthread_barrier_wait(&dismissed);
    for (unsigned long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
