/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library calls that fail on request: for sweeps in which the n-th call fails, for every n until
 * there is no n-th. Unlike tests/helpers/faulty: calls of all threads, of one kind at a time, and
 * also all that come after the n-th. Linked with --wrap for each of the calls (CMakeLists.txt), so
 * only calls of our own objects count, not those that libc and zstd make for themselves. Any thread
 * may make the calls; the test asks for failures while no other thread runs.
 */
#ifndef ADATRACE_TESTS_CALL_FAILS_H
#define ADATRACE_TESTS_CALL_FAILS_H

#include <stdbool.h>

enum call_kind {
    CALL_MEMORY = 1 << 0, /* malloc, calloc, realloc, strdup, strndup: no memory */
    CALL_READ = 1 << 1,   /* pread: `error` */
    CALL_THREAD = 1 << 2, /* pthread_create: EAGAIN */
    /* call_fails_kernel.c: */
    CALL_WRITE = 1 << 3, /* write: `error` */
    CALL_OPEN = 1 << 4,  /* open, mkdir, socket, socketpair, bind, listen: `error` */
};

/* Is this call one of those that fail? Then errno says how. For what stands in front of calls. */
bool call_is_due(enum call_kind kind);

/* From now on the calls first..last of these kinds, counted from 1, fail. */
void calls_fail(unsigned kinds, unsigned first, unsigned last, int error);
/* After calls_pass(): as before it. */
void calls_go_on(void);
/* From now on none does. How many have failed since they were asked to. */
unsigned calls_pass(void);

/*
 * Runs in which every call fails, first by itself, then together with all that follow it, until
 * there is none left that could. Begins as {.kinds, .error}:
 *
 *     while (call_sweep_next(&sweep)) {
 *         prepare();
 *         call_sweep_arm(&sweep);
 *         work();
 *         if (calls_pass() == 0) ... nothing has failed
 *     }
 */
struct call_sweep {
    unsigned kinds;
    int error;
    unsigned runs, first;
    bool for_ever;
};
bool call_sweep_next(struct call_sweep *sweep); /* false: all done */
void call_sweep_arm(const struct call_sweep *sweep);

#endif
