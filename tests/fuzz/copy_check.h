/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a trace, added up so that traces of the same events have the same sum in whatever
 * order and blocks: to hold what `cut` and `merge` write against what it was made of.
 */
#ifndef ADATRACE_TESTS_COPY_CHECK_H
#define ADATRACE_TESTS_COPY_CHECK_H

#include "format/trace_reader.h"

struct trace_sum {
    uint64_t events, gaps;
    uint64_t hashes;       /* of tid, process id, type and values of each, without durations */
    uint64_t timed_hashes; /* the same with ticks and time, and durations */
    uint64_t missing;      /* records, as gaps tell */
    bool is_sound;         /* nothing is damaged, cut off or cannot be described */
};

/* The events of `trace` that fit `filter` (NULL: all) and are of a process whose executable's base
 * name is `process` (NULL: all). The process ends when they cannot be read. */
void trace_sum_make(struct trace *trace, const struct trace_filter *filter, const char *process,
                    struct trace_sum *sum);

/* What verify finds, added to what is there already. */
struct trace_verdict {
    bool damaged, untrue, lossy;
    bool goes_back; /* a thread's blocks stand there twice, or out of their places */
};
void trace_verdict_make(const char *path, struct trace_verdict *verdict);

#endif
