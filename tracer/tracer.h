/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracer: what a traced process knows of its session, and the calls that the agent makes besides
 * the public API.
 *
 * One tracer a process. States: unattached (every event is off), attached (a segment is mapped, for
 * the life of the process), stopped (the segment stays, events are off). A forked child is attached
 * from its first instruction on and becomes a process of its own at its first slow path.
 */
#ifndef ADATRACE_TRACER_TRACER_H
#define ADATRACE_TRACER_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/arena.h"
#include "registry/handshake.h"
#include "registry/segment.h"

/*
 * Join the session that the environment names: connect, map, switch events on. Returns 0, -ENOENT:
 * the environment names none, or why not (negative errno); the process then goes on untraced. Needs
 * two descriptors for a moment, allocates nothing, leaves errno alone, never waits for long. Not
 * signal-safe. Again: 0 at once.
 */
int tracer_attach_from_environment(enum handshake_role role);

/* The same for the socket at `path`. Not attached yet; errno may change. */
int tracer_attach_socket(const char *path, enum handshake_role role);

/* Take the memory that attaching needs: after it tracer_attach_segment() cannot fail. Not attached
 * yet, one caller at a time; 0 or a negative errno. */
int tracer_attach_prepare(void);

/* Use a segment that is already mapped (an embedded session). `segment` is copied. */
int tracer_attach_segment(const struct segment *segment);

/* Signal-safe. */
bool tracer_is_attached(void);

/* Claim the calling thread's ring now, not at its first event. `name` may be NULL. Signal-safe. */
void tracer_thread_begin(const char *name);
void tracer_thread_named(const char *name);

/* In a forked child, before it emits: otherwise its first event does it. Signal-safe. */
void tracer_fork_child(void);

/* The calling thread is about to lose its clocks (seccomp's strict mode, PR_SET_TSC: reading one is
 * then a fault): it gives its ring up, and its records are counted as without a ring. Or it goes
 * on. New threads are not muted by themselves; forked children stay what their thread was.
 * Signal-safe. */
void tracer_thread_mute(bool muted);
bool tracer_thread_is_muted(void);

/* No system calls from now on, in any thread: the process is about to enter a sandbox that may not
 * allow them. The drain then looks in time, instead of being rung for. Signal-safe. */
void tracer_silence(void);

/* ada_reserve_slow() for who calls it from another frame than the fast half: `sp` is what
 * ada_stack_pointer() said there. Signal-safe. */
struct ada_record tracer_reserve_slow(uint32_t tag, uint64_t bytes, uint64_t sp);

/* Tell the drain something that is no event. As arena_append(); -ENOTCONN when not attached.
 * Signal-safe. */
int tracer_tell(enum arena_kind kind, const void *head, size_t head_bytes, const void *tail,
                size_t tail_bytes);

/* The session's clock; 0 in a muted thread. Signal-safe. */
uint64_t tracer_ticks(void);
/* Is that the CPU's counter, ada_ticks()? Does not change once attached. Signal-safe. */
bool tracer_clock_is_counter(void);

/* This process's id as the trace knows it; no system call. Signal-safe. */
uint32_t tracer_pid(void);

#endif
