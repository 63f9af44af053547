/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/syscall_count.h"

enum { THREADS_MAX = 1024, WARM_EVENTS = 300000, EVICT_BYTES_MIN = 64 << 20 };

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t worker_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static double tick_ns(void)
{
    static double length;
    uint64_t start_ns, start;

    if (length > 0)
        return length;
    start_ns = worker_now_ns();
    start = worker_ticks();
    while (worker_now_ns() - start_ns < 50000000)
        ;
    length = (double)(worker_now_ns() - start_ns) / (double)(worker_ticks() - start);
    return length;
}

static void settle(const struct worker *worker)
{
    if (worker->settle)
        worker->settle();
}

/* ---- single events ---- */

/* Walk over more than any cache holds. Instructions go too, where the outer levels hold both. */
static void caches_evict(void)
{
    static volatile unsigned char *memory;
    static size_t bytes;

    if (!memory) {
        long outermost = sysconf(_SC_LEVEL3_CACHE_SIZE);

        bytes = outermost > EVICT_BYTES_MIN / 2 ? (size_t)outermost * 2 : EVICT_BYTES_MIN;
        memory = malloc(bytes);
        if (!memory)
            abort();
    }
    for (size_t i = 0; i < bytes; i += 64)
        memory[i]++;
}

void tail_prepare(struct tail *tail)
{
    if (tail->cold)
        caches_evict();
}

void tail_add(struct tail *tail, uint64_t ticks)
{
    tail->histogram[ticks < TAIL_TICKS_MAX ? ticks : TAIL_TICKS_MAX - 1]++;
    tail->count++;
    if (ticks > tail->longest)
        tail->longest = ticks;
}

static double tail_percentile(const struct tail *tail, double part)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < TAIL_TICKS_MAX; i++) {
        seen += tail->histogram[i];
        if ((double)seen >= part * (double)tail->count)
            return i * tick_ns();
    }
    return (double)tail->longest * tick_ns();
}

static void answer_tail(const struct worker *worker, const struct worker_case *c, uint64_t count,
                        const char *how)
{
    enum { BATCH = 20000 };
    static struct tail tail;

    memset(&tail, 0, sizeof(tail));
    tail.cold = !strcmp(how, "cold");
    for (uint64_t left = count; left;) {
        uint64_t part = left < BATCH ? left : BATCH;

        settle(worker);
        c->each(part, &tail);
        left -= part;
    }
    printf("ok %.1f %.1f %.1f %.1f\n", tail_percentile(&tail, 0.5), tail_percentile(&tail, 0.99),
           tail_percentile(&tail, 0.999), (double)tail.longest * tick_ns());
}

/* ---- what the kernel is asked for ---- */

static uint64_t thread_faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

static void answer_faults(const struct worker *worker, const struct worker_case *c, uint64_t count)
{
    uint64_t faults, calls;
    int err;

    settle(worker);
    c->run(1);
    settle(worker);
    faults = thread_faults();
    c->run(count);
    faults = thread_faults() - faults;
    settle(worker);
    err = syscall_count_start();
    if (err) {
        printf("no system calls cannot be counted here: %s\n", strerror(-err));
        return;
    }
    c->run(count);
    calls = syscall_count_stop();
    printf("ok %" PRIu64 " %" PRIu64 "\n", faults, calls);
}

/* ---- many threads ---- */

struct crew {
    pthread_t threads[THREADS_MAX];
    uint64_t cpu_ns[THREADS_MAX];
    unsigned count;
    pthread_barrier_t start, end;
    const struct worker_case *work; /* NULL: go home */
    uint64_t events;
};
static struct crew crew;

static void *crew_member(void *place)
{
    uint64_t *cpu_ns = place;

    for (;;) {
        uint64_t start;

        pthread_barrier_wait(&crew.start);
        if (!crew.work)
            return NULL;
        start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        crew.work->run(crew.events);
        *cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        pthread_barrier_wait(&crew.end);
    }
}

