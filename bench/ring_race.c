/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring race: 8-byte records between two threads, on a processor each, measured on demand. One
 * request a line, answered like those of worker.h:
 *
 *     pass NAME COUNT BATCH    nanoseconds for COUNT records, in batches of BATCH; allocations
 * meanwhile alone NAME COUNT         nanoseconds for COUNT records, written and read in turn by one
 * thread write NAME COUNT         p50, p99, p99.9, longest of single writes, beside a reader, in ns
 *     round NAME COUNT         p50, p99 of a record there and one back, both spinning, in ns
 *     wake NAME COUNT          p50, p99 from before a write until a sleeping reader has it, in ns
 */
#include "bench/ring_race.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/worker.h"

enum { WAKE_SLEEP_NS = 200000, SAMPLES_MAX = 1 << 20 };

static const struct race_contestant *const contestants[] = {
    &race_floor, &race_adatrace, &race_tracer, &race_mutex, &race_wfcqueue};

struct run {
    const struct race_contestant *who;
    uint64_t count;
    unsigned batch;
    pthread_barrier_t start;
    uint64_t *samples; /* ns */
    uint64_t allocations;
};

void race_expect(uint64_t value, uint64_t expected)
{
    if (value != expected) {
        fprintf(stderr, "ring_race: got %" PRIu64 ", not %" PRIu64 "\n", value, expected);
        abort();
    }
}

uint64_t worker_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double tick_ns(void)
{
    static double length;
    uint64_t start_ns = worker_now_ns(), start = worker_ticks();

    if (length > 0)
        return length;
    while (worker_now_ns() - start_ns < 50000000)
        ;
    return length = (double)(worker_now_ns() - start_ns) / (double)(worker_ticks() - start);
}

/* The n-th of the processors that we may use. */
static cpu_set_t allowed;

static void stay_on(int n)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && !n--) {
            CPU_SET(cpu, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
            return;
        }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double part_of(const struct run *run, double part)
{
    uint64_t n = (uint64_t)(part * (double)run->count);

    return (double)run->samples[n < run->count ? n : run->count - 1];
}

static void sort(struct run *run)
{
    qsort(run->samples, run->count, sizeof(*run->samples), by_size);
}

/* ---- calls of the allocator, by anybody in this process ---- */

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static uint64_t allocations;

static void allocation_count(void)
{
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t bytes)
{
    allocation_count();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    allocation_count();
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    allocation_count();
    return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    allocation_count();
    return __libc_memalign(alignment, bytes);
}

/* ---- the other thread's part ---- */

static void *consume(void *argument)
{
    struct run *run = argument;

    stay_on(1);
    pthread_barrier_wait(&run->start);
    run->who->consume(run->count, run->batch);
    return NULL;
}

static void *echo(void *argument)
{
    struct run *run = argument;
    uint64_t value;

    stay_on(1);
    pthread_barrier_wait(&run->start);
    for (uint64_t i = 0; i < run->count; i++) {
        while (!run->who->take(0, &value))
            race_pause();
        while (!run->who->put(1, value))
            race_pause();
    }
    return NULL;
}

static void *take_and_tell(void *argument)
{
    struct run *run = argument;

    stay_on(1);
    pthread_barrier_wait(&run->start);
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t sent_ns = run->who->take_sleeping(0);

        run->samples[i] = worker_now_ns() - sent_ns;
        while (!run->who->put(1, i))
            race_pause();
    }
    return NULL;
}

/* ---- this thread's ---- */

static void produce(struct run *run)
{
    run->who->produce(run->count, run->batch);
}

static double alone(struct run *run)
{
    uint64_t start_ns, value;

    run->who->open();
    stay_on(0);
    start_ns = worker_now_ns();
    for (uint64_t i = 0; i < run->count; i++)
        if (!run->who->put(0, i) || !run->who->take(0, &value) || value != i)
            abort();
    start_ns = worker_now_ns() - start_ns;
    run->who->close();
    return (double)start_ns;
}

