/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor as a contestant: the least that an event can cost here. Read the clock, store header
 * and payload into memory of this thread, publish with one release store. No check for room, nobody
 * who reads it, no way to switch it off, no care for signal handlers.
 *
 *     emit_floor                requests as in worker.h; cases tsc, clock_gettime and width besides
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/worker.h"

enum { RING_BYTES = 4 << 20, RECORD_MAX = 256 };

struct floor_ring {
    unsigned char *data;
    uint64_t head __attribute__((aligned(128)));
};
static __thread struct floor_ring ring;

static inline __attribute__((always_inline)) unsigned char *floor_begin(void)
{
    unsigned char *at = ring.data + (ring.head & (RING_BYTES - 1));
    uint64_t word = worker_ticks();

    memcpy(at, &word, 8);
    return at + 8;
}

static inline __attribute__((always_inline)) void floor_publish(uint64_t payload_bytes)
{
    /* Release: what a reader would pair its acquire of head with. */
    __atomic_store_n(&ring.head, ring.head + 8 + ((payload_bytes + 7) & ~UINT64_C(7)),
                     __ATOMIC_RELEASE);
}

static inline __attribute__((always_inline)) void floor_emit(const void *payload, uint64_t bytes)
{
    memcpy(floor_begin(), payload, bytes);
    floor_publish(bytes);
}

static inline __attribute__((always_inline)) void floor_emit_mix(uint64_t value, uint32_t number,
                                                                 const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    unsigned char *at = floor_begin();

    memcpy(at, &value, 8);
    memcpy(at + 8, &number, 4);
    memcpy(at + 12, &length, 4);
    memcpy(at + 16, text, length);
    floor_publish(16u + length);
}

static inline __attribute__((always_inline)) void floor_emit_text(const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    unsigned char *at = floor_begin();

    memcpy(at, &length, 4);
    memcpy(at + 4, text, length);
    floor_publish(4u + length);
}

#define EMIT_EMPTY()                  ((void)floor_begin(), floor_publish(0))
#define EMIT_U64(value)               floor_emit(&(value), 8)
#define EMIT_WORDS4(words)            floor_emit(words, 32)
#define EMIT_WORDS16(words)           floor_emit(words, 128)
#define EMIT_TEXT(text)               floor_emit_text(text)
#define EMIT_MIX(value, number, text) floor_emit_mix(value, number, text)
#define EMIT_OFF(value)               ((void)(value))
#define EMIT_CALL(address)            floor_emit(&(const char *){address}, 8)
#include "bench/emit_loops.h"

static void run_tsc(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t ticks = worker_ticks();

        EMIT_HIDE(ticks);
    }
}

static void run_clock_gettime(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        EMIT_HIDE(now.tv_nsec);
    }
}

/* Additions that do not wait for each other: what a core can do at a time. Another hardware thread
 * on the same core, of another guest's, takes up to half of that; reading the clock takes no longer
 * for it. */
static void run_width(uint64_t count)
{
    uint64_t sums[8] = {0};

    for (uint64_t i = 0; i < count; i++) {
#pragma GCC unroll 8
        for (int n = 0; n < 8; n++) {
            sums[n]++;
            EMIT_HIDE(sums[n]);
        }
    }
}

/* Every thread brings its memory with it; settling comes before each measurement. */
static void ring_prepare(uint64_t count, void (*run)(uint64_t))
{
    if (!ring.data) {
        ring.data = malloc(RING_BYTES + RECORD_MAX);
        if (!ring.data)
            abort();
        memset(ring.data, 1, RING_BYTES + RECORD_MAX);
    }
    run(count);
}

#define PREPARED(name)                          \
    static void prepared_##name(uint64_t count) \
    {                                           \
        ring_prepare(count, run_##name);        \
    }
PREPARED(empty)
PREPARED(u64)
PREPARED(words4)
PREPARED(words16)
PREPARED(text)
PREPARED(mix)
PREPARED(noise)
PREPARED(calls)

static void each_prepared_u64(uint64_t count, struct tail *tail)
{
    ring_prepare(0, run_u64);
    each_u64(count, tail);
}

int main(void)
{
    static const struct worker_case cases[] = {
        {"tsc", run_tsc, NULL},
        {"clock_gettime", run_clock_gettime, NULL},
        {"width", run_width, NULL},
        {"nothing", run_nothing, each_nothing},
        {"off", run_off, each_off},
        {"empty", prepared_empty, each_empty},
        {"u64", prepared_u64, each_prepared_u64},
        {"words4", prepared_words4, each_words4},
        {"words16", prepared_words16, each_words16},
        {"text", prepared_text, each_text},
        {"mix", prepared_mix, each_mix},
        {"noise", prepared_noise, NULL},
        {"calls", prepared_calls, NULL},
        {NULL, NULL, NULL},
    };
    const struct worker worker = {.cases = cases};

    return worker_serve(&worker);
}