static void crew_work(const struct worker_case *work, uint64_t events)
{
    crew.work = work;
    crew.events = events;
    pthread_barrier_wait(&crew.start);
    if (work)
        pthread_barrier_wait(&crew.end);
}

static void crew_dismiss(void)
{
    if (!crew.count)
        return;
    crew_work(NULL, 0);
    for (unsigned i = 0; i < crew.count; i++)
        pthread_join(crew.threads[i], NULL);
    pthread_barrier_destroy(&crew.start);
    pthread_barrier_destroy(&crew.end);
    crew.count = 0;
}

static int crew_hire(unsigned count)
{
    if (crew.count == count)
        return 0;
    crew_dismiss();
    pthread_barrier_init(&crew.start, NULL, count + 1);
    pthread_barrier_init(&crew.end, NULL, count + 1);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&crew.threads[i], NULL, crew_member, &crew.cpu_ns[i])) {
            fprintf(stderr, "worker: thread %u cannot be created\n", i);
            exit(1);
        }
    crew.count = count;
    return 1;
}

static void answer_threads(const struct worker *worker, const struct worker_case *c,
                           unsigned threads, uint64_t count)
{
    uint64_t total = 0;

    if (!threads || threads > THREADS_MAX || !count) {
        printf("no between 1 and %d threads, and events\n", THREADS_MAX);
        return;
    }
    if (crew_hire(threads)) /* first touch of each thread's own things: a lap of its ring */
        for (uint64_t warm = 0; warm < WARM_EVENTS; warm += count) {
            settle(worker);
            crew_work(c, count);
        }
    settle(worker);
    crew_work(c, count);
    for (unsigned i = 0; i < threads; i++)
        total += crew.cpu_ns[i];
    printf("ok %" PRIu64 "\n", total);
}

/* ---- requests ---- */

static const struct worker_case *case_find(const struct worker *worker, const char *name)
{
    for (const struct worker_case *c = worker->cases; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

static void answer_run(const struct worker *worker, const struct worker_case *c, uint64_t count)
{
    uint64_t wall, cpu;

    settle(worker);
    cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    wall = worker_now_ns();
    c->run(count);
    wall = worker_now_ns() - wall;
    cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    printf("ok %" PRIu64 " %" PRIu64 "\n", wall, cpu);
}

static void answer_finish(const struct worker *worker)
{
    uint64_t start = worker_now_ns();
    int err = worker->finish ? worker->finish() : 0;

    if (err < 0)
        printf("no the recording cannot be ended: %s\n", strerror(-err));
    else
        printf("ok %" PRIu64 "\n", worker_now_ns() - start);
}

static void answer_case(const struct worker *worker, const char *verb, const char *name, char *rest)
{
    const struct worker_case *c = case_find(worker, name);
    uint64_t first = strtoull(rest, &rest, 10), second = strtoull(rest, &rest, 10);

    if (!c)
        printf("no case %s here\n", name);
    else if (!strcmp(verb, "run"))
        answer_run(worker, c, first);
    else if (!strcmp(verb, "tail"))
        answer_tail(worker, c, first, rest + (*rest == ' '));
    else if (!strcmp(verb, "faults"))
        answer_faults(worker, c, first);
    else if (!strcmp(verb, "threads"))
        answer_threads(worker, c, (unsigned)first, second);
    else
        printf("no such request: %s\n", verb);
}

int worker_serve(const struct worker *worker)
{
    char line[256], verb[32], name[64];

    while (fgets(line, sizeof(line), stdin)) {
        int rest = 0, words = sscanf(line, "%31s %63s %n", verb, name, &rest);

        line[strcspn(line, "\n")] = 0;
        if (words == 1 && !strcmp(verb, "dropped"))
            printf("ok %" PRId64 "\n", worker->dropped ? (int64_t)worker->dropped() : -1);
        else if (words == 1 && !strcmp(verb, "finish"))
            answer_finish(worker);
        else if (words == 2)
            answer_case(worker, verb, name, line + rest);
        else
            printf("no such request: %s\n", line);
        fflush(stdout);
    }
    crew_dismiss();
    return 0;
}
