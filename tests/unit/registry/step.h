/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step: run code one instruction at a time (the processor's trap flag) and interrupt it behind
 * every single one, as a signal handler would. What storms of signals meet by chance once in a
 * million, this meets in every run.
 *
 * Each interruption happens in a forked copy of the process, so the code itself is stepped through
 * only once. x86-64, no emulator that ignores the flag, and no sanitizer, whose instructions would
 * be most: else step_is_possible() is false. On 64-bit Arm a debugger does it, in an emulator:
 * tests/machines/test_step.py. For programs with one thread.
 */
#ifndef ADATRACE_TESTS_STEP_H
#define ADATRACE_TESTS_STEP_H

#include <stdbool.h>
#include <stdint.h>

bool step_is_possible(void);
/* Can a copy's judge step through more? */
bool step_nests(void);

/* The kernel's page of code. Reading the clock there begins anew with every tick of the kernel's:
 * it would never end if each of its instructions took long. */
bool step_in_vdso(uintptr_t at);

struct step_plan {
    void (*run)(void *context);       /* what is stepped through */
    void (*interrupt)(void *context); /* called on top of it; may not jump out unless `jumps` */
    /* In the copy, after run() is over or was left. False: the copy found something wrong, and said
     * so. May step through more. */
    bool (*judge)(void *context);
    void *context;
    bool jumps;     /* run() is left when interrupt() returns, as by siglongjmp */
    unsigned every; /* interrupt behind every so many instructions only; 0: 1 */
};

/* Returns how many instructions were interrupted; what the copies found wrong is printed with the
 * place in the program, and counted in *failed. */
uint64_t step_through(const struct step_plan *plan, uint64_t *failed);

#endif
