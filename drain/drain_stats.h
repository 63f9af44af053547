/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drain stats: one picture of a session, all of one moment: what every process and thread has
 * written and lost, how full its ring is, and how the drain keeps up. Counters only grow, so rates
 * come from two pictures.
 *
 * The counters of living threads are read from the headers of their rings, so they are as fresh as
 * the picture; those of threads that have ended are summed into their process, and processes that
 * ended long ago into one row. Sums over processes are the session's, and at the end those of
 * `adatrace info`.
 *
 * A picture is one piece of memory of fixed-width rows and travels as it is: the answer of the verb
 * `stats`. Any thread, unless said otherwise.
 */
#ifndef ADATRACE_DRAIN_DRAIN_STATS_H
#define ADATRACE_DRAIN_DRAIN_STATS_H

#include <stddef.h>
#include <stdint.h>

struct drain;
struct control_context;
struct session_host_stats;

enum { STATS_VERSION = 1 };

/* Since the session began. */
struct stats_counts {
    uint64_t written, written_bytes; /* published by threads */
    uint64_t dropped, dropped_bytes; /* found no room, or no ring */
    uint64_t overwritten, overwritten_bytes;
    uint64_t damaged;
    uint64_t stored;           /* taken into the trace */
    uint64_t nested;           /* of written */
    uint64_t high_water_bytes; /* the most that a ring has held */
};

/* A living thread. */
struct stats_thread {
    uint32_t number;  /* in the trace */
    uint32_t process; /* number of its row's process */
    uint32_t pid, tid;
    char name[32]; /* NUL-terminated */
    struct stats_counts counts;
    uint64_t fill_bytes;     /* in its ring now */
    uint64_t room_bytes;     /* that its ring may use now: it grows under pressure ... */
    uint64_t ring_bytes;     /* ... from this ... */
    uint64_t ring_max_bytes; /* ... up to this */
    uint64_t lag_ns;         /* age of the oldest record that was not taken; 0: there is none */
};

enum stats_process_flags {
    STATS_PROCESS_ENDED = 1,
    STATS_PROCESS_MANY = 2 /* stands for all that ended long ago; has no number and pid */
};

struct stats_process {
    uint32_t number; /* in the trace */
    uint32_t pid;
    uint32_t flags;
    uint32_t threads_now;
    uint64_t threads_ever;
    char name[64];                     /* of its executable, without folders; NUL-terminated */
    struct stats_counts counts;        /* living threads, ended ones, and those without a ring */
    uint64_t unringed, unringed_bytes; /* of counts.dropped: of threads that found no ring */
};

enum stats_session_flags { STATS_SESSION_PAUSED = 1 };

struct stats_session {
    uint32_t version;                            /* STATS_VERSION */
    uint32_t bytes, process_bytes, thread_bytes; /* of this struct, and of a row */
    uint32_t process_count, thread_count;        /* rows: processes behind this, then threads */
    uint32_t policy;                             /* enum ring_policy */
    int32_t level_wanted, level; /* zstd's, as asked for and as in use now; 0: stored */
    int32_t error;               /* the first that writing the file met; a negative errno or 0 */
    uint32_t flags;              /* enum stats_session_flags */
    uint32_t unused;
    uint64_t errors;            /* how often writing failed */
    uint64_t now_ns, start_ns;  /* CLOCK_MONOTONIC */
    uint64_t end_ns;            /* 0: it goes on */
    struct stats_counts counts; /* of all processes */
    uint64_t lost;              /* taken, but could not be written */
    uint64_t lag_ns;            /* the longest of all threads: how far the drain is behind now */
    uint64_t rounds, sleeps;    /* of the drain */
    uint64_t file_bytes;        /* of all files */
    uint64_t files;
    uint64_t blocks;
    uint64_t raw_bytes;         /* of the records in the blocks, as they were in the rings */
    uint64_t content_bytes;     /* of the blocks, before compression */
    uint64_t pack_ns, write_ns; /* spent on compressing, on write(2) */
    uint64_t ring_bytes, ring_max_bytes;            /* of a new thread's ring */
    uint64_t room_granted_bytes, room_budget_bytes; /* by which rings have grown, and may */
    uint64_t processes_ever, threads_ever;
};

_Static_assert(sizeof(struct stats_counts) == 80, "travels between processes");
_Static_assert(sizeof(struct stats_thread) == 168, "travels between processes");
_Static_assert(sizeof(struct stats_process) == 184, "travels between processes");
_Static_assert(sizeof(struct stats_session) == 296, "travels between processes");

struct stats_picture {
    const struct stats_session *session;
    const struct stats_process *processes;
    const struct stats_thread *threads;
    void *memory; /* all of it; NULL: somebody else's */
    size_t bytes;
};

/* Take one, through drain_call(). 0, -ESHUTDOWN: the session has ended, or -ENOMEM. The caller
 * frees it with stats_picture_free(). */
int drain_stats(struct drain *drain, struct stats_picture *picture)
    __attribute__((warn_unused_result));
/* The same by the drain's own thread, or by whoever has stopped it: also after drain_close(). */
int drain_stats_here(struct drain *drain, struct stats_picture *picture)
    __attribute__((warn_unused_result));

/* Look at one that came from elsewhere; it stays where it is. -EBADMSG: it is none;
 * -EPROTONOSUPPORT: of another version. Alignment: 8. */
int stats_picture_view(struct stats_picture *picture, const void *bytes, size_t size)
    __attribute__((warn_unused_result));
void stats_picture_free(struct stats_picture *picture);

/* Add b to a; marks are not summed, the higher one stays. */
void stats_counts_add(struct stats_counts *a, const struct stats_counts *b);

/* As an application is told of its own session. */
void stats_for_host(const struct stats_picture *picture, struct session_host_stats *out);

/* "drop", "overwrite" or "block", of an enum ring_policy. */
const char *stats_policy_text(uint32_t policy);

/* The verb `stats`: no words; the answer is a picture. */
int control_stats(struct control_context *context);

#endif
