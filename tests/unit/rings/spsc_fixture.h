/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of rings, channels and fan-in share: random numbers whose seed is printed, records
 * that tell their number, and children that can be waited for. Main thread, except where it says.
 */
#ifndef ADATRACE_TESTS_SPSC_FIXTURE_H
#define ADATRACE_TESTS_SPSC_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* For any thread: cmocka's jumps belong to one. */
#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* A new seed, printed; SPSC_SEED in the environment repeats a run. */
uint64_t fixture_seed(void);
uint64_t fixture_random(uint64_t *state);

/* Times so much fewer rounds where something makes everything slower. */
unsigned fixture_rounds(unsigned rounds);

/* A record of 8 to 8 + most bytes (by its number) that says which one it is. Returns its length. */
size_t fixture_record(uint64_t number, size_t most, unsigned char *out);
/* The number that a record tells; UINT64_MAX: it is none. Any thread. */
uint64_t fixture_number(const void *record, size_t bytes, size_t most);

/* Runs `part` in a forked child, which ends with what it returns. */
pid_t fixture_fork(int (*part)(void *context), void *context);
/* The status of a child that ended by itself, or minus the signal that ended it. */
int fixture_wait(pid_t child);

#endif
