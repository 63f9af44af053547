/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock line: where the counter and CLOCK_MONOTONIC are believed to be, between two readings of
 * both.
 *
 * A reader of the trace joins the pairs that are written by straight lines. This is who decides
 * which pairs those have to be for no event to be a microsecond wrong: some at the beginning, when
 * nobody knows the counter's rate yet, each twice as late as the one before; then one a second; and
 * more where the line turned out to have bent (somebody disciplines the kernel's clock, or the
 * counter's rate changed): where it is now, a moment later, and where the two lines meet. A counter
 * that has jumped (a suspended machine, one that moved) is put back on the line, so that ticks go
 * on as if nothing had happened.
 *
 * Pure but for its state; one thread.
 */
#ifndef ADATRACE_DRAIN_CLOCK_LINE_H
#define ADATRACE_DRAIN_CLOCK_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock_source.h"

enum {
    CLOCK_LINE_TOLERANCE_NS = 250, /* what it may be off: a quarter of what is promised */
    CLOCK_LINE_SURE_NS = 500,      /* a reading with a wider window may be worse than the line */
    CLOCK_LINE_PAUSE_MIN_NS = 1000 * 1000,
    CLOCK_LINE_PAUSE_MAX_NS = 1000 * 1000 * 1000,
    CLOCK_LINE_JUMP_NS = 20 * 1000, /* what is less is a bend, ... */
    CLOCK_LINE_JUMP_PART = 8,       /* ... and so is less than this part of the time it took */
    CLOCK_LINE_ODD_PART = 500       /* no clock is disciplined by more than that: worth a note */
};

struct clock_line {
    uint64_t ticks, ns;               /* the last pair */
    uint64_t anchor_ticks, anchor_ns; /* the rate is that from here to the last pair */
    uint64_t seen_ticks, seen_ns;     /* where it was last seen to hold */
    uint64_t pause_ns;                /* from the last pair to the next one */
    double ns_per_tick;
    bool jumped; /* and has not been seen to hold since */
    bool bent;   /* somewhere between here and the last pair, and nobody knows where yet */
    uint64_t bent_ticks, bent_ns;
    double bent_ns_per_tick; /* before */
};

/* What a reading led to. */
struct clock_line_news {
    struct clock_reading pairs[2]; /* to be written, in this order */
    unsigned count;
    int64_t off_ns;       /* CLOCK_MONOTONIC was so far beyond the line ... */
    uint64_t unsure_ns;   /* ... which happened within this time */
    int64_t jumped_ticks; /* add them to all ticks from here on; 0: no jump */
    bool odd;             /* more than any discipline of a clock explains: say so */
};

void clock_line_begin(struct clock_line *line, const struct clock_reading *reading,
                      uint64_t ticks_per_second);

/* Where the line is at these ticks. */
uint64_t clock_line_ns(const struct clock_line *line, uint64_t ticks);

/* One look, not of the best: both clocks, read one after the other. True: nothing has to be done.
 * False: read them well, and give the reading to clock_line_take(). */
bool clock_line_holds(struct clock_line *line, uint64_t ticks, uint64_t ns);

/* `wanted`: a pair is to be written in any case. */
void clock_line_take(struct clock_line *line, const struct clock_reading *reading, bool wanted,
                     struct clock_line_news *news);

#endif
