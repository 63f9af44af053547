/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace snapshot: what a session has at one moment, taken by the writer's thread at the price of a
 * few pointers (trace_writer_snapshot()), and made a file of its own by another thread in its own
 * time. Of a session that records into a file that is the file so far, of a flight recorder the
 * blocks that it keeps, with gaps in front for what it let go. Belongs to one thread at a time, and
 * is written or freed before its writer is closed.
 */
#ifndef ADATRACE_FORMAT_TRACE_SNAPSHOT_H
#define ADATRACE_FORMAT_TRACE_SNAPSHOT_H

#include <stdbool.h>

#include "format/trace_ending.h"

struct trace_snapshot;

/*
 * Write it into a file, from the beginning of `fd`, which is taken over; the snapshot is freed.
 * What is left to do is *ending: symbols, index, end. 0 or a negative errno; on failure there is no
 * ending, and `fd` is closed.
 */
int trace_snapshot_write(struct trace_snapshot *snapshot, int fd, struct trace_ending **ending)
    __attribute__((warn_unused_result));
void trace_snapshot_free(struct trace_snapshot *snapshot);
/* Is `path` the file that it is a copy of, which is being recorded into? */
bool trace_snapshot_is_of(const struct trace_snapshot *snapshot, const char *path);

#endif
