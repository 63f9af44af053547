/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec environment: a new program is followed when its environment holds LD_PRELOAD with the agent
 * and ADATRACE_SESSION. Whoever executes it may have made an environment from scratch; then they
 * are put back, never twice. A program that cannot carry the agent gets it taken out.
 *
 * Allocates nothing and changes nothing of the program's: most environments pass as they are,
 * others are copied into the caller's frame, large ones into memory of the calling thread's own
 * that is reused, because a vfork child that succeeds gives nothing back. Async-signal-safe.
 */
#ifndef ADATRACE_AGENT_EXEC_ENVIRONMENT_H
#define ADATRACE_AGENT_EXEC_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct exec_scratch;

enum { EXEC_ENTRIES_SMALL = 32 };

struct exec_environment {
    char *const *entries; /* for the new program */
    struct exec_scratch *scratch;
    char *small[EXEC_ENTRIES_SMALL];
};

/* What is to be put back or taken out; once. */
void exec_environment_prepare(void);

/* Fill in `entries` from `given` (may be NULL: empty). `fit`: the program may carry the agent;
 * `follow`: and is to get it. */
void exec_environment_init(struct exec_environment *environment, char *const *given, bool fit,
                           bool follow);

/* The program was not executed, or in another process. Leaves errno alone. */
void exec_environment_fini(struct exec_environment *environment);

#endif
