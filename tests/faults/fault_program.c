/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program whose behaviour can be compared: fault_program EVENTS THREADS [fork]. Emits EVENTS
 * events of its own in each thread and in main, allocates, says one line on each stream, and exits
 * with 7. It says, too, when emitting has changed errno, and whether it holds more descriptors than
 * when it began; untraced, traced, and traced by somebody for whom everything fails, it says the
 * same.
 */
#include <adatrace/adatrace.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

ADA_EVENT(fault, tick, (u64, number))

enum { THREADS_MAX = 64, ERRNO_OWN = 99, EXIT_OWN = 7, CHILD_EVENTS = 3, CHILD_EXIT = 5 };

static atomic_uint errno_changes;
static unsigned long events;
static pthread_barrier_t all_started;

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

static void emit(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        errno = ERRNO_OWN;
        ada_trace_fault_tick(i);
        free(realloc(malloc(i % 64 + 1), 128));
        if (errno != ERRNO_OWN)
            errno_changes++;
    }
}

static void *thread_run(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&all_started);
    emit(events);
    return NULL;
}

/* All begin together: a thread's first malloc tries 64 MiB of addresses for a moment, in which
 * another cannot be started where addresses are limited. */
static void threads_run(unsigned count)
{
    pthread_t threads[THREADS_MAX];

    pthread_barrier_init(&all_started, NULL, count + 1);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, thread_run, NULL))
            abort();
    pthread_barrier_wait(&all_started);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static int child_run(void)
{
    pid_t child = fork();
    int status = 0;

    if (!child) {
        emit(CHILD_EVENTS);
        _exit(CHILD_EXIT);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    unsigned before = descriptors_count(), threads;
    int child = -1;

    if (argc < 3)
        return 2;
    events = strtoul(argv[1], NULL, 10);
    threads = (unsigned)strtoul(argv[2], NULL, 10);
    emit(events);
    threads_run(threads < THREADS_MAX ? threads : THREADS_MAX);
    if (argc > 3 && strcmp(argv[3], "fork") == 0)
        child = child_run();
    printf("work done, child %d, errno changed %u times, %d descriptors more\n", child,
           atomic_load(&errno_changes), (int)descriptors_count() - (int)before);
    fprintf(stderr, "the program's own line\n");
    return EXIT_OWN;
}
