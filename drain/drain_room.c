/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much room each ring has: more under pressure, within a budget for all of them, and back to
 * what it was, with its memory, when it is calm. Nobody moves a record for it: see
 * registry/ring_layout.h.
 */
#include <sys/sysinfo.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "drain/drain_state.h"

enum {
    BUDGET_DEFAULT = 512 << 20,
    BUDGET_PART = 8,
    COPIES_BYTES_MAX = 16 << 20 /* of overwriting rings, that readers hold between two visits */
};
static const uint64_t calm_ns = 1000000000;

uint64_t room_budget(uint64_t wanted_bytes)
{
    struct sysinfo system;
    uint64_t most = BUDGET_DEFAULT;

    if (wanted_bytes)
        return wanted_bytes;
    if (!sysinfo(&system) && (uint64_t)system.totalram * system.mem_unit / BUDGET_PART < most)
        most = (uint64_t)system.totalram * system.mem_unit / BUDGET_PART;
    return most;
}

/* Twice as much; four times for who has lost records already. */
static void room_grow(struct drain *d, struct drain_thread *t, bool lost)
{
    uint64_t room = t->reader.room, more = lost ? room * 4 : room * 2;
    uint64_t most = d->steering.ring_max_bytes;

    if (most && most < t->reader.capacity)
        more = more < most ? more : most;
    else if (more > t->reader.capacity)
        more = t->reader.capacity;
    while (more > room && d->room_granted + (more - room) > d->options.room_budget)
        more /= 2;
    if (more <= room || registry_reserve(&t->source->segment, t->slot, room, more))
        return;
    d->room_granted += more - room;
    ring_set_room(&t->reader, more);
    if (more <= t->room_high)
        return;
    t->room_high = more;
    thread_write(d, t);
}

/* What memory a calm ring keeps. */
static uint64_t room_low(const struct segment *s)
{
    uint64_t base = s->geometry.ring_bytes;

    return s->is_memfd && base > REGISTRY_BUSY_BYTES ? REGISTRY_BUSY_BYTES : base;
}

/* For a moment there is no room but the lowest, so that what lies beyond can be given back. Where
 * the producer stands in it, it keeps what it stands on until it is calm the next time. */
static void room_shrink(struct drain *d, struct drain_thread *t)
{
    struct segment *s = &t->source->segment;
    uint64_t base = s->geometry.ring_bytes, room = t->reader.room, from, to;

    ring_set_room(&t->reader, room_low(s));
    if (ring_spare(&t->reader, &from, &to)) {
        registry_give_back(s, t->slot, from, to);
        t->stands_beyond = from > room_low(s);
    }
    ring_set_room(&t->reader, base);
    d->room_granted -= room - base;
}

void thread_room_follow(struct drain *d, struct drain_thread *t)
{
    uint64_t base = t->source->segment.geometry.ring_bytes, now_ns;
    uint64_t dropped = load_relaxed(&t->reader.shared->dropped); /* relaxed: a figure */
    bool lost = dropped != t->room_dropped;

    t->room_dropped = dropped;
    if (lost || t->fill_bytes > REGISTRY_BUSY_BYTES / 4 || t->fill_bytes > base / 4) {
        t->room_busy_ns = clock_monotonic_ns();
        t->stands_beyond = true;
        if ((lost || t->fill_bytes >= t->reader.room / 2) && t->reader.room < t->reader.capacity)
            room_grow(d, t, lost);
    } else if (t->stands_beyond) {
        now_ns = clock_monotonic_ns();
        if (now_ns - t->room_busy_ns < calm_ns)
            return;
        t->room_busy_ns = now_ns;
        room_shrink(d, t);
    }
}

/* An eighth of its ring is copied out before it is read. A few threads keep that memory, which is
 * warm then; a thousand would hold as much as a hundred rings. */
void thread_copy_follow(struct drain *d, struct drain_thread *t)
{
    bool holds = t->reader.copy_is_there;

    if (holds != t->holds_copy)
        d->copies_bytes += holds ? t->reader.block_bytes : -t->reader.block_bytes;
    t->holds_copy = holds;
    if (!holds || d->copies_bytes <= COPIES_BYTES_MAX)
        return;
    ring_rest(&t->reader);
    d->copies_bytes -= t->reader.block_bytes;
    t->holds_copy = false;
}

void thread_room_end(struct drain *d, struct drain_thread *t, bool ended)
{
    struct segment *s = &t->source->segment;

    if (t->reader.policy == RING_OVERWRITE) {
        d->copies_bytes -= t->holds_copy ? t->reader.block_bytes : 0;
        return;
    }
    d->room_granted -= t->reader.room - s->geometry.ring_bytes;
    ring_set_room(&t->reader, s->geometry.ring_bytes);
    /* What the next owner does not need. */
    if (ended && t->reader.at > room_low(s))
        registry_give_back(s, t->slot, room_low(s), t->reader.capacity);
}
