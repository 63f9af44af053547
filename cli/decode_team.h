/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing by several threads, in order.
 *
 * The main thread takes batches of events from the cursor, follows the calls in them, and hands
 * them out; workers print each into memory of its own; the main thread writes what they have made,
 * oldest first, and prints itself rather than wait. Threads are started when it turns out that
 * there is much to print; alone, the main thread prints straight into its output. A bounded number
 * of batches is under way. Main thread.
 */
#ifndef ADATRACE_CLI_DECODE_TEAM_H
#define ADATRACE_CLI_DECODE_TEAM_H

#include "cli/decode.h"

/* Print all events of the cursor with up to `jobs` threads, the caller's among them. 0 or a
 * negative errno; stops early when the output does (decode->out.error). */
int decode_team_print(struct decode *decode, const struct decode_format *format,
                      struct trace_cursor *cursor, unsigned jobs)
    __attribute__((warn_unused_result));

#endif
