/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops that every contestant of the emit benchmarks is measured with: the same source,
 * expanded with each one's own way to emit. Include it once, after defining
 *
 *     EMIT_EMPTY()  EMIT_U64(value)  EMIT_WORDS4(words)  EMIT_WORDS16(words)  EMIT_TEXT(text)
 *     EMIT_MIX(value, number, text)  EMIT_CALL(address)  EMIT_OFF(value)
 *
 * EMIT_OFF is an event that is switched off. "calls" is what a traced recursion emits: an address
 * on entry and on exit, two functions for each step, as a Lua call makes. "noise" does not
 * compress.
 */
#ifndef ADATRACE_BENCH_EMIT_LOOPS_H
#define ADATRACE_BENCH_EMIT_LOOPS_H

#include <stddef.h>

#include "bench/worker.h"

#define EMIT_TEXT_VALUE "fifteen letters" /* 15 characters */

static const uint64_t emit_words[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Nothing is known of it, so nothing is folded or hoisted; no instruction. */
#define EMIT_HIDE(value) __asm__ volatile("" : "+r"(value))

/* ---- all the same: `EMITTED` per turn ---- */

#define EMIT_LOOP(name, EMITTED)                                     \
    __attribute__((noinline)) static void run_##name(uint64_t count) \
    {                                                                \
        for (uint64_t i = 0; i < count; i++) {                       \
            EMIT_HIDE(i);                                            \
            EMITTED;                                                 \
        }                                                            \
    }                                                                \
    static void each_##name(uint64_t count, struct tail *tail)       \
    {                                                                \
        for (uint64_t i = 0; i < count; i++) {                       \
            uint64_t start;                                          \
                                                                     \
            tail_prepare(tail);                                      \
            start = worker_ticks();                                  \
            EMIT_HIDE(i);                                            \
            EMITTED;                                                 \
            tail_add(tail, worker_ticks() - start);                  \
        }                                                            \
    }

EMIT_LOOP(nothing, (void)0)
EMIT_LOOP(empty, EMIT_EMPTY())
EMIT_LOOP(u64, EMIT_U64(i))
EMIT_LOOP(words4, EMIT_WORDS4(emit_words))
EMIT_LOOP(words16, EMIT_WORDS16(emit_words))
EMIT_LOOP(text, EMIT_TEXT(EMIT_TEXT_VALUE))
EMIT_LOOP(mix, EMIT_MIX(i, (uint32_t)i, EMIT_TEXT_VALUE))
EMIT_LOOP(off, EMIT_OFF(i))

/* ---- what a full drain gets ---- */

/* xorshift64: cheap beside a clock reading, and zstd finds nothing in it. */
static void run_noise(uint64_t count)
{
    uint64_t x = 0x9e3779b97f4a7c15u ^ count;

    for (uint64_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        EMIT_U64(x);
    }
}

/* Returns how many events are left to emit. */
static uint64_t calls_descend(unsigned depth, uint64_t left)
{
    static const char function[64];

    if (left < 4)
        return 0;
    EMIT_CALL(&function[0]);
    EMIT_CALL(&function[16]);
    left -= 2;
    if (depth > 1)
        left = calls_descend(depth - 2, calls_descend(depth - 1, left));
    EMIT_CALL(&function[32]);
    EMIT_CALL(&function[48]);
    return left < 2 ? 0 : left - 2;
}

static void run_calls(uint64_t count)
{
    while (count >= 4)
        count = calls_descend(30, count);
}

#define EMIT_CASES                                                                          \
    {"nothing", run_nothing, each_nothing}, {"empty", run_empty, each_empty},               \
        {"u64", run_u64, each_u64}, {"words4", run_words4, each_words4},                    \
        {"words16", run_words16, each_words16}, {"text", run_text, each_text},              \
        {"mix", run_mix, each_mix}, {"off", run_off, each_off}, {"noise", run_noise, NULL}, \
    {                                                                                       \
        "calls", run_calls, NULL                                                            \
    }

#endif
