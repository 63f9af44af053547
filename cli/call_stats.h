/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of all calls of one function, all passes through one scope, all spans of one name.
 * In clock ticks; the printers turn them into nanoseconds. One belongs to one thread.
 */
#ifndef ADATRACE_CLI_CALL_STATS_H
#define ADATRACE_CLI_CALL_STATS_H

#include <stdint.h>

#include "cli/histogram.h"

struct call_stats {
    uint64_t calls;
    uint64_t nested;      /* spans: begun while another of the same name and id was open */
    uint64_t unfinished;  /* of them, without an exit: longjmp, exception, end of the recording */
    uint64_t total_ticks; /* outermost calls only, so recursion does not count twice */
    uint64_t self_ticks;  /* without what was called from there */
    uint64_t sum_ticks;   /* of every call: for the mean */
    uint64_t min_ticks, max_ticks; /* meaningful when calls > 0 */
    struct histogram durations;
};

/* 0 or -1 (no memory). */
static inline int call_stats_add(struct call_stats *stats, uint64_t duration, uint64_t self)
{
    if (duration < stats->min_ticks || !stats->calls)
        stats->min_ticks = duration;
    if (duration > stats->max_ticks)
        stats->max_ticks = duration;
    stats->calls++;
    stats->sum_ticks += duration;
    stats->self_ticks += self;
    return histogram_add(&stats->durations, duration);
}

static inline int call_stats_merge(struct call_stats *into, const struct call_stats *from)
{
    if (from->calls && (from->min_ticks < into->min_ticks || !into->calls))
        into->min_ticks = from->min_ticks;
    if (from->max_ticks > into->max_ticks)
        into->max_ticks = from->max_ticks;
    into->calls += from->calls;
    into->nested += from->nested;
    into->unfinished += from->unfinished;
    into->total_ticks += from->total_ticks;
    into->self_ticks += from->self_ticks;
    into->sum_ticks += from->sum_ticks;
    return histogram_merge(&into->durations, &from->durations);
}

/* A quantile within what was really seen. */
static inline uint64_t call_stats_quantile(const struct call_stats *stats, double quantile)
{
    uint64_t ticks = histogram_quantile(&stats->durations, quantile);

    return ticks < stats->min_ticks   ? stats->min_ticks
           : ticks > stats->max_ticks ? stats->max_ticks
                                      : ticks;
}

#endif
