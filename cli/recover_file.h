/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of `adatrace recover`: a trace that was cut off, or the segment of a dead session; what
 * was saved of it, and what cannot be known. Main thread.
 */
#ifndef ADATRACE_CLI_RECOVER_FILE_H
#define ADATRACE_CLI_RECOVER_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drain/recover.h"

enum recover_kind { RECOVER_TRACE, RECOVER_SEGMENT };

enum recover_state {
    RECOVER_WHOLE,   /* there was nothing to do: nothing is written */
    RECOVER_SAVED,   /* `output` holds what there was */
    RECOVER_NOTHING, /* a segment with empty rings: nothing is written */
    RECOVER_FAILED   /* said on stderr, and in `why` */
};

struct recover_result {
    const char *path;
    enum recover_kind kind;
    enum recover_state state;
    char output[PATH_MAX], why[512];
    uint64_t events, dropped, overwritten;
    uint32_t processes, threads;
    int64_t from_ns, to_ns;  /* of the first and last block */
    uint64_t bytes_left_out; /* of a trace: behind its last whole block, or damaged */
    uint64_t damaged_blocks;
    uint32_t open_threads; /* of a trace: were alive when it was cut off */
    struct recover_figures segment;
};

struct recover_wish {
    const char *output; /* NULL: named after the file, in the current folder */
    bool force, in_use;
    char *const *paths; /* all files: a segment's records may be in one of the traces */
    int path_count;
    const bool *saved; /* by place in `paths`: its file was written; with --force, too, it stays */
};

/* Recover one of them. Says on stderr what goes wrong. */
void recover_file(const char *path, const struct recover_wish *wish, struct recover_result *result);

#endif
