/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock marks: events that say when they were made, and the check of what a trace says about that.
 *
 * A thread reads CLOCK_MONOTONIC, emits, and reads it again: the event's own time has to lie
 * between. `after_ns` can only stand in the thread's next mark. One thread at a time.
 */
#ifndef ADATRACE_TESTS_CLOCK_MARKS_H
#define ADATRACE_TESTS_CLOCK_MARKS_H

#include <adatrace/adatrace.h>

/* number: from 0, in each thread; after_ns: of the mark before, 0 in the first. */
ADA_EVENT(clock, mark, (u64, number), (u64, before_ns), (u64, after_ns))

/* Times in which nobody can say what time it was. */
struct clock_window {
    uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC */
};

struct clock_verdict {
    uint64_t marks;       /* that were found */
    uint64_t threads;     /* that made some */
    uint64_t missing;     /* numbers left out within a thread */
    uint64_t backwards;   /* earlier than the one before of the same thread */
    uint64_t late_marks;  /* more than a microsecond outside their bracket */
    uint64_t error_ns;    /* the worst: outside its bracket by so much */
    uint64_t error_at_ns; /* when, CLOCK_MONOTONIC */
    uint64_t window_ns;   /* the worst within a window */
    uint64_t bracket_ns;  /* the mean width of the brackets */
    uint64_t pairs;       /* clock pairs */
};

/* Add what the trace at `path` holds. Returns 0 or a negative errno. `windows` ends with one whose
 * to_ns is 0; NULL: none. */
int clock_marks_check(const char *path, const struct clock_window *windows,
                      struct clock_verdict *verdict);

#endif
