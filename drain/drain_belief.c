/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program's own counters say, as far as it can be true. They stand in memory that the
 * program can write over: what it says of itself goes into the trace and into all sums, so a count
 * that cannot be is not taken, and a note tells whose ledger is not to be believed. Counts that can
 * be are taken: nobody but the program knows better.
 */
#include "base/atomic.h"
#include "base/clock.h"
#include "drain/drain_state.h"

/* No thread reaches one a nanosecond; a batch counts all its records at once. */
enum { EVENTS_PER_NS = 1024, GRACE_NS = 1000 * 1000 * 1000 };

static uint64_t events_most(const struct drain *d)
{
    uint64_t ns = clock_monotonic_ns() - d->figures.start_ns + GRACE_NS;

    /* Who comes afterwards does not know for how long it went on. */
    return drain_is_late(d) || ns > UINT64_MAX / EVENTS_PER_NS ? UINT64_MAX : ns * EVENTS_PER_NS;
}

bool source_believes(struct drain *d, struct drain_source *s, uint64_t before, uint64_t more)
{
    uint64_t most;

    if (!more)
        return true;
    most = events_most(d);
    if (before <= most && more <= most - before)
        return true;
    if (!s->is_untrue)
        drain_write_note(d, TRACE_NOTE_UNTRUE, s->root->number,
                         "process %u, or a child of it, has counted more events than there can "
                         "have been: something writes over its counters, and what it lost is not "
                         "known",
                         s->root->pid);
    s->is_untrue = true;
    return false;
}

bool thread_believes(struct drain *d, struct drain_thread *t, uint64_t before, uint64_t more)
{
    if (source_believes(d, t->source, before, more))
        return true;
    t->is_untrue = true;
    return false;
}

/* Each figure is read once and used from then on: it may be another one the next moment. */
void thread_drops_look(struct drain *d, struct drain_thread *t)
{
    const struct ring_shared *ring = t->reader.shared;
    uint64_t dropped, bytes;

    /* relaxed: figures. Of one moment, if the owner lets us. */
    for (int tries = 0; tries < 4; tries++) {
        dropped = load_relaxed(&ring->dropped);
        bytes = load_relaxed(&ring->dropped_bytes);
        if (dropped == load_relaxed(&ring->dropped))
            break;
    }
    if (t->is_untrue || !thread_believes(d, t, 0, dropped - t->past.dropped))
        return;
    t->dropped = dropped - t->past.dropped;
    t->dropped_bytes = bytes - t->past.dropped_bytes;
}

void thread_past_is_none(struct drain_thread *t)
{
    struct ring_reader *r = &t->reader;

    r->taken = r->known_written = 0;
    r->overwritten = r->overwritten_bytes = 0;
    r->damaged_bytes = r->high_water_bytes = 0;
}
