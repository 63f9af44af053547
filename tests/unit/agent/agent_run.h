/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a program plainly, with the agent but no collector, and traced, and seeing what can be
 * seen of it from outside. For tests; failures fail the test that runs.
 */
#ifndef ADATRACE_TESTS_AGENT_RUN_H
#define ADATRACE_TESTS_AGENT_RUN_H

#include "agent_collector.h"

enum run_mode {
    RUN_PLAIN,     /* no agent */
    RUN_PRELOADED, /* the agent finds no collector */
    RUN_TRACED
};

struct run {
    int status; /* as waitpid(2) */
    char *out, *err;
};

/* `collector` for RUN_TRACED. `preload` (may be NULL) is more of LD_PRELOAD, behind the agent. */
struct run run_program(enum run_mode mode, const struct agent_collector *collector,
                       char *const argv[], const char *preload);
void run_free(struct run *run);

/* A program of tests/unit/agent/programs/: its path, in a static buffer. */
char *run_path(const char *program);

/* Run traced to the end; the caller frees the collector. The program has to exit with 0. */
struct agent_collector *run_traced(char *const argv[],
                                   const struct agent_collector_options *options);

#endif
