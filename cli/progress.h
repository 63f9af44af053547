/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Still at it": one line on stderr that moves while long work runs, only on a terminal, only
 * after half a second, and gone at the end. Main thread.
 */
#ifndef ADATRACE_CLI_PROGRESS_H
#define ADATRACE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on, shown;
    uint64_t total, next; /* records in all; how many until the clock is looked at again */
    int64_t start_ns, last_ns;
};

/* `output_moves`: stdout shows by itself that something happens, if it is a terminal. */
void progress_start(struct progress *progress, uint64_t total, bool output_moves);
void progress_show(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);

static inline void progress_step(struct progress *progress, uint64_t done)
{
    if (__builtin_expect(done >= progress->next, 0))
        progress_show(progress, done);
}

#endif
