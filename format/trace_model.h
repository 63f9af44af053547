/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trace talks about: the plain records that the writer is given and the reader gives back.
 *
 * Processes and threads are named by small trace-wide numbers (`process`, `thread`) that the
 * writer's caller hands out, because pids and tids are reused. All times are clock ticks, widened
 * to 64 bits; the reader turns them into nanoseconds. Strings are NUL-terminated and belong to
 * whoever fills the struct in: the caller for the writer, the trace for the reader. No function
 * here; any thread.
 */
#ifndef ADATRACE_FORMAT_TRACE_MODEL_H
#define ADATRACE_FORMAT_TRACE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_PROCESS_NONE = 0, TRACE_THREAD_NONE = 0 }; /* numbers start at 1 */

/* The recording as a whole; written first. */
struct trace_recording {
    const char *adatrace_version;
    const char *host;
    const char *kernel;       /* uname: "Linux 6.1.0 x86_64" */
    const char *cpu;          /* model name, or "" */
    const char *command;      /* the command line, shell-quoted */
    const char *directory;    /* where it was started */
    const char *clock_source; /* "tsc", "cntvct" or "monotonic" */
    uint32_t cpu_count;
    uint32_t page_bytes;
    uint64_t ticks_per_second; /* first estimate; the clock pairs decide */
    const char *policy;        /* "drop", "overwrite", "block" */
    /* Which files belong together; "" when not known. */
    const char
        *boot_id; /* /proc/sys/kernel/random/boot_id: same clock, if the source is the same */
    const char *session; /* random, the same in all files of a session: they share their numbers */
};

/* Both clocks read together; the reader interpolates between neighbours. */
struct trace_clock_pair {
    uint64_t ticks;
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
    uint64_t uncertainty_ns; /* width of the window in which they were read */
};

struct trace_process {
    uint32_t process; /* its number in this trace */
    uint32_t parent;  /* number of the parent, TRACE_PROCESS_NONE if it is not in the trace */
    uint32_t pid;
    uint64_t start_ticks; /* when it attached */
    uint64_t start_time;  /* field 22 of /proc/PID/stat: tells reused pids apart */
    uint64_t image;       /* numbers the exec'd image: same for a parent and its forks. Types and
                             modules are declared per image and inherited by fork */
    const char *executable;
    const char *command;
};

/* How a process ended; a later item, so that a file cut off still knows who started. */
struct trace_process_end {
    uint32_t process;
    uint64_t end_ticks;
    int32_t status; /* as waitpid(2) gives it; -1: not known, or an exec followed */
};

struct trace_thread {
    uint32_t thread; /* its number in this trace */
    uint32_t process;
    uint32_t tid;
    uint64_t start_ticks;
    uint64_t ring_bytes;
    const char *name; /* may be written again when it changes: the last one counts */
};

/* The loss ledger of one thread, from the counters in its ring; the newest one counts. */
struct trace_ledger {
    uint32_t thread;
    bool final;       /* the thread or the recording ended, and its ring was drained to the end */
    uint64_t written; /* records the thread published */
    uint64_t written_bytes;
    uint64_t dropped; /* records that found no room */
    uint64_t dropped_bytes;
    uint64_t overwritten; /* records published, then overwritten before they were taken */
    uint64_t overwritten_bytes;
    uint64_t damaged; /* records published, but not readable any more in the ring */
    uint64_t nested;  /* of `written`: by signal handlers in the middle of another record */
    uint64_t high_water_bytes;
    uint64_t stored; /* records that stand in this file */
};

/* Why records are missing at one place of one thread. */
enum trace_gap_kind { TRACE_GAP_DROPPED = 1, TRACE_GAP_OVERWRITTEN = 2, TRACE_GAP_DAMAGED = 3 };

struct trace_gap {
    uint32_t thread;
    uint32_t kind;
    uint64_t first_ticks, last_ticks; /* of the missing records, as far as known */
    uint64_t records, bytes;
};

/* A file mapped into an image, for the time [from_ticks, to_ticks). */
struct trace_module {
    uint32_t module; /* its number in this trace, from 1 */
    uint32_t process;
    uint64_t base, end;            /* addresses that its segments cover */
    uint64_t bias;                 /* address - bias = address in the file's own numbering */
    uint64_t from_ticks, to_ticks; /* to_ticks UINT64_MAX: to the end */
    const char *path;
    const char *build_id; /* lower-case hexadecimal, or "" */
};

/* What one code address means, for the image's lifetime or part of it. */
struct trace_symbol {
    uint32_t process; /* and all processes of the same image */
    uint32_t module;  /* 0: none known */
    uint64_t address;
    uint64_t start; /* the symbol's first address; 0 when the symbol is not known */
    uint64_t from_ticks, to_ticks;
    const char *name; /* demangled; "" when not known */
    const char *file; /* "" when there is no line information */
    uint32_t line;
};

/* Words for people: a program that could not be traced, a limit that was reached, ... */
enum trace_note_kind {
    TRACE_NOTE_INFO = 1,
    TRACE_NOTE_WARNING = 2,
    TRACE_NOTE_UNTRACED = 3,
    TRACE_NOTE_UNTRUE =
        4, /* what the process counted cannot be: its ledger is not to be believed */
};

struct trace_note {
    uint32_t kind;
    uint32_t process; /* or TRACE_PROCESS_NONE */
    uint64_t ticks;
    const char *text;
};

#endif
