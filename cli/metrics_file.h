/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics file: a text file of metrics, written anew every second, for node_exporter's textfile
 * collector and its like. Each time it is written beside its place and renamed into it, so that
 * nobody reads half of one. Made and ended by one thread; the writing is done by one of its own.
 */
#ifndef ADATRACE_CLI_METRICS_FILE_H
#define ADATRACE_CLI_METRICS_FILE_H

#include "cli/metrics_source.h"

struct metrics_file;

/* Write once, then every second. `path` and the source stay the caller's and have to stay. Returns
 * 0, or the negative errno that the first writing met. */
int metrics_file_open(struct metrics_file **out, const char *path,
                      const struct metrics_source *source) __attribute__((warn_unused_result));
/* No more writing from here on. */
void metrics_file_pause(struct metrics_file *file);
/* A last time, then the end. Returns the last error that writing met, 0: the file is as it should
 * be. NULL: nothing. */
int metrics_file_close(struct metrics_file *file);

#endif
