/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring race: the ways to hand 8-byte records from one thread to another that ring_race.c measures.
 * Each contestant has two queues, so that there is a way back, of PLACES records or as many bytes
 * as those take. Numbers are sent in order, and the consumer checks them.
 */
#ifndef ADATRACE_BENCH_RING_RACE_H
#define ADATRACE_BENCH_RING_RACE_H

#include <stdbool.h>
#include <stdint.h>

enum { RACE_PLACES = 1 << 18, RACE_BATCH_MAX = 256 };

struct race_contestant {
    const char *name;
    void (*open)(void);
    void (*close)(void);
    /* 0 to count - 1 through queue 0; batch 1: one by one. Full or empty: look again at once. NULL:
     * no queue. */
    void (*produce)(uint64_t count, unsigned batch);
    void (*consume)(uint64_t count, unsigned batch);
    bool (*put)(int queue, uint64_t value);   /* false: full */
    bool (*take)(int queue, uint64_t *value); /* false: empty */
    uint64_t (*take_sleeping)(int queue);     /* sleeps while it is empty; NULL: cannot */
};

extern const struct race_contestant race_floor, race_adatrace, race_tracer, race_mutex,
    race_wfcqueue;

/* The consumer's check of what it got. */
void race_expect(uint64_t value, uint64_t expected);

static inline __attribute__((always_inline)) void race_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

#endif
