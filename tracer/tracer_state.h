/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer's own state, for the files of tracer/ only.
 *
 * Written while attaching, under the session lock, before `attached` is set; read by every thread
 * afterwards.
 */
#ifndef ADATRACE_TRACER_TRACER_STATE_H
#define ADATRACE_TRACER_TRACER_STATE_H

#include "tracer/tracer.h"

#include <adatrace/adatrace.h>

/*
 * Memory that the kernel hands to a forked child zeroed (MADV_WIPEONFORK): each thread's writer,
 * and a mark. It tells that we are in a child at no cost: a wiped writer has no room, so the emit
 * path ends up in the slow path, also after _Fork() and a raw clone, where no handler runs.
 */
struct wiped_memory {
    struct ada_writer writers[SEGMENT_SLOTS_MAX];
    uint32_t ours; /* 1: this process set it up; 0: we are a child that has not noticed yet */
};

struct tracer_state {
    struct segment segment;
    struct wiped_memory *wiped;
    uint32_t attached;       /* 1: the fields above are valid */
    uint32_t stopped;        /* 1: the session ended, or nobody drains it; the segment stays */
    uint32_t waited_in_vain; /* 1: for a ring; nobody does again until one is had */
    uint32_t pid, parent_pid;
    uint16_t forks;           /* generations between us and who attached */
    bool death_is_told;       /* registry_death_is_told() */
    enum handshake_role role; /* 0: embedded */
};
extern struct tracer_state tracer_state;

/* thread_state.c: the calling thread's writer, claimed now if need be; NULL: no ring to be had.
 * Signal-safe. */
struct ada_writer *thread_writer(void);

/* emit_slow.c: is it on? Of a type that nobody has registered, this is the first use. Signal-safe.
 */
bool event_is_wanted(const struct ada_event *event);

/* event_types.c: its lock is nobody's in a child. */
void event_types_fork_child(void);

/* event_switch.c: a session begins or ends, and we are attached: give every known type its id, and
 * have every event on or off as session, steering and program say. */
void event_switches_refresh(void);
/* Every event off, if nobody is at the list just now. Signal-safe. */
void event_switches_put_out(void);

/* tracer_stats.c: ada_session_stats(), under the session lock. */
int tracer_stats(bool is_ours, struct ada_session_figures *out);

/* format_args.c: make the fields of a type of ADA_PHASE_FORMAT from its format string; the event's
 * `fields` is then writable memory for ADA_PRINTF_ARGUMENTS_MAX. A format that cannot be stored
 * turns the type into an invalid one. */
void format_fields(struct ada_event *event);

#endif
