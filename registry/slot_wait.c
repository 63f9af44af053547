/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/slot_wait.h"

#include <linux/futex.h>

#include "base/atomic.h"
#include "base/own_thread.h"
#include "registry/bell.h"
#include "registry/ring_wait.h"

enum { SLICE_NS = 1000 * 1000 };

/* relaxed: seen late, we look once more. */
static bool is_held(const struct slot_shared *slot)
{
    uint32_t life = load_relaxed(&slot->robust);

    if (load_relaxed(&slot->state) != SLOT_CLAIMED)
        return false;
    if (!life || life > SEGMENT_LIFE_WORDS)
        return true; /* nobody tells of its death */
    return !(load_relaxed(&slot->life.words[life - 1]) & FUTEX_OWNER_DIED);
}

static bool every_slot_is_held(const struct segment *s)
{
    if (load_relaxed(&s->shared->slots_touched) < s->geometry.slots)
        return false;
    for (uint32_t n = 0; n < s->geometry.slots; n++)
        if (!is_held(&s->slots[n]))
            return false;
    return true;
}

bool slot_may_come(const struct segment *s)
{
    return load_relaxed(&s->shared->policy) == RING_BLOCK && !own_thread_is() &&
           !segment_is_abandoned(s) && !load_relaxed(&s->shared->no_memory) &&
           !every_slot_is_held(s);
}

bool slot_wait(struct segment *s, struct slot_wait *wait)
{
    uint64_t now = clock_monotonic_ns(), most = load_relaxed(&s->shared->timeout_ns);
    uint32_t never = 0; /* nobody knows of it */

    if (!wait->started_ns)
        wait->started_ns = now;
    if (!most)
        most = ring_wait_patience_ns(load_relaxed(&s->shared->life.word));
    if (now - wait->started_ns > most)
        return false;
    bell_ring(&s->shared->bell);
    bell_sleep(&s->shared->bell, &never, 0, SLICE_NS);
    return true;
}
