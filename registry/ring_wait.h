/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for room in a ring of policy block: the producer sleeps on the ring's `space` futex, the
 * consumer wakes it. Producer calls are async-signal-safe and leave errno alone; consumer calls are
 * the consumer's.
 */
#ifndef ADATRACE_REGISTRY_RING_WAIT_H
#define ADATRACE_REGISTRY_RING_WAIT_H

#include "registry/ring.h"

/* The clock of the slow path where the counter is none. */
#include "base/clock.h"

/* Without a timeout: a drain without a sign of life for so long is dead where nobody tells of
 * deaths
 * (`life` 0), and stuck for good where it is said to live: it may wait for a lock that we hold, as
 * that of malloc, which our handler has interrupted in a session of the program's own. */
static inline uint64_t ring_wait_patience_ns(uint32_t life)
{
    return life ? UINT64_C(60000000000) : UINT64_C(1000000000);
}

/* The producer: wait until a record of `bytes` fits. False: the policy is not to wait, the thread
 * is one of ours (own_thread_is()), the time is up, the consumer has gone or died (writer->life),
 * or, where there is no timeout, shows no sign of life for a minute (a second where writer->life
 * tells nothing); then no further wait until the consumer has moved. */
bool ring_wait_for_room(struct ada_writer *writer, uint64_t bytes);

/* The consumer, after each release; fill_bytes of room_bytes are in use. A waiting producer is
 * woken when a quarter is free: sooner, it would soon sleep again. */
void ring_tell_room(struct ring_shared *ring, uint64_t fill_bytes, uint64_t room_bytes);
/* The consumer, when it takes over a ring whose last one has gone, and when it goes for good. */
void ring_tell_here(struct ring_shared *ring);
void ring_tell_gone(struct ring_shared *ring);

#endif
