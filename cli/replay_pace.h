/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: waiting until it is time, to some microseconds, and counting how far off that was.
 *
 * Sleeps until shortly before, then spins; how long before, all paces of the process learn together
 * from how late sleeping ends here. The clock is not read for events that are late anyway. A pace
 * belongs to one thread.
 */
#ifndef ADATRACE_CLI_REPLAY_PACE_H
#define ADATRACE_CLI_REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/histogram.h"

struct replay_pace {
    const bool *stop; /* somebody else's: give up */
    uint64_t now_ns;  /* CLOCK_MONOTONIC, when it was read last */
    unsigned unread;  /* events since then */
    struct histogram late_ns;
    uint64_t latest_ns;
};

/* Also raises the calling thread's priority, where that is allowed, and makes its sleeps precise.
 */
void replay_pace_init(struct replay_pace *pace, const bool *stop);
void replay_pace_fini(struct replay_pace *pace);

/* Wait until CLOCK_MONOTONIC is at due_ns, and count how late that came. False: told to stop. */
bool replay_pace_wait(struct replay_pace *pace, uint64_t due_ns);

#endif
