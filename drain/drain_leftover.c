/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in files, which may outlive everybody: what the drain leaves in them for whoever comes
 * afterwards, and what it is to be that one.
 */
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock_source.h"
#include "drain/drain_state.h"
#include "drain/machine.h"
#include "drain/ticks_widen.h"

/* ---- what is left ---- */

static struct segment_time time_now(const struct drain *d)
{
    struct clock_reading r = clock_source_read(d->options.clock);

    return (struct segment_time){r.ticks, r.monotonic_ns, r.realtime_ns};
}

void source_time_begin(struct drain *d, struct drain_source *s)
{
    struct segment_shared *h = s->segment.shared;

    if (s->segment.is_memfd || drain_is_late(d))
        return;
    machine_boot_id(h->boot_id);
    h->begun = d->begun;
    h->seen[0] = h->seen[1] = time_now(d);
}

void source_time_tell(struct drain *d, struct drain_source *s)
{
    struct segment_shared *h = s->segment.shared;
    uint64_t next = h->seconds + 1;

    if (s->segment.is_memfd || drain_is_late(d))
        return;
    h->seen[next & 1] = time_now(d);
    /* We may be killed in between: whichever is said to be whole is. Signal fence: what counts is
     * the order of instructions. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    store_relaxed(&h->seconds, next);
}

/* ---- coming afterwards ---- */

bool drain_is_late(const struct drain *d)
{
    return d->options.then.last_ticks != 0;
}

/* What the trace file has already: given back to nobody when the drain was killed. */
static void records_skip(struct drain_thread *t, uint64_t count)
{
    struct ring_record record;
    uint64_t until = t->reader.taken + count;
    int got = 1;

    while (t->reader.taken < until && (got = ring_peek(&t->reader, &record)) > 0)
        ring_advance(&t->reader, &record);
    ring_release(&t->reader);
    thread_ledger_begin(t);
}

void thread_late_open(struct drain *d, struct drain_thread *t, const struct registry_view *view)
{
    const struct drain_then *then = &d->options.then;
    uint64_t claimed = view->claim_ticks, skip = 0;

    if (!drain_is_late(d))
        return;
    /* Untrusted, and all 64 bits: it may be much older than the last second. */
    if (claimed < then->begun_ticks || claimed > then->last_ticks)
        claimed = then->begun_ticks;
    t->start_ticks = t->ticks = claimed;
    t->empty_ticks = claimed > then->seen_ticks ? claimed : then->seen_ticks;
    if (then->stored_already)
        skip = then->stored_already(d->options.context, view->pid, view->tid, claimed,
                                    t->reader.taken);
    records_skip(t, skip);
}

void thread_late_close(struct drain *d, struct drain_thread *t)
{
    /* relaxed: its owner is dead. */
    uint64_t told = load_relaxed(&t->reader.shared->told);
    uint64_t told_bytes = load_relaxed(&t->reader.shared->told_bytes);

    if (!drain_is_late(d))
        return;
    /* Gaps that the drain before us has told. */
    if (told > t->told_dropped)
        t->before.dropped = told - t->told_dropped;
    if (told_bytes > t->told_dropped_bytes)
        t->before.dropped_bytes = told_bytes - t->told_dropped_bytes;
    t->told_dropped += t->before.dropped;
    t->told_dropped_bytes += t->before.dropped_bytes;
    if (t->process->end_ticks < t->ticks)
        t->process->end_ticks = t->ticks;
}
