/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks unpacked ahead of time, by threads of its own, for whoever walks a trace.
 *
 * The owner tells beforehand in which order it will most likely need its blocks; workers unpack the
 * next few of them. Taking a block gives what trace_block_load() would have given, in the same
 * order and with the same errors, but for one that cannot be read: what is missing there is shown
 * as a gap. A block that is not there yet is waited for, or unpacked by the owner itself. So
 * guessing wrong costs time and nothing else. What stands ready takes at most AHEAD_BYTES_MAX, as
 * far as the blocks before let guess, and each block at most what the trace says (ahead_bytes_max):
 * larger ones are left to the owner. All functions belong to the thread that the trace belongs to;
 * workers only read the trace.
 */
#ifndef ADATRACE_FORMAT_TRACE_AHEAD_H
#define ADATRACE_FORMAT_TRACE_AHEAD_H

#include "format/trace_state.h"

struct trace_ahead;

/*
 * `blocks` (places in the index) are wished for in this order; copied, as is *wish. Leaves NULL in
 * *out when it is not worth it: one job, little to read, or no thread to be had. 0 or -ENOMEM.
 */
int trace_ahead_open(struct trace_ahead **out, struct trace *t, const struct block_wish *wish,
                     const uint32_t *blocks, size_t count) __attribute__((warn_unused_result));
void trace_ahead_close(struct trace_ahead *ahead); /* NULL will do */

/* trace_block_load(), or what a worker has unpacked: then *out and the worker's change places, so
 * that memory goes round; trace_block_miss() for a damaged one. `ahead` may be NULL. 0, -ENOMEM,
 * -EIO. */
int trace_ahead_take(struct trace_ahead *ahead, struct trace *t, size_t place,
                     const struct block_wish *wish, struct decoded_block *out)
    __attribute__((warn_unused_result));

#endif
