/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adatrace as a contestant: the public API, a session of its own, a real drain, a real file.
 *
 *     emit_adatrace FILE [POLICY [RING_BYTES]]    POLICY: drop, block; requests as in worker.h
 *     emit_adatrace --joined                      under `adatrace record`: the collector's session
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adatrace/adatrace.h>

#include "bench/worker.h"

ADA_EVENT(bench, empty)
ADA_EVENT(bench, u64, (u64, value))
ADA_EVENT(bench, words4, (array, u64, 4, words))
ADA_EVENT(bench, words16, (array, u64, 16, words))
ADA_EVENT(bench, text, (string, text))
ADA_EVENT(bench, mix, (u64, value), (u32, number), (string, text))
ADA_EVENT(bench, call, (code, function))
ADA_EVENT(bench, off, (u64, value))

#define EMIT_EMPTY()                  ada_trace_bench_empty()
#define EMIT_U64(value)               ada_trace_bench_u64(value)
#define EMIT_WORDS4(words)            ada_trace_bench_words4(words)
#define EMIT_WORDS16(words)           ada_trace_bench_words16(words)
#define EMIT_TEXT(text)               ada_trace_bench_text(text)
#define EMIT_MIX(value, number, text) ada_trace_bench_mix(value, number, text)
#define EMIT_OFF(value)               ada_trace_bench_off(value)
#define EMIT_CALL(address)            ada_trace_bench_call(address)
#include "bench/emit_loops.h"

static int thread_fill(void *filled, const struct ada_thread_stats *stats)
{
    *(bool *)filled |= stats->fill_bytes != 0;
    return 0;
}

/* Until the drain has emptied every ring. */
static void drain_wait(void)
{
    bool filled;

    do {
        filled = false;
        (void)ada_threads_visit(thread_fill, &filled);
    } while (filled && !sched_yield());
}

static int thread_dropped(void *total, const struct ada_thread_stats *stats)
{
    *(uint64_t *)total += stats->dropped;
    return 0;
}

static uint64_t dropped_total(void)
{
    uint64_t total = 0;

    (void)ada_threads_visit(thread_dropped, &total);
    return total;
}

static int session_start(int argc, char **argv)
{
    struct ada_session_options options = {
        .size = sizeof(options), .events = "*,!bench:off", .replace = 1};

    if (argc > 2 && !strcmp(argv[2], "block"))
        options.policy = ADA_POLICY_BLOCK;
    else if (argc > 2 && strcmp(argv[2], "drop") != 0)
        return -EINVAL;
    if (argc > 3)
        options.ring_bytes = strtoull(argv[3], NULL, 10);
    return ada_session_start(argv[1], &options);
}

int main(int argc, char **argv)
{
    static const struct worker_case cases[] = {EMIT_CASES, {NULL, NULL, NULL}};
    const struct worker worker = {
        .cases = cases, .settle = drain_wait, .dropped = dropped_total, .finish = ada_session_stop};
    int err;

    if (argc < 2) {
        fprintf(stderr, "usage: emit_adatrace FILE [drop|block [RING_BYTES]] | --joined\n");
        return 2;
    }
    err = !strcmp(argv[1], "--joined") ? 0 : session_start(argc, argv);
    if (err < 0) {
        fprintf(stderr, "emit_adatrace: no session: %s\n", ada_error_text(err));
        return 1;
    }
    return worker_serve(&worker);
}
