/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/ring_wait.h"

#include <linux/futex.h>

#include "base/atomic.h"
#include "base/own_thread.h"
#include "registry/bell.h"
#include "registry/ring_layout.h"

#ifndef RING_WAIT_SPINS /* tests/model/ looks once: it is the same */
#define RING_WAIT_SPINS 2000
#endif

enum {
    SPINS = RING_WAIT_SPINS,
    SLICE_NS = 5 * 1000 * 1000,
    BEAT_GONE = -1, /* the consumer has gone for good */
};

static bool fits(const struct ada_writer *w, uint64_t bytes)
{
    return ring_layout_for(w, bytes).fits;
}

static bool is_gone(const struct ring_shared *ring)
{
    return load_relaxed(&ring->beat) == (uint32_t)BEAT_GONE;
}

/* One look and one sleep. True: there is room. */
static bool sleep_for_room(const struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    /* Gone. relaxed: the fence below makes it an acquire. Pairs with the release in
     * ring_tell_gone(): either this is of before, and the kernel does not let us sleep on it, or we
     * see below that the consumer has gone. */
    uint32_t space = load_relaxed(&ring->space);

    store_relaxed(&ring->waiting, 1);
    /* Sleep. Full fence: `waiting` is visible before we look at tail for the last time. Pairs with
     * the fence in ring_tell_room(): either it sees us waiting, or we see its tail. */
    fence_seq_cst();
    if (fits(w, bytes))
        return true;
    if (is_gone(ring))
        return false;
    /* Bell. The same fence: a drain that falls asleep now sees that the ring is full. */
    if (w->bell)
        bell_ring(w->bell);
    bell_sleep(w->bell, &ring->space, space, SLICE_NS);
    return fits(w, bytes);
}

/* Life, as the kernel tells it: the drain's thread, FUTEX_OWNER_DIED; 0: nobody tells. relaxed:
 * seen late, we sleep once more. */
static uint32_t drain_life(const struct ada_writer *w)
{
    return w->life ? load_relaxed(w->life) : 0;
}

/* Nobody will ever read this ring again. */
static bool is_nobodys(const struct ada_writer *w)
{
    return is_gone(ring_of(w)) || (drain_life(w) & FUTEX_OWNER_DIED);
}

/*
 * A timeout holds as it was given: a disk that stands still for less loses nothing, however long it
 * is that nobody looked at this ring. Without one we wait as long as the drain shows life.
 */
static bool is_up(const struct ada_writer *w, uint64_t waited_ns, uint64_t unseen_ns)
{
    /* relaxed: figures. Somebody may have said meanwhile that nobody is to wait, or not so long:
     * adatrace set. */
    uint64_t timeout_ns = load_relaxed(&ring_of(w)->timeout_ns);

    if (load_relaxed(&ring_of(w)->policy) != RING_BLOCK)
        return true;
    if (timeout_ns)
        return waited_ns > timeout_ns;
    return unseen_ns > ring_wait_patience_ns(drain_life(w));
}

bool ring_wait_for_room(struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = ring_of(w);
    uint64_t started, seen, now;
    uint32_t beat;
    bool room = false;

    if (load_relaxed(&ring->policy) != RING_BLOCK || is_nobodys(w) || own_thread_is())
        return false;
    if (w->stalled_tail == load_relaxed(&ring->tail) + 1)
        return false;
    for (int i = 0; i < SPINS; i++) {
        if (fits(w, bytes))
            return true;
        cpu_relax();
    }
    started = seen = clock_monotonic_ns();
    beat = load_relaxed(&ring->beat);
    while (!(room = sleep_for_room(w, bytes))) {
        uint32_t now_beat = load_relaxed(&ring->beat); /* relaxed: a sign of life, no data */

        now = clock_monotonic_ns();
        if (now_beat != beat)
            seen = now;
        beat = now_beat;
        if (is_nobodys(w) || is_up(w, now - started, now - seen))
            break;
    }
    store_relaxed(&ring->waiting, 0);
    w->stalled_tail = room ? 0 : load_relaxed(&ring->tail) + 1;
    return room;
}

void ring_tell_room(struct ring_shared *ring, uint64_t fill_bytes, uint64_t room_bytes)
{
    uint32_t beat = load_relaxed(&ring->beat) + 1;

    store_relaxed(&ring->beat, beat == (uint32_t)BEAT_GONE ? 0 : beat);
    /* Sleep. Full fence: tail is visible before we look who waits. Pairs with sleep_for_room(). */
    fence_seq_cst();
    if (!load_relaxed(&ring->waiting) || fill_bytes > room_bytes / 4 * 3)
        return;
    store_relaxed(&ring->waiting, 0);
    add_relaxed(&ring->space, 1);
    bell_wake_sleepers(&ring->space, 1);
}

void ring_tell_here(struct ring_shared *ring)
{
    if (is_gone(ring))
        store_relaxed(&ring->beat, 0);
}

void ring_tell_gone(struct ring_shared *ring)
{
    store_relaxed(&ring->beat, (uint32_t)BEAT_GONE);
    /* Gone. Release: `beat` is visible before. Pairs with the acquire in sleep_for_room(). */
    add_release(&ring->space, 1);
    bell_wake_sleepers(&ring->space, INT32_MAX);
}
