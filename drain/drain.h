/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drain: the only consumer of the rings. Takes the records of any number of segments into one
 * trace.
 *
 * Round by round it visits every ring once, with a bound on what it takes, so that a noisy thread
 * cannot starve a quiet one. It treats segments as hostile: it believes only the geometry that it
 * was told by their creator, and what it has checked. The collector runs one drain for all
 * processes of a recording, an embedded session one for its own process; both are this code.
 *
 * drain_attach(), drain_attach_promised(), drain_attached(), drain_note(), drain_call(),
 * drain_child(), drain_child_status(), drain_wake() and drain_figures() may be called from any
 * thread. All other calls are for one thread at a time, and not while drain_start()'s thread runs.
 */
#ifndef ADATRACE_DRAIN_DRAIN_H
#define ADATRACE_DRAIN_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock_source.h"
#include "drain/proc_file.h"
#include "drain/wait.h"
#include "format/trace_writer.h"
#include "registry/segment.h"

struct drain;
struct drain_module;

/*
 * Times of a segment that was left behind, in place of now: a drain that comes afterwards takes
 * what there is, writes no clock pairs, and all processes have ended. last_ticks 0: no such thing.
 */
struct drain_then {
    uint64_t begun_ticks;
    uint64_t seen_ticks; /* the last second of the drain before */
    uint64_t last_ticks; /* nothing in the rings is later */
    /* `taken` records of that thread were taken before. How many of the next ones does the trace
     * file hold already? NULL: none. */
    uint64_t (*stored_already)(void *context, uint32_t pid, uint32_t tid, uint64_t start_ticks,
                               uint64_t taken);
};

struct drain_options {
    enum clock_source clock;
    struct drain_then then;
    int level;               /* zstd level to start with; faster ones are taken under pressure */
    enum ring_policy policy; /* of the rings of all segments */
    uint32_t event_level;    /* highest that is on, as the segments say; 0: all */
    uint64_t room_budget;    /* bytes by which all rings together may grow; 0: a good number */
    struct wait_choice wait;
    /* The drain is no part of the traced processes: it looks after their deaths by itself. */
    bool watches_processes;
    void *context; /* for the calls below, which come from the drain's thread */
    /* A process or thread came or went, in one line without its end. May be NULL. */
    void (*news)(void *context, const char *text);
    /* Process `pid` is about to execute `path`. Returns why that program will not be traced, as a
     * clause for people in memory that stays until the next call, or NULL. May be NULL. */
    const char *(*untraceable)(void *context, uint32_t pid, const char *path);
    /* At the end of every round, for what concerns the file as a whole. May be NULL. */
    void (*turn)(void *context, struct drain *drain, uint64_t now_ns);
};

/* What room_budget 0 stands for on this machine; others for themselves. */
uint64_t room_budget(uint64_t wanted_bytes);

/* Takes the writer over, also on failure. Returns 0 or a negative errno. */
int drain_create(struct drain **out, struct trace_writer *writer,
                 const struct drain_options *options) __attribute__((warn_unused_result));
/* Ends the file if drain_close() has not, and frees. */
void drain_destroy(struct drain *drain);

/* A segment, and the process that was given it. */
struct drain_attachment {
    struct segment segment; /* taken over, unless kept */
    bool kept;              /* stays mapped and open when the drain goes */
    bool reused;            /* had a drain before: what is in its rings is not ours */
    uint64_t steered;       /* what steer_dress() returned; 0: it was not called */
    bool second;            /* of a process that has one already (a static libadatrace) */
    uint32_t pid;
    bool is_child;           /* of this process: drain_child_status() will tell how it ended */
    int pidfd;               /* taken over; -1: none */
    uint64_t ticks;          /* when it attached */
    struct proc_facts facts; /* taken over */
};
/* Queue it; the drain looks at it within one round. -ENOMEM: everything is still the caller's. */
int drain_attach(struct drain *drain, const struct drain_attachment *attachment)
    __attribute__((warn_unused_result));

/*
 * The same for who has to promise the rings to somebody: all memory that attaching needs is taken
 * first, then promise(context) is called, and when that returns 0 nothing can fail any more. A
 * snapshot that is asked for after the promise has what was written into the rings since. Returns
 * -ENOMEM or what promise() does: then what the attachment refers to is still the caller's.
 */
int drain_attach_promised(struct drain *drain, const struct drain_attachment *attachment,
                          int (*promise)(void *context), void *context)
    __attribute__((warn_unused_result));

/* So many of them has the drain taken over by now. Any thread. */
uint32_t drain_attached(const struct drain *drain);

/* Queue a note for the trace; `text` is copied. Without memory for it, drain_close() says so. */
void drain_note(struct drain *drain, enum trace_note_kind kind, const char *text);

/* A descriptor that becomes readable when a traced process has died, -1: none; then
 * drain_wake() makes the drain look at once. */
int drain_watch_fd(const struct drain *drain);
void drain_wake(struct drain *drain);

