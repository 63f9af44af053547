/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of the event types that this process declared, for the two files that work on it:
 * event_types.c registers them and gives them ids, event_switch.c has them on or off.
 *
 * Guarded by a lock that a signal handler of its holder never waits for: it gets -EAGAIN.
 */
#ifndef ADATRACE_TRACER_EVENT_LIST_H
#define ADATRACE_TRACER_EVENT_LIST_H

#include "tracer/tracer_state.h"

/* False: we are a handler of the holder. */
bool events_lock(void);
/* False: somebody has it just now. */
bool events_try_lock(void);
void events_unlock(void);

/* ---- under the lock ---- */

/* The newest; the others follow by `next`. */
struct ada_event *events_first(void);

/* The same type declared elsewhere, registered and with an id: a header's macro makes one in every
 * file that includes it. NULL: none. */
const struct ada_event *event_twin(const struct ada_event *event);

/* Give the type an id and tell the drain what it means; nothing when it has one. Its twin has the
 * same. 0 or a negative errno. */
int event_identify(struct ada_event *event);

/* event_switch.c: have `on` say what rules and words say of the type; off while there is no
 * session, or no id: then a negative errno. */
int event_follow(struct ada_event *event);
void event_put_out(struct ada_event *event);

#endif
