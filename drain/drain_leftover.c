/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in files, which may outlive everybody: what the drain leaves in them for whoever comes
 * afterwards, and what it is to be that one.
 */
#include <errno.h>
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

/* Up to what the trace file has. What cannot be counted ends it. */
static void records_pass(struct ring_reader *r, uint64_t until)
{
    struct ring_record record;
    int got = 1;

    while (r->known_written < until && !r->is_unsure && got != 0 && got != -EBADMSG) {
        got = ring_peek(r, &record);
        if (got > 0)
            ring_advance(r, &record);
    }
}

/*
 * What the trace file has already: given back to nobody when the drain was killed. Where the
 * program went on overwriting, some of it may be gone. That is no loss, and what the drain before
 * us has told is none of ours: only what is gone beyond both is told in this trace.
 */
static void records_skip(struct drain_thread *t, uint64_t count)
{
    struct ring_reader *r = &t->reader;
    uint64_t until = r->known_written + count, lost = 0, lost_bytes = 0;
    uint64_t gone = r->overwritten, gone_bytes = r->overwritten_bytes;

    t->hole_at_damaged = r->damaged_bytes;
    records_pass(r, until);
    gone = r->overwritten - gone;
    gone_bytes = r->overwritten_bytes - gone_bytes;
    if (r->known_written > until && gone) {
        lost = r->known_written - until < gone ? r->known_written - until : gone;
        lost_bytes = (uint64_t)((double)gone_bytes * ((double)lost / (double)gone));
    } else if (!r->is_unsure) {
        t->hole_at_told = r->told_overwritten;
        t->hole_at_told_bytes = r->told_overwritten_bytes;
    }
    r->overwritten -= lost;
    r->overwritten_bytes -= lost_bytes;
    t->hole_at_overwritten = r->overwritten;
    t->hole_at_overwritten_bytes = r->overwritten_bytes;
    thread_ledger_begin(t);
    r->overwritten += lost;
    r->overwritten_bytes += lost_bytes;
    ring_release(r);
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
