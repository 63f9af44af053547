/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nest: run code one instruction at a time and interrupt it behind one that chance picks, by a
 * handler, what that handler runs by another one, and so on. Where step.h tries every instruction
 * of one emit with one handler, this tries a few of many, with handlers upon handlers.
 *
 * All of it happens in the process itself, on its stack or on an alternate one; the same random
 * numbers interrupt behind the same instructions. x86-64 only. For programs with one thread.
 */
#ifndef ADATRACE_TESTS_NEST_H
#define ADATRACE_TESTS_NEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEST_DEEPEST = 3 };

struct nest {
    void (*interrupt)(void *context); /* called on top of what runs; may nest_run() in its turn */
    void *context;
    uint64_t *random;
    int deepest;   /* handlers upon handlers, at most NEST_DEEPEST */
    unsigned most; /* interruptions of what is run by no handler, with all that interrupts those */
    unsigned left; /* ours: of these */
    uint64_t count;
};

bool nest_is_possible(void);

/* From here to nest_close(), n says how. Handlers on `stack`, unless it is NULL. */
void nest_open(struct nest *n, void *stack, size_t stack_bytes);
void nest_close(void);

/* How many handlers we are in. */
int nest_depth(void);
/* Interrupted behind an instruction, or where it says nest_meet(), or by chance not. */
void nest_run(void (*run)(void *context), void *context);
/* In what runs: where an application's own code takes long, between a reserve and its commit. */
void nest_meet(void);

#endif
