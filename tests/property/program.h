/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program: what some threads, their signal handlers and the drain do, step by step. Made from a
 * seed, printed for people, and small enough to be tried again with a step less.
 *
 * A step with `at` is no step of its own: it comes in between, that many points (points.h) into
 * what runs just then, the step before it or another one that came in between. Where its thread is
 * in the middle of something, it is that thread's signal handler. Pure functions; any thread.
 */
#ifndef ADATRACE_TESTS_PROGRAM_H
#define ADATRACE_TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum step_kind {
    STEP_EMIT,     /* `count` records, as the macros do */
    STEP_BY_HAND,  /* the same, by reserve and commit */
    STEP_BATCH,    /* the same, all at once */
    STEP_HOLD,     /* reserve one record, and keep it open */
    STEP_COMMIT,   /* of the records that are open, number `count` */
    STEP_ROLLBACK, /* the same */
    STEP_END,      /* the thread ends; its slot is used again */
    STEP_ROUND,    /* the drain looks at all rings */
    STEP_SECOND,   /* the same, a second later */
    STEP_SESSION,  /* the drain ends its file; another one takes the segment on */
    STEP_KINDS
};

struct step {
    uint8_t kind, thread;
    uint8_t jump; /* a handler leaves so many unfinished emits of its thread for ever */
    uint16_t count;
    uint32_t bytes; /* payload of each record */
    uint32_t at;
};

enum {
    PROGRAM_STEPS_MAX = 160,
    PROGRAM_THREADS = 5,
    PROGRAM_RECORDS_MAX = 4096,
    PROGRAM_PAYLOAD_MIN = 8
};

struct program {
    uint64_t seed;   /* for what is not in the steps: patience of waits */
    uint8_t house;   /* geometry: house.h */
    uint8_t lazy;    /* of 8 waits for room, those that the drain sleeps through */
    uint32_t budget; /* by which rings may grow; 0: any */
    uint32_t count;
    struct step steps[PROGRAM_STEPS_MAX];
};

void program_make(struct program *program, uint64_t seed);
void program_print(const struct program *program, FILE *out);

uint64_t program_random(uint64_t *state);

#endif
