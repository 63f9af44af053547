/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long after an event was emitted the drain has taken it, and what the drain's processor time
 * was, with one way of waiting and one rate of events.
 *
 *     wait_latency FILE STRATEGY RATE SECONDS      STRATEGY: sleep, spin, yield, block, or with
 * :USECS
 *
 * One thread emits RATE events a second, evenly, in a session of its own, and watches how far the
 * drain has read its ring; it never sleeps but between events that are more than 10 ms apart.
 * Prints the median, the 99th percentile and the longest of the latencies in ns, the drain's share
 * of a processor in %, and how many events were watched and dropped.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "registry/ring.h"

ADA_EVENT(wait, tick, (u64, number))

enum {
    PENDING = 1 << 16,
    SAMPLES_MAX = 4 << 20,
    WATCHED_RATE = 100000,
    REST_NS = 10 * 1000 * 1000
};

struct pending {
    uint64_t head, at_ns;
};

static struct {
    struct pending queue[PENDING]; /* emitted, not taken yet */
    uint32_t first, count;
    uint64_t *latencies;
    size_t samples;
} watch;

/* ---- the drain's processor time ---- */

static uint64_t task_cpu_ns(const char *task)
{
    char path[320], name[32] = "";
    unsigned long long ns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
    file = fopen(path, "r");
    if (!file || !fgets(name, sizeof(name), file) || strncmp(name, "adatrace-drain", 14) != 0)
        goto out;
    fclose(file);
    snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", task);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%llu", &ns) != 1)
        ns = 0;
out:
    if (file)
        fclose(file);
    return ns;
}

static uint64_t drain_cpu_ns(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    uint64_t ns = 0;

    while (tasks && (entry = readdir(tasks)))
        if (entry->d_name[0] != '.')
            ns += task_cpu_ns(entry->d_name);
    if (tasks)
        closedir(tasks);
    return ns;
}

/* ---- watching ---- */

static void watch_taken(const struct ring_shared *ring, uint64_t now_ns)
{
    uint64_t tail = load_acquire(&ring->tail); /* Reclaim, as in ring_layout_for(). */

    while (watch.count && (int64_t)(tail - watch.queue[watch.first].head) >= 0) {
        if (watch.samples < SAMPLES_MAX)
            watch.latencies[watch.samples++] = now_ns - watch.queue[watch.first].at_ns;
        watch.first = (watch.first + 1) % PENDING;
        watch.count--;
    }
}

static void watch_add(const struct ring_shared *ring, uint64_t now_ns)
{
    if (watch.count == PENDING)
        return;
    watch.queue[(watch.first + watch.count++) % PENDING] =
        (struct pending){.head = load_relaxed(&ring->front.head), .at_ns = now_ns};
}

static void rest(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

    nanosleep(&t, NULL);
}

/* Emit for that long. Returns how many. */
static uint64_t emit_evenly(uint64_t rate, uint64_t duration_ns)
{
    uint64_t start = clock_monotonic_ns(), gap_ns = 1000000000u / rate, now = start, number = 0;
    uint64_t every = rate > WATCHED_RATE ? rate / WATCHED_RATE : 1;
    const struct ring_shared *ring;

    ada_trace_wait_tick(0); /* from here on there is a ring */
    ring = ada_self->ring;
    while (ring && now - start < duration_ns) {
        uint64_t due = start + ++number * gap_ns;

        while ((now = clock_monotonic_ns()) < due) {
            watch_taken(ring, now);
            if (!watch.count && due - now > REST_NS)
                rest(due - now);
        }
        ada_trace_wait_tick(number);
        if (number % every == 0)
            watch_add(ring, now);
        watch_taken(ring, now);
    }
    return number;
}

/* ---- one run ---- */

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double at_part(double part)
{
    return watch.samples ? (double)watch.latencies[(size_t)((double)(watch.samples - 1) * part)]
                         : 0;
}

static int strategy_choose(const char *text, struct ada_session_options *o)
{
    static const char *const names[] = {"sleep", "spin", "yield", "block"};
    size_t length = strcspn(text, ":");

    for (int i = 0; i < 4; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) {
            o->wait = (enum ada_wait)i;
            o->wait_us = text[length] ? (uint32_t)strtoul(text + length + 1, NULL, 10) : 0;
            return 0;
        }
    return -1;
}

int main(int argc, char **argv)
{
    struct ada_session_options options = {.size = sizeof(options), .replace = 1, .is_private = 1};
    struct ada_thread_stats stats = {0};
    uint64_t rate = argc == 5 ? strtoul(argv[3], NULL, 10) : 0, cpu_ns, since_ns, emitted;
    double seconds = argc == 5 ? strtod(argv[4], NULL) : 0;
    int err;

    watch.latencies = malloc(SAMPLES_MAX * sizeof(*watch.latencies));
    if (!rate || seconds <= 0 || !watch.latencies || strategy_choose(argv[2], &options)) {
        fprintf(stderr, "usage: wait_latency FILE STRATEGY[:USECS] RATE SECONDS\n");
        return 2;
    }
    err = ada_session_start(argv[1], &options);
    if (err) {
        fprintf(stderr, "wait_latency: %s\n", ada_error_text(err));
        return 1;
    }
    (void)emit_evenly(rate < 1000 ? 1000 : rate, 200 * 1000 * 1000); /* warm */
    watch.samples = watch.count = 0;
    cpu_ns = drain_cpu_ns();
    since_ns = clock_monotonic_ns();
    emitted = emit_evenly(rate, (uint64_t)(seconds * 1e9));
    cpu_ns = drain_cpu_ns() - cpu_ns;
    since_ns = clock_monotonic_ns() - since_ns;
    (void)ada_thread_stats_read(&stats);
    qsort(watch.latencies, watch.samples, sizeof(*watch.latencies), order);
    printf("%.0f %.0f %.0f %.3f %zu %llu %llu\n", at_part(0.5), at_part(0.99), at_part(1),
           100.0 * (double)cpu_ns / (double)since_ns, watch.samples, (unsigned long long)emitted,
           (unsigned long long)stats.dropped);
    err = ada_session_stop();
    unlink(argv[1]);
    return err != 0;
}
