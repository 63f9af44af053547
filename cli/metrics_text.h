/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics text: a picture of a session as Prometheus reads it, in its own text format (0.0.4) or as
 * OpenMetrics 1.0.
 *
 * Families of three kinds: of the session, of each process, of each living thread. Threads that
 * have ended are in their process only, processes that ended long ago share one series: the number
 * of series is bounded by what is alive. Any thread; allocates.
 */
#ifndef ADATRACE_CLI_METRICS_TEXT_H
#define ADATRACE_CLI_METRICS_TEXT_H

#include <stdbool.h>

#include "cli/out_buffer.h"
#include "drain/drain_stats.h"

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

/* What does not change. */
struct metrics_labels {
    const char *session; /* its name; any bytes */
    const char *command;
    double start_seconds; /* Unix time */
};

/* 0 or -ENOMEM. */
int metrics_print(struct out_buffer *out, const struct stats_picture *picture,
                  const struct metrics_labels *labels, enum metrics_format format)
    __attribute__((warn_unused_result));

/* What an HTTP request's Accept asks for; NULL: it has none. */
enum metrics_format metrics_format_wanted(const char *accept);
const char *metrics_content_type(enum metrics_format format);

#endif
