/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application that records itself: fault_session FILE FILE2 EVENTS. Starts a session into FILE,
 * emits EVENTS events in main and in each of two threads, stops it; then all that once more into
 * FILE2. Says what the calls returned, what the library counted, whether errno was changed by
 * emitting, and how many descriptors it holds; exits with 7, whatever came of the sessions.
 */
#include <adatrace/adatrace.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

ADA_EVENT(fault, tick, (u64, number))

enum { THREADS = 2, ERRNO_OWN = 99, EXIT_OWN = 7 };

static atomic_uint errno_changes;
static unsigned long events;

static unsigned descriptors_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void *emit(void *unused)
{
    (void)unused;
    for (unsigned long i = 0; i < events; i++) {
        errno = ERRNO_OWN;
        ada_trace_fault_tick(i);
        if (errno != ERRNO_OWN)
            errno_changes++;
    }
    return NULL;
}

static void everybody_emits(void)
{
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, emit, NULL))
            abort();
    emit(NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void session_run(const char *file)
{
    const struct ada_session_options options = {.size = sizeof(options), .replace = 1};
    struct ada_session_figures figures = {.size = sizeof(figures)};
    int started = ada_session_start(file, &options), asked = 0;

    everybody_emits();
    if (!started)
        asked = ada_session_stats(&figures);
    printf("start %d stats %d written %llu dropped %llu stop %d\n", started, asked,
           (unsigned long long)figures.written, (unsigned long long)figures.dropped,
           started ? 0 : ada_session_stop());
}

int main(int argc, char **argv)
{
    unsigned before = descriptors_count();

    if (argc < 4)
        return 2;
    events = strtoul(argv[3], NULL, 10);
    session_run(argv[1]);
    session_run(argv[2]);
    printf("errno changed %u times, %d descriptors more\n", atomic_load(&errno_changes),
           (int)descriptors_count() - (int)before);
    return EXIT_OWN;
}
