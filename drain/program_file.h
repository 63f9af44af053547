/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program file: will the agent come up in a program, and does preloading it do any harm? Told from
 * the file alone, before or after it runs. Any thread.
 */
#ifndef ADATRACE_DRAIN_PROGRAM_FILE_H
#define ADATRACE_DRAIN_PROGRAM_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct program_verdict {
    bool is_traceable;
    bool is_elf;
    bool may_preload; /* false: its loader would complain about the agent, or choke on it */
    bool may_emit;    /* what it emits by the tracer API is recorded, be it traceable or not */
    char why[256];    /* not traceable: a clause for people, such as "it is statically linked" */
};

/* Scripts are judged by their interpreter. 0 or a negative errno: it cannot be read, which says
 * nothing about running it. */
int program_inspect(const char *path, struct program_verdict *verdict)
    __attribute__((warn_unused_result));

/*
 * Where `name` would be found by execvp(3): itself when it has a slash, else along `search` (PATH;
 * NULL: the default). 0, or -ENOENT, -EACCES: found, but not to be executed; -EISDIR.
 */
int program_find(const char *name, const char *search, char *path, size_t size)
    __attribute__((warn_unused_result));

#endif
