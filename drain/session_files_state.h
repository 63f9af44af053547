/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of session files, shared by rotation and snapshots.
 */
#ifndef ADATRACE_DRAIN_SESSION_FILES_STATE_H
#define ADATRACE_DRAIN_SESSION_FILES_STATE_H

#include <pthread.h>

#include "drain/errands.h"
#include "drain/session_files.h"

struct session_files {
    struct session_files_options options;
    char *path;
    struct errands *errands;

    /* The drain's thread. */
    unsigned number;         /* of the file that is written, from 1 */
    uint64_t begun_ns;       /* when that was */
    uint64_t begun_bytes;    /* and what all files together had by then */
    uint64_t begun_lost;     /* records that could not be written, by then */
    uint64_t begun_ticks[2]; /* this file's and the one's before it */
    uint64_t retry_ns;       /* not before: the next file could not be begun */
    bool started, complained;
    bool cleared;   /* files of an earlier session have given way */
    uint32_t stays; /* atomic; any thread: this one has begun for good */

    /* The errands' thread. */
    unsigned snapshot_number; /* the last one used */
    unsigned oldest;          /* number of the oldest file that is there */

    pthread_mutex_t lock;
    struct session_files_figures figures; /* under lock */
    unsigned waiting;                     /* under lock: finished files that are not ended yet */
};

/* In the errands' thread: give it symbols, end it, and take the modules back. Its size. */
int file_end(struct session_files *files, struct trace_ending *ending, struct drain_module *modules,
             uint64_t *file_bytes);

#endif
