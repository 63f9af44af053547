/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics source: where those who export metrics get a picture from. Plain data.
 */
#ifndef ADATRACE_CLI_METRICS_SOURCE_H
#define ADATRACE_CLI_METRICS_SOURCE_H

#include "cli/metrics_text.h"

struct metrics_source {
    /* Take a picture; 0 or a negative errno. From any thread. */
    int (*take)(void *context, struct stats_picture *picture);
    void *context;
    struct metrics_labels labels;
};

#endif
