/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads under load, steered by lines on stdin; each is answered by a line that begins with
 * "done":
 *
 *     load_threads THREADS [FILE FLIGHT_BYTES FLIGHT_MS]    with FILE it records itself
 *
 *     emit N      every thread emits N more; answered when they have
 *     go, halt    every thread emits without end, until halt
 *     counts      answered with TID:COUNT of every thread
 *     calls N     N calls of functions that call others, by the main thread
 *     fill N      N bytes of memory are touched
 *     snapshot F  ada_snapshot(); answered with what it returns
 *     crash       by a signal              exit N      with that status
 *
 * Numbers count up from 0 in each thread; the noise beside them does not compress.
 */
#include <adatrace/adatrace.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void load_calls(unsigned long count); /* load_calls.c */

ADA_EVENT(load, step, (u64, number), (u64, noise))

enum { THREADS_MAX = 64 };

static struct worker {
    pthread_t thread;
    pid_t tid;
    bool rests;          /* under lock */
    unsigned long count; /* emitted; atomic */
    unsigned long asked; /* how many there are to be; atomic */
} workers[THREADS_MAX];
static unsigned worker_count;
static unsigned long running; /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, rest = PTHREAD_COND_INITIALIZER;

static unsigned long look(const unsigned long *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static bool is_idle(const struct worker *w)
{
    return !look(&running) && look(&w->count) >= look(&w->asked);
}

static void *worker_run(void *argument)
{
    struct worker *w = argument;
    unsigned long noise = 88172645463325252UL + (unsigned long)(w - workers);

    w->tid = gettid();
    for (;;) {
        while (!is_idle(w)) {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            ada_trace_load_step(w->count, noise);
            __atomic_store_n(&w->count, w->count + 1, __ATOMIC_RELAXED);
        }
        pthread_mutex_lock(&lock);
        w->rests = true;
        pthread_cond_broadcast(&rest);
        while (is_idle(w))
            pthread_cond_wait(&work, &lock);
        w->rests = false;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* Until every thread has done what it was asked for. */
static void settle(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < worker_count; i++)
        while (!workers[i].rests || !is_idle(&workers[i]))
            pthread_cond_wait(&rest, &lock);
    pthread_mutex_unlock(&lock);
}

static void ask(unsigned long more, bool endless)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < worker_count; i++)
        __atomic_store_n(&workers[i].asked, look(&workers[i].count) + more, __ATOMIC_RELAXED);
    __atomic_store_n(&running, endless, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&work);
    pthread_mutex_unlock(&lock);
}

/* ---- what is asked for ---- */

static void memory_fill(unsigned long bytes)
{
    char *memory = malloc(bytes);

    if (memory)
        memset(memory, 1, bytes);
    free(memory);
}

static void counts_print(void)
{
    printf("done");
    for (unsigned i = 0; i < worker_count; i++)
        printf(" %d:%lu", workers[i].tid, look(&workers[i].count));
    printf("\n");
}

static void obey(const char *line)
{
    char path[512];
    unsigned long number;

    if (sscanf(line, "emit %lu", &number) == 1) {
        ask(number, false);
        settle();
    } else if (strncmp(line, "go", 2) == 0) {
        ask(0, true);
    } else if (strncmp(line, "halt", 4) == 0) {
        __atomic_store_n(&running, 0, __ATOMIC_RELAXED);
        settle();
    } else if (sscanf(line, "calls %lu", &number) == 1) {
        load_calls(number);
    } else if (sscanf(line, "fill %lu", &number) == 1) {
        memory_fill(number);
    } else if (strncmp(line, "crash", 5) == 0) {
        abort();
    } else if (sscanf(line, "exit %lu", &number) == 1) {
        exit((int)number);
    } else if (strncmp(line, "counts", 6) == 0) {
        counts_print();
        return;
    } else if (sscanf(line, "snapshot %511s", path) == 1) {
        printf("done %d\n", ada_snapshot(path));
        return;
    }
    printf("done\n");
}

static int record_self(char **words)
{
    const struct ada_session_options options = {
        .size = sizeof(options),
        .replace = 1,
        .flight_bytes = strtoul(words[1], NULL, 10),
        .flight_ns = strtoul(words[2], NULL, 10) * 1000000,
    };

    return ada_session_start(words[0], &options);
}

int main(int argc, char **argv)
{
    char line[1024];
    int err = argc == 5 ? record_self(argv + 2) : 0;

    worker_count = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    if (worker_count > THREADS_MAX || err < 0) {
        fprintf(stderr, "%s\n", ada_error_text(err));
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < worker_count; i++)
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
            return 1;
    settle();
    printf("ready %d\n", getpid());
    while (fgets(line, sizeof(line), stdin))
        obey(line);
    if (argc == 5)
        return ada_session_stop() ? 1 : 0;
    return 0;
}
