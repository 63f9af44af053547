/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a slot with policy block, as ring_wait.h waits for room in its ring: many threads
 * that begin at once may want more rings than the drain has made ready.
 *
 * Nothing in it is an edge: whoever waits looks again every millisecond.
 */
#ifndef ADATRACE_REGISTRY_SLOT_WAIT_H
#define ADATRACE_REGISTRY_SLOT_WAIT_H

#include "registry/segment.h"

struct slot_wait { /* zeroed: has not waited yet */
    uint64_t started_ns;
};

/* The thread, when registry_claim() has found none: is it to wait, and is there anything to wait
 * for? Not with another policy, not for threads of ours (own_thread_is()), when the drain has gone
 * or has no memory for more rings, and where every slot has an owner that lives.
 * Async-signal-safe. */
bool slot_may_come(const struct segment *segment);

/* Wake the drain and sleep for a moment. False: that was as long as the session's timeout, or,
 * where there is none, as ring_wait_patience_ns(). Async-signal-safe, errno untouched; makes no
 * system call where the bell is silent. */
bool slot_wait(struct segment *segment, struct slot_wait *wait) __attribute__((warn_unused_result));

#endif