/*
 * Have the drain's thread make this call between two rounds, wake it if it sleeps, and wait for the
 * result. What the call finds stands still meanwhile, and so does the rings' only consumer: it has
 * to be short. Returns what it returned; -ESHUTDOWN: the drain has ended, and no call was made. Not
 * from the drain's own thread.
 */
int drain_call(struct drain *drain, int (*call)(struct drain *drain, void *context), void *context)
    __attribute__((warn_unused_result));

/* Change how it waits, from the next turn on. For the drain's thread: from a drain_call(), or by
 * hand. -EINVAL, -ERANGE: as wait_choice_check(). */
int drain_set_wait(struct drain *drain, const struct wait_choice *choice)
    __attribute__((warn_unused_result));

/* Process `pid` is our child, whatever /proc says or does not. Before or after it attaches. */
void drain_child(struct drain *drain, uint32_t pid);
/* How our child `pid` ended, as waitpid(2) has it. Waits for promises that are being made, so that
 * it comes behind the child's attachment; not from within one. */
void drain_child_status(struct drain *drain, uint32_t pid, int status);

/* ---- by hand (tests) ---- */

/* One round over all rings. */
struct wait_load drain_round(struct drain *drain);
/* What is due once a second: ledgers, flush. drain_round() calls it in time. */
void drain_tick(struct drain *drain);
/* The last round: everything published before the call is taken, ledgers are final for threads that
 * have ended, segments are closed. Called by drain_stop(). */
void drain_finish(struct drain *drain);

/* ---- more than one file; in the drain's thread, by drain_call() or options.turn() ---- */

/* What is staged goes into the file. Callers who wait are answered in between, if a round is being
 * made. */
void drain_flush(struct drain *drain);
/* All that was taken is in the file, with ledgers of it that add up. */
void drain_account(struct drain *drain);
/* The same, and go on in another file: see trace_writer_switch(). */
int drain_switch(struct drain *drain, int fd, struct trace_ending **old)
    __attribute__((warn_unused_result));

/*
 * All that was taken, and the modules it may refer to, for another thread to write
 * (trace_writer_snapshot()). `from_ticks`: of a flight recorder about what came since, 0: all. It
 * is a moment, not a span, because emptying the rings takes its time: what is said from then on is
 * in it, too.
 */
int drain_snapshot(struct drain *drain, uint64_t from_ticks, struct trace_snapshot **out,
                   struct drain_module **modules) __attribute__((warn_unused_result));
/* The moment `before_ns` ago, by the recording's clock; 0: it had not begun, or 0 was asked for. */
uint64_t drain_ticks_before(const struct drain *drain, uint64_t before_ns);
/* Nothing will be asked any more about what was unmapped before that. */
void drain_forget_before(struct drain *drain, uint64_t ticks);
/* Now, by the recording's clock. */
uint64_t drain_ticks(const struct drain *drain);

/* ---- as a thread ---- */

/* Run rounds in a thread of the drain's own, with all signals blocked. Returns 0 or a negative
 * errno. */
int drain_start(struct drain *drain) __attribute__((warn_unused_result));
/* Make it finish and end. Nothing when it does not run. */
void drain_stop(struct drain *drain);

/* ---- after the last round ---- */

/* Has our child (is_child) come up as a traced process? If not, a note in the trace says that
 * `name` was not traced. */
bool drain_child_came(struct drain *drain, const char *name);

struct trace_writer *drain_writer(struct drain *drain);

/* A module of the trace, for the symbolizer. */
struct drain_module {
    struct drain_module *next;
    struct drain_module *next_of_image;
    uint64_t image; /* also the number of the image's first process */
    uint32_t number, process;
    uint32_t slot_pid; /* of who has mapped it, as its slots say */
    uint64_t base, end, bias, from_ticks, to_ticks;
    uint64_t left_ticks; /* when the last process of its image had ended; UINT64_MAX: lives */
    bool has_code;       /* that was met, as modules_leave() finds it out */
    char build_id[65];   /* lower-case hexadecimal, or "" */
    char path[];
};
/* Newest first. */
const struct drain_module *drain_modules(const struct drain *drain);

/* A copy of all that were mapped at `from_ticks` or since: another thread can take its time with
 * them. 0 or -ENOMEM. */
int drain_modules_copy(const struct drain *drain, uint64_t from_ticks, struct drain_module **out)
    __attribute__((warn_unused_result));
void drain_modules_free(struct drain_module *modules);

/* End the file. Returns the first error that writing it met. */
int drain_close(struct drain *drain);

/* ---- figures ---- */

struct drain_figures {
    uint64_t records; /* taken into the trace */
    uint64_t dropped, overwritten, damaged;
    uint64_t lost; /* taken, but the file could not be written */
    uint64_t file_bytes;
    uint32_t processes, threads;           /* ever */
    uint32_t live_processes, live_threads; /* now */
    int error;                             /* the first that writing the file met */
    uint64_t start_ns, end_ns;             /* CLOCK_MONOTONIC; end 0: still going */
};
void drain_figures(struct drain *drain, struct drain_figures *out);

#endif
