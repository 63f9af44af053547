/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session host: where an application's session gets its segment and its drain from.
 *
 * tracer/ starts and stops sessions but knows no drain; drain/ runs one but knows no tracer. This
 * table is all that they share. libadatrace has drain's (drain/embedded.c); the agent has none,
 * there a session is the collector's.
 */
#ifndef ADATRACE_REGISTRY_SESSION_HOST_H
#define ADATRACE_REGISTRY_SESSION_HOST_H

#include "base/wait_choice.h"
#include "registry/segment.h"

struct session_host_options {
    struct segment_geometry geometry;
    const char *globs;
    uint32_t level;                   /* highest level that is on */
    int compression;                  /* zstd level */
    uint64_t ring_budget;             /* bytes by which all rings may grow; 0: a good number */
    struct wait_choice wait;          /* of the drain */
    unsigned drain_threads;           /* that compress and write; 0: 1, at most 16 */
    bool overwrite_file;              /* an existing file may be replaced */
    const char *segment_path;         /* NULL: memfd; else a file that survives the process */
    const char *name;                 /* for people; NULL: the program's */
    bool flight;                      /* no file: the newest records stay in memory */
    uint64_t flight_bytes, flight_ns; /* as many as either allows; 0: any number */
    uint64_t rotate_bytes, rotate_ns; /* go on in another file then; 0: never */
    unsigned keep;                    /* how many of those stay; 0: all */
    bool is_private;                  /* nobody can find it, ask it or steer it */
};

/* What ada_trigger() asks for; 0 in any number takes the default. */
struct session_host_trigger {
    const char *expression;
    uint64_t before_ns, after_ns, cool_down_ns;
    uint32_t snapshots_max; /* UINT32_MAX: any number */
    char *message;          /* or NULL */
    size_t message_bytes;
};

/* What the drain knows; the names are those of struct ada_session_figures. */
struct session_host_stats {
    int error, compression, compression_wanted;
    uint32_t processes, threads;
    uint64_t threads_ever, written, written_bytes, dropped, dropped_bytes;
    uint64_t overwritten, overwritten_bytes, nested, high_water_bytes, fill_bytes, damaged, stored;
    uint64_t lost, lag_ns, age_ns, file_bytes, raw_bytes, blocks, files;
};

struct session_host {
    /*
     * Create the output file and start the drain thread. `segment` is zeroed for a process's first
     * session: a segment is then created and stays for the process's life; later sessions get the
     * same one back. Returns 0 or a negative errno. Called with the session lock held, never from a
     * signal handler.
     */
    int (*start)(const char *path, const struct session_host_options *options,
                 struct segment *segment);
    /* Drain everything published before the call, end the file, stop the thread. Returns the first
     * error. */
    int (*stop)(void);
    /* Write what there is into a file of its own, which may be there already; NULL: the next that
     * is free beside the trace's name. Waits for it. -ESRCH: no session runs. */
    int (*snapshot)(const char *path);
    /* Take snapshots by itself from now on. -EINVAL: the message says why; -ENOSPC, -ESRCH. */
    int (*trigger)(const struct session_host_trigger *trigger);
    /* Somebody outside has ended it already; stop() then only says how that went. */
    bool (*has_ended)(void);
    /* -ENODATA: no session runs. */
    int (*stats)(struct session_host_stats *out);
};

/* Defined by whoever links a drain in; tracer/ holds a weak NULL. No const pointer: compilers fold
 * the value of a weak constant into its own file. */
extern const struct session_host *session_host_embedded;

#endif
