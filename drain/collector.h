/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collector: the recording side of `adatrace record`. Gives every process that says hello a
 * segment, drains them all into one file, and puts the symbols in at the end.
 *
 * Has threads of its own, the door, the drain and the control, with all signals blocked. Its calls
 * are for one thread at a time; only collector_figures() and collector_note() may come from any.
 */
#ifndef ADATRACE_DRAIN_COLLECTOR_H
#define ADATRACE_DRAIN_COLLECTOR_H

#include "drain/drain.h"
#include "drain/drain_stats.h"
#include "drain/session_files.h"
#include "drain/session_triggers.h"
#include "drain/symbolize.h"

struct collector;

struct collector_options {
    struct segment_geometry geometry; /* of every process's segment; clock 0: to be chosen */
    uint64_t ring_budget;             /* bytes by which all rings may grow; 0: a good number */
    struct wait_choice wait;          /* of the drain */
    const char *globs;                /* which events are on; NULL: all */
    uint32_t level;                   /* highest enum ada_level that is on */
    int compression;                  /* zstd level */
    unsigned drain_threads;           /* that compress and write; 0: 1, at most 16 */
    const char *command;              /* as one would type it */
    const char *name;                 /* of the session, for people; NULL: none */
    const char *file;                 /* the trace's absolute path, for people */
    /* More than one file; of these: replace, rotate_bytes, rotate_ns, keep. */
    struct session_files_options files;
    /* A flight recorder: no file, the newest records in memory, as many as either allows (0: any
     * number). `fd` is -1 then, and `file` what snapshots are named after. */
    bool flight;
    uint64_t flight_bytes, flight_ns;
    enum collector_last { LAST_ON_ERROR, LAST_NEVER, LAST_ALWAYS } last_snapshot; /* at the end */
    /* Conditions that triggers_check() has passed: a snapshot each time that one is met. */
    const char *const *triggers;
    unsigned trigger_count;
    struct trigger_timing timing;
    void *context; /* for the calls below, which come from threads of the collector's */
    void (*news)(void *context, const char *text);
    void (*trigger_news)(void *context, const char *text); /* of triggers, or NULL */
    /* Somebody asks for the end of the recording: have collector_finish() called, soon. NULL:
     * nobody can ask for it. */
    void (*end_wanted)(void *context);
};

/* Which step failed, for a message. */
enum collector_step { COLLECTOR_FILE, COLLECTOR_FOLDER, COLLECTOR_RINGS, COLLECTOR_THREADS };

/* Start. `fd` is the trace file, taken over also on failure. 0 or a negative errno. */
int collector_create(struct collector **out, int fd, const struct collector_options *options,
                     enum collector_step *step) __attribute__((warn_unused_result));

/* The environment variable that leads traced processes to us, and what it has to say. */
const char *collector_variable(void);
const char *collector_socket(const struct collector *collector);

/* The program runs, as this process: files of an earlier session whose numbers are still to come
 * may give way now. */
void collector_program(struct collector *collector, uint32_t pid);

/* The program is one that can be traced: its agent ought to come up. `name` stays the caller's. */
void collector_expect(struct collector *collector, const char *name);
/* After collector_finish(): it has not, and a note in the trace says so. */
bool collector_has_missed(const struct collector *collector);

/* Somebody asks for a snapshot by a signal: that is an event for triggers. */
void collector_signal(struct collector *collector);

void collector_note(struct collector *collector, enum trace_note_kind kind, const char *text);

/* Live, and final after collector_finish(). */
void collector_figures(struct collector *collector, struct drain_figures *out);

/* A picture of the session, from any thread. 0, -ESHUTDOWN: it is ending, or -ENOMEM; after
 * collector_finish() the last one there is, for the thread that called that. */
int collector_stats(struct collector *collector, struct stats_picture *picture)
    __attribute__((warn_unused_result));

/*
 * The program has ended with `status` (as waitpid(2); pid 0: it never ran, or goes on without us):
 * take what is there, resolve symbols, end the file. Returns the first error that writing the file
 * met.
 */
int collector_finish(struct collector *collector, uint32_t pid, int status,
                     struct symbolize_figures *symbols);

/* Then: the snapshot that the end has left; NULL: none. */
const struct snapshot_result *collector_last_snapshot(const struct collector *collector);
/* Of files besides the one that collector_create() was given. */
void collector_files(struct collector *collector, struct session_files_figures *out);

/* Removes the session folder. A collector that was not finished ends its file as well as it can. */
void collector_destroy(struct collector *collector);

#endif
