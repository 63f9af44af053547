/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for test_ring_nest.c: a ring by chance, and emissions into it that handlers upon
 * handlers interrupt (nest.h), which emit, fill the ring or change its room. One seed, one program.
 *
 * What docs/MEMORY-MODEL.md says remains (12) is left out: the ring does not come round to a writer
 * who is away.
 */
#ifndef ADATRACE_TESTS_NEST_PROGRAM_H
#define ADATRACE_TESTS_NEST_PROGRAM_H

#include "nest.h"
#include "ring_fixture.h"

enum {
    NEST_ATTEMPTS_MAX = 4096, /* more than any program has */

    /* What handlers do besides emitting, and where. */
    NEST_FILLS = 1,  /* fill the ring */
    NEST_DRAINS = 2, /* read: no elastic ring, and not together with NEST_FILLS */
    NEST_ROOM = 4,   /* the ring's room changes there: it is elastic */
    NEST_HOLDS = 8,  /* not they: the thread holds a record while they come */
    NEST_WITHIN = 16 /* on a stack that lies in a frame of the thread's own, above them all */
};

struct nest_program {
    uint64_t seed, random;
    unsigned kind; /* NEST_FILLS, ... */
    struct nest nest;
    struct ring_fixture f;
    struct ledger l;
    uint64_t attempted, rolled_back, twice;
    uint64_t allowance; /* bytes that handlers may still emit, where the ring could come round */
    struct ada_record held;
    bool holds;
    uint64_t sp;                  /* of the frame that commits it */
    bool read[NEST_ATTEMPTS_MAX]; /* by seed of the payload */
};

/* `stack`: what handlers run on, or NULL. True: all of it adds up; else *why, from `why_bytes`,
 * says what does not. */
bool nest_program_run(struct nest_program *p, uint64_t seed, unsigned kind, void *stack,
                      size_t stack_bytes, char *why, size_t why_bytes);

#endif
