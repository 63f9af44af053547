/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what an event costs, beside what reading the clock costs, in one run.
 *
 *     bench_floor [--json] [ROUNDS]
 *
 * Every round measures each case once, in turn, so that a machine whose speed drifts drifts for all
 * of them; quoted are the median over the rounds and the median of the round-by-round ratios to the
 * clock. Nothing is excluded: emitting goes through the public API into the ring of a real session
 * whose drain writes a real file.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

ADA_EVENT(bench, value, (u64, value))
ADA_EVENT(bench, off, (u64, value))

enum {
    ROUNDS_DEFAULT = 25,
    ROUNDS_MAX = 1000,
    BATCH = 50000, /* 800 KB of records: fits the ring, so emitting is not measured as dropping */
    SATURATION = 20000000, /* events through the drain, policy block */
    TICKS_MAX = 65536,
};

enum { CLOCK, EMIT, OFF, EMPTY, CASES };
static const char *const case_names[CASES] = {"clock", "emit", "off", "empty loop"};

static double samples[CASES][ROUNDS_MAX];
static uint32_t histogram[TICKS_MAX]; /* of single emits, in ticks */

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void case_clock(void)
{
    for (uint64_t i = 0; i < BATCH; i++) {
        uint64_t ticks = ada_ticks();

        __asm__ volatile("" ::"r"(ticks));
    }
}

static void case_emit(void)
{
    for (uint64_t i = 0; i < BATCH; i++)
        ada_trace_bench_value(i);
}

static void case_off(void)
{
    for (uint64_t i = 0; i < BATCH; i++) {
        __asm__ volatile("" ::"r"(i));
        ada_trace_bench_off(i);
    }
}

static void case_empty(void)
{
    for (uint64_t i = 0; i < BATCH; i++)
        __asm__ volatile("" ::"r"(i));
}

static void (*const cases[CASES])(void) = {case_clock, case_emit, case_off, case_empty};

/* Until the drain has emptied this thread's ring. */
static void wait_for_drain(void)
{
    struct ada_thread_stats stats;

    while (!ada_thread_stats_read(&stats) && stats.fill_bytes)
        sched_yield();
}

static void measure(int rounds)
{
    for (int round = 0; round < rounds; round++)
        for (int c = 0; c < CASES; c++) {
            double start;

            wait_for_drain();
            start = now_ns();
            cases[c]();
            samples[c][round] = (now_ns() - start) / BATCH;
        }
}

/* Each emit by itself, with the two clock readings around it; their own cost is in the figure. */
static uint64_t measure_tail(void)
{
    uint64_t longest = 0;

    for (int round = 0; round < 20; round++) {
        wait_for_drain();
        for (uint64_t i = 0; i < BATCH; i++) {
            uint64_t start = ada_ticks(), taken;

            ada_trace_bench_value(i);
            taken = ada_ticks() - start;
            histogram[taken < TICKS_MAX ? taken : TICKS_MAX - 1]++;
            longest = taken > longest ? taken : longest;
        }
    }
    return longest;
}

static uint64_t percentile(double part)
{
    uint64_t total = 0, seen = 0;

    for (int i = 0; i < TICKS_MAX; i++)
        total += histogram[i];
    for (uint64_t i = 0; i < TICKS_MAX; i++) {
        seen += histogram[i];
        if ((double)seen >= part * (double)total)
            return i;
    }
    return TICKS_MAX;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[ROUNDS_MAX];

    memcpy(sorted, values, (size_t)count * sizeof(*values));
    qsort(sorted, (size_t)count, sizeof(*sorted), compare);
    return sorted[count / 2];
}

static double median_ratio(int c, int reference, int rounds)
{
    double ratios[ROUNDS_MAX];

    for (int i = 0; i < rounds; i++)
        ratios[i] = samples[c][i] / samples[reference][i];
    return median(ratios, rounds);
}

static double ticks_per_ns(void)
{
    double start = now_ns();
    uint64_t ticks = ada_ticks();

    while (now_ns() - start < 5e7)
        ;
    return (double)(ada_ticks() - ticks) / (now_ns() - start);
}

static void check(int err, const char *what)
{
    if (err >= 0)
        return;
    fprintf(stderr, "bench_floor: %s: %s\n", what, ada_error_text(err));
    exit(1);
}

