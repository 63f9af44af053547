/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session files: more than one file from one session.
 *
 * A session goes on in a new file when the one that it writes is large or old enough, or somebody
 * asks: NAME.0001.adatrace, NAME.0002.adatrace and so on, each complete in itself, of which the
 * newest `keep` stay. And it writes snapshots: of a flight recorder what it keeps, else the file so
 * far. The drain only hands over; symbols, ends of files and snapshots are the work of another
 * thread (errands.h).
 *
 * session_files_turn() and the calls that say so belong to the drain's thread; the others may come
 * from any other.
 */
#ifndef ADATRACE_DRAIN_SESSION_FILES_H
#define ADATRACE_DRAIN_SESSION_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "drain/drain.h"

struct session_files;

struct session_files_options {
    const char *path;                 /* of the trace, absolute, as asked for; copied */
    bool replace;                     /* files that are there may be replaced */
    uint64_t rotate_bytes, rotate_ns; /* go on in another file then; 0: never */
    unsigned keep;                    /* how many stay, the one that is written included; 0: all */
    void *context;
    /* Give the file the symbols of its addresses; in the errands' thread. May be NULL. */
    void (*resolve)(void *context, const struct drain_module *modules, struct trace_ending *ending);
};

/* 0 or a negative errno. The first file is the caller's: session_files_first() names it. */
int session_files_create(struct session_files **out, const struct session_files_options *options)
    __attribute__((warn_unused_result));
/* The session has begun for good. In the next turn, or at the end, files of an earlier one go that
 * have the numbers still to come, if files may be replaced. Any thread. */
void session_files_stay(struct session_files *files);
/* Waits for all that is to be done, and does what there was no turn for. After drain_stop(), before
 * drain_close(): snapshots borrow from the drain. */
void session_files_finish(struct session_files *files, struct drain *drain);
void session_files_destroy(struct session_files *files);

/* Once a round, in the drain's thread: go on in another file when it is time. */
void session_files_turn(struct session_files *files, struct drain *drain, uint64_t now_ns);

/*
 * Go on in another file now; path[PATH_MAX] becomes that of the new one. 0, or a negative errno:
 * the session goes on as it was. -ENOTSUP: a flight recorder writes none; -ESPIPE: no regular file.
 */
int session_files_rotate(struct session_files *files, struct drain *drain, char path[PATH_MAX])
    __attribute__((warn_unused_result));

/* ---- snapshots ---- */

struct snapshot_result {
    int status;          /* 0 or a negative errno */
    char path[PATH_MAX]; /* of the file, or of the one that could not be written */
    uint64_t file_bytes;
};

struct snapshot_wish {
    const char *path;    /* absolute; NULL: NAME-snapshot-0001.adatrace or the next that is free */
    bool replace;        /* `path` may be there: it stays until the new one is complete */
    uint64_t before_ns;  /* a flight recorder: no more than the last so many; 0: all it keeps */
    uint64_t from_ticks; /* not 0, instead of that: no more than since then, by the drain's clock */
    /* Called when it is there or has failed, in the errands' thread. May be NULL. */
    void (*done)(void *context, const struct snapshot_result *result);
    void *context;
};

/* Begin one: what has been taken by now will be in it. 0: `done` will be called, else it will not;
 * its result's -EBUSY: `path` is the file that the session itself records into. -ESPIPE: the
 * session writes into a pipe; -ESHUTDOWN: it ends. */
int session_files_snapshot(struct session_files *files, struct drain *drain,
                           const struct snapshot_wish *wish) __attribute__((warn_unused_result));
/* The same in the drain's thread, or when it does not run any more. */
int session_files_snapshot_here(struct session_files *files, struct drain *drain,
                                const struct snapshot_wish *wish)
    __attribute__((warn_unused_result));
/* Begin one and wait until it is there. The result's status is returned. `last`: the drain's thread
 * has ended. */
int session_files_snapshot_wait(struct session_files *files, struct drain *drain,
                                const struct snapshot_wish *wish, bool last,
                                struct snapshot_result *result) __attribute__((warn_unused_result));

/* ---- figures ---- */

struct session_files_figures {
    unsigned number;    /* of the file that is written; 0: it is not numbered */
    unsigned deleted;   /* older ones */
    uint64_t end_bytes; /* of files that are ended: what was added there to what the drain wrote */
    unsigned snapshots; /* written */
    int error;          /* the first that ending a file met */
    char error_path[256]; /* of that file, perhaps cut */
};
void session_files_figures(struct session_files *files, struct session_files_figures *out);

#endif
