/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics table: every family that is shown, one a row. Shared by metrics_t*.c only; constant data.
 */
#ifndef ADATRACE_CLI_METRICS_TABLE_H
#define ADATRACE_CLI_METRICS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "drain/drain_stats.h"

/* What families of the session take their values from. */
struct metrics_session {
    struct stats_session stats;
    uint64_t one, paused, processes_now;
    double ratio, start_seconds;
};

enum metric_level { METRIC_SESSION, METRIC_PROCESS, METRIC_THREAD };
enum metric_type {
    METRIC_U64,
    METRIC_U32,
    METRIC_I32,
    METRIC_NS /* shown in seconds */,
    METRIC_DOUBLE
};

struct metric {
    const char *name; /* without "adatrace_" and "_total"; ends in its unit, if it has one */
    const char *unit; /* "bytes", "seconds", "ratio", or NULL */
    const char *help;
    bool is_counter, is_info; /* else a gauge */
    enum metric_level level;
    enum metric_type type;
    size_t offset; /* in struct metrics_session, stats_process, stats_thread */
};

/* A row without a name ends it. */
extern const struct metric metrics_table[];

#endif