static void session(const char *path, enum ada_policy policy)
{
    const struct ada_session_options options = {
        .size = sizeof(options), .policy = policy, .events = "*,!bench:off", .replace = 1};

    check(ada_session_start(path, &options), "cannot start a session");
}

/* Events a second from one producer flat out to the file, nothing lost; and the bytes that each
 * takes there. */
static double measure_drain(const char *path, uint64_t *dropped)
{
    struct ada_thread_stats before = {0}, after;
    double start;

    session(path, ADA_POLICY_BLOCK);
    (void)ada_thread_stats_read(&before);
    start = now_ns();
    for (uint64_t i = 0; i < SATURATION; i++)
        ada_trace_bench_value(i);
    check(ada_session_stop(), "cannot end the session");
    start = now_ns() - start;
    check(ada_thread_stats_read(&after), "no ring");
    *dropped = after.dropped - before.dropped;
    return SATURATION / (start / 1e9);
}

struct figures {
    double ns[CASES], ratio, tick_ns, drain;
    uint64_t p50, p99, p999, longest, dropped;
};

static void print_text(const struct figures *f, int rounds)
{
    for (int c = 0; c < CASES; c++)
        printf("%-22s %8.2f ns\n", case_names[c], f->ns[c]);
    printf("%-22s %8.2f x     (median of %d rounds)\n", "emit / clock", f->ratio, rounds);
    printf("%-22s %8.2f ns\n", "off, over empty loop", f->ns[OFF] - f->ns[EMPTY]);
    printf("%-22s %8.1f M/s\n", "emits a second", 1e3 / f->ns[EMIT]);
    printf("%-22s %8.0f ns    p99 %.0f  p99.9 %.0f  max %.0f\n", "single emit, p50",
           (double)f->p50 * f->tick_ns, (double)f->p99 * f->tick_ns, (double)f->p999 * f->tick_ns,
           (double)f->longest * f->tick_ns);
    printf("%-22s %8.1f M/s   %" PRIu64 " dropped (policy block, 8-byte payload, to a file)\n",
           "drain", f->drain / 1e6, f->dropped);
}

static void print_json(const struct figures *f, int rounds)
{
    printf(
        "{\"rounds\": %d, \"clock_ns\": %.3f, \"emit_ns\": %.3f, \"emit_over_clock\": %.3f, "
        "\"off_ns\": %.3f, \"emit_p50_ns\": %.1f, \"emit_p99_ns\": %.1f, \"emit_p999_ns\": %.1f, "
        "\"emit_max_ns\": %.1f, \"emits_per_second\": %.0f, \"drain_events_per_second\": %.0f, "
        "\"drain_dropped\": %" PRIu64 "}\n",
        rounds, f->ns[CLOCK], f->ns[EMIT], f->ratio, f->ns[OFF] - f->ns[EMPTY],
        (double)f->p50 * f->tick_ns, (double)f->p99 * f->tick_ns, (double)f->p999 * f->tick_ns,
        (double)f->longest * f->tick_ns, 1e9 / f->ns[EMIT], f->drain, f->dropped);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    int rounds = argc > 1 + json ? atoi(argv[1 + json]) : ROUNDS_DEFAULT;
    char path[] = "/tmp/bench-floor-XXXXXX";
    int fd = mkstemp(path);
    struct figures f;

    if (rounds < 1 || rounds > ROUNDS_MAX || fd < 0) {
        fprintf(stderr, "usage: bench_floor [--json] [ROUNDS up to %d]\n", ROUNDS_MAX);
        return 2;
    }
    close(fd);
    session(path, ADA_POLICY_DROP);
    measure(1); /* first touch of everything */
    measure(rounds);
    f.longest = measure_tail();
    check(ada_session_stop(), "cannot end the session");
    for (int c = 0; c < CASES; c++)
        f.ns[c] = median(samples[c], rounds);
    f.ratio = median_ratio(EMIT, CLOCK, rounds);
    f.tick_ns = 1 / ticks_per_ns();
    f.p50 = percentile(0.5);
    f.p99 = percentile(0.99);
    f.p999 = percentile(0.999);
    f.drain = measure_drain(path, &f.dropped);
    unlink(path);
    if (json)
        print_json(&f, rounds);
    else
        print_text(&f, rounds);
    return 0;
}
