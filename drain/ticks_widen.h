/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Widening: a record has the low 42 bits of the clock's ticks (27 minutes at 2.7 GHz); the reader
 * of its ring knows the rest. Pure; any thread.
 */
#ifndef ADATRACE_DRAIN_TICKS_WIDEN_H
#define ADATRACE_DRAIN_TICKS_WIDEN_H

#include <stdint.h>

#include <adatrace/record.h>

/* How much older than the moment when its ring was last seen empty a record may be: it was stamped
 * before it became visible. Half of what 42 bits can tell apart. */
#define TICKS_WIDEN_SLACK (UINT64_C(1) << 41)
/* How far two cores' readings may be apart. */
#define TICKS_WIDEN_SKEW (UINT64_C(1) << 20)

/*
 * All 64 bits. `previous` are the ticks of the ring's record before this one: within a ring time
 * never goes back. `empty` is the time when the ring was last seen empty. `now` was read after the
 * record was seen. What does not lie between (a hostile or broken writer) becomes `previous`.
 */
static inline uint64_t ticks_widen(uint64_t low, uint64_t previous, uint64_t empty, uint64_t now)
{
    uint64_t floor = empty > TICKS_WIDEN_SLACK ? empty - TICKS_WIDEN_SLACK : 0, ticks;

    if (floor < previous)
        floor = previous;
    ticks = floor + ((low - floor) & ADA_RECORD_TICKS_MASK);
    return ticks <= now + TICKS_WIDEN_SKEW ? ticks : previous;
}

#endif
