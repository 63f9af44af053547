/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `record --metrics`: the session's figures for Prometheus, into a file, over HTTP, or both, while
 * the program runs. Main thread.
 */
#ifndef ADATRACE_CLI_RECORD_METRICS_H
#define ADATRACE_CLI_RECORD_METRICS_H

#include "cli/metrics_file.h"
#include "cli/metrics_http.h"
#include "cli/options_record.h"
#include "drain/collector.h"

struct record_metrics {
    struct metrics_source source;
    struct metrics_file *file; /* NULL: not wanted */
    struct metrics_http *http;
    const char *path; /* of the file */
};

/* Begin with what is wanted, if anything is. 0, or the exit status after saying why. All that is
 * given stays the caller's and has to stay. */
int record_metrics_begin(struct record_metrics *metrics, const struct record_metrics_choice *wanted,
                         struct collector *collector, const char *session, const char *command)
    __attribute__((warn_unused_result));

/* Before collector_finish(): nobody asks any more. */
void record_metrics_pause(struct record_metrics *metrics);
/* After it: the last figures go into the file. Says what went wrong. */
void record_metrics_end(struct record_metrics *metrics);

#endif
