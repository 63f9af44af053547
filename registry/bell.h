/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bell: wakes a drain that sleeps until something happens.
 *
 * One word in each segment. The drain arms it before a long sleep and sleeps on all bells at once;
 * a producer that finds it armed where it has to stop anyway (every so many bytes, a ring that is
 * full, a new thread) disarms it and makes the one system call that wakes the drain. A drain that
 * is awake, or looks again in a moment, arms nothing, so nobody calls the kernel. A ring that is
 * not heard, because it came just before arming, is followed by another one step later.
 *
 * A process that may not make system calls any more (a seccomp filter) silences its bell: the drain
 * then looks after it in time.
 */
#ifndef ADATRACE_REGISTRY_BELL_H
#define ADATRACE_REGISTRY_BELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

enum bell_state { BELL_QUIET = 0, BELL_ARMED = 1, BELL_SILENT = 2 };

/* ---- the traced program; async-signal-safe, errno untouched ---- */

void bell_wake(uint32_t *bell);

static inline void bell_ring(uint32_t *bell)
{
    /* relaxed: when it is armed a moment later, the next one rings. */
    if (__builtin_expect(load_relaxed(bell) == BELL_ARMED, 0))
        bell_wake(bell);
}

/* No system calls from now on. */
void bell_silence(uint32_t *bell);

/* ---- sleeping on another word; both sides, errno untouched ---- */

void bell_wake_sleepers(uint32_t *word, int most);
/* Sleep until somebody wakes `word`, unless it is no longer `value`, and no longer than `slice_ns`;
 * where the bell (or NULL) is silent: spin for some microseconds instead. */
void bell_sleep(const uint32_t *bell, uint32_t *word, uint32_t value, long slice_ns);

/* ---- the drain ---- */

/* False: silenced, nobody will ring. */
bool bell_arm(uint32_t *bell);
void bell_disarm(uint32_t *bell);

#endif