static void write_each(struct run *run)
{
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t start;

        for (;;) {
            start = worker_ticks();
            if (run->who->put(0, i))
                break;
            race_pause(); /* full: not what is measured */
        }
        run->samples[i] = worker_ticks() - start;
    }
    for (uint64_t i = 0; i < run->count; i++)
        run->samples[i] = (uint64_t)((double)run->samples[i] * tick_ns() + 0.5);
}

static void round_trips(struct run *run)
{
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t start_ns = worker_now_ns(), value;

        while (!run->who->put(0, i))
            race_pause();
        while (!run->who->take(1, &value))
            race_pause();
        run->samples[i] = worker_now_ns() - start_ns;
        race_expect(value, i);
    }
}

static void wake(struct run *run)
{
    const struct timespec rest = {.tv_nsec = WAKE_SLEEP_NS};

    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t value;

        nanosleep(&rest, NULL); /* by now the reader sleeps */
        while (!run->who->put(0, worker_now_ns()))
            race_pause();
        while (!run->who->take(1, &value))
            race_pause();
    }
}

/* Nanoseconds from when both are ready until both are done; 0: no such thread. */
static double together(struct run *run, void *(*theirs)(void *), void (*ours)(struct run *))
{
    pthread_t thread;
    uint64_t start_ns, end_ns, allocated;

    run->who->open();
    pthread_barrier_init(&run->start, NULL, 2);
    if (pthread_create(&thread, NULL, theirs, run))
        return 0;
    stay_on(0);
    pthread_barrier_wait(&run->start);
    allocated = allocations;
    start_ns = worker_now_ns();
    ours(run);
    pthread_join(thread, NULL);
    end_ns = worker_now_ns();
    run->allocations = allocations - allocated;
    pthread_barrier_destroy(&run->start);
    run->who->close();
    return (double)(end_ns - start_ns);
}

static bool answer(struct run *run, const char *what)
{
    if (!run->who->produce && strcmp(what, "round"))
        return false;
    if (!strcmp(what, "pass")) {
        double ns = together(run, consume, produce);

        printf("ok %.0f %" PRIu64 "\n", ns, run->allocations);
        return true;
    }
    if (!strcmp(what, "alone")) {
        printf("ok %.0f\n", alone(run));
        return true;
    }
    if (!strcmp(what, "write")) {
        together(run, consume, write_each);
        sort(run);
        printf("ok %.0f %.0f %.0f %.0f\n", part_of(run, 0.5), part_of(run, 0.99),
               part_of(run, 0.999), part_of(run, 1));
        return true;
    }
    if (!strcmp(what, "round"))
        together(run, echo, round_trips);
    else if (!strcmp(what, "wake") && run->who->take_sleeping)
        together(run, take_and_tell, wake);
    else
        return false;
    sort(run);
    printf("ok %.0f %.0f\n", part_of(run, 0.5), part_of(run, 0.99));
    return true;
}

int main(void)
{
    static uint64_t samples[SAMPLES_MAX];
    char line[128], what[16], name[32];

    (void)tick_ns();
    if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2) {
        fputs("ring_race: a processor for each of two threads is needed\n", stderr);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        struct run run = {.batch = 1, .samples = samples};

        if (sscanf(line, "%15s %31s %" SCNu64 " %u", what, name, &run.count, &run.batch) < 3 ||
            !run.count || run.batch < 1 || run.batch > RACE_BATCH_MAX ||
            (strcmp(what, "pass") && strcmp(what, "alone") && run.count > SAMPLES_MAX)) {
            puts("no such request");
        } else {
            for (size_t i = 0; i < sizeof(contestants) / sizeof(contestants[0]); i++)
                if (!strcmp(contestants[i]->name, name))
                    run.who = contestants[i];
            if (!run.who || !answer(&run, what))
                puts("no such contestant, or not for it");
        }
        fflush(stdout);
    }
    return 0;
}
