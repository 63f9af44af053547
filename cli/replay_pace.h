/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: waiting until it is time, to some microseconds, and counting how far off that was.
 *
 * Sleeps until shortly before, then spins; how long before, all paces of the process learn together
 * from how late sleeping ends here. The clock is not read for events that are late anyway. A pace
 * belongs to one thread.
 *
 * Times due are absolute: who is late catches up, and is not late for the rest of the trace. So two
 * things are counted: how far each event is behind its place, and how far its distance to the one
 * before it is from what it was in the trace.
 */
#ifndef ADATRACE_CLI_REPLAY_PACE_H
#define ADATRACE_CLI_REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/histogram.h"

struct replay_lateness {
    struct histogram late_ns;    /* one value for each event */
    struct histogram spacing_ns; /* one for each but a thread's first: by how much it is off */
    uint64_t latest_ns;
};

/* Without memory, partly. */
void replay_lateness_merge(struct replay_lateness *into, const struct replay_lateness *from);
void replay_lateness_fini(struct replay_lateness *lateness);

struct replay_pace {
    const bool *stop; /* somebody else's: give up */
    uint64_t now_ns;  /* CLOCK_MONOTONIC, when it was read last */
    unsigned unread;  /* events since then */
    uint64_t late_ns; /* the last event */
    struct replay_lateness lateness;
};

/* Also raises the calling thread's priority, where that is allowed, and makes its sleeps precise.
 */
void replay_pace_init(struct replay_pace *pace, const bool *stop);
void replay_pace_fini(struct replay_pace *pace);

/* Wait until CLOCK_MONOTONIC is at due_ns, and count how late that came. False: told to stop. */
bool replay_pace_wait(struct replay_pace *pace, uint64_t due_ns);

#endif
