/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live window: what a live source brings, held back until it is known that nothing earlier can
 * come, and given out as batches of events in time order, as decode's printers take them.
 *
 * The drain says after every round up to where all has been published; an emit that was under way
 * at that moment may be a little earlier, so a millisecond more is waited for. When that word does
 * not come for so long that the window is full, its content is given out as it is. One thread.
 */
#ifndef ADATRACE_CLI_LIVE_WINDOW_H
#define ADATRACE_CLI_LIVE_WINDOW_H

#include "cli/live_source.h"
#include "format/trace_reader.h"

struct live_window;

/* `filter`: events and threads that are wanted; stays the caller's. 0 or -ENOMEM. */
int live_window_create(struct live_window **out, struct trace *trace,
                       const struct trace_filter *filter) __attribute__((warn_unused_result));
void live_window_destroy(struct live_window *window);

/* What it does with a source's records. */
const struct live_visitor *live_window_visitor(struct live_window *window);

/* Nothing comes any more: give all out. */
void live_window_end(struct live_window *window);

/* Events, or what was missed at this place. */
struct live_batch {
    struct trace_batch *events;       /* the window's, until the next call */
    const struct live_missed *missed; /* NULL: events */
    int64_t ns;                       /* of what was missed */
};
/* Up to `max` events, at least one. 1: *batch is filled in; 0: nothing yet; -ENOMEM: something was
 * lost on the way. */
int live_window_next(struct live_window *window, size_t max, struct live_batch *batch)
    __attribute__((warn_unused_result));

/* Records that did not fit their type: the program had scribbled on them. */
uint64_t live_window_malformed(const struct live_window *window);

#endif
