/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread's ring did not hand over: holes in its stream, and the ledger that has to add up.
 */
#include <string.h>

#include "base/atomic.h"
#include "drain/drain_state.h"

/* ---- holes: records that are missing here ---- */

void thread_hole_end(struct drain *d, struct drain_thread *t, uint64_t last_ticks)
{
    if (!t->hole.kind)
        return;
    t->hole.last_ticks = last_ticks;
    if (thread_stream_open(d, t))
        drain_fail(d, trace_stream_gap(t->stream, &t->hole));
    if (d->triggers)
        triggers_gap(d, t->process, t, &t->hole);
    t->hole.kind = 0;
}

void thread_hole_grow(struct drain *d, struct drain_thread *t, uint32_t kind, uint64_t records,
                      uint64_t bytes)
{
    if (t->hole.kind != kind)
        thread_hole_end(d, t, t->ticks);
    if (!t->hole.kind)
        t->hole = (struct trace_gap){.thread = t->number, .kind = kind, .first_ticks = t->ticks};
    t->hole.records += records;
    t->hole.bytes += bytes;
}

void thread_holes_notice(struct drain *d, struct drain_thread *t)
{
    const struct ring_reader *r = &t->reader;

    if (r->overwritten_bytes != t->hole_at_overwritten_bytes ||
        r->overwritten != t->hole_at_overwritten) {
        thread_hole_grow(d, t, TRACE_GAP_OVERWRITTEN, r->overwritten - t->hole_at_overwritten,
                         r->overwritten_bytes - t->hole_at_overwritten_bytes);
        t->hole_at_overwritten = r->overwritten;
        t->hole_at_overwritten_bytes = r->overwritten_bytes;
    }
    if (r->damaged_bytes != t->hole_at_damaged) {
        thread_hole_grow(d, t, TRACE_GAP_DAMAGED, 0, r->damaged_bytes - t->hole_at_damaged);
        t->hole_at_damaged = r->damaged_bytes;
    }
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void gap_write(struct drain *d, struct drain_thread *t, const struct ada_record_gap *gap,
                      uint64_t now)
{
    /* Untrusted: the times only say what fits between its neighbours. */
    struct trace_gap item = {
        .thread = t->number,
        .kind = TRACE_GAP_DROPPED,
        .first_ticks = clamp(gap->first_ticks, t->ticks, now > t->ticks ? now : t->ticks),
        .records = gap->records,
        .bytes = gap->bytes,
    };

    item.last_ticks =
        clamp(gap->last_ticks, item.first_ticks, now > item.first_ticks ? now : item.first_ticks);
    thread_hole_end(d, t, t->ticks);
    if (thread_stream_open(d, t))
        drain_fail(d, trace_stream_gap(t->stream, &item));
    if (d->triggers)
        triggers_gap(d, t->process, t, &item);
    t->ticks = item.last_ticks;
    t->told_dropped += gap->records;
    t->told_dropped_bytes += gap->bytes;
}

void thread_gap_take(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                     uint64_t now)
{
    struct ada_record_gap gap;

    if (r->payload_bytes < sizeof(gap)) {
        thread_hole_grow(d, t, TRACE_GAP_DAMAGED, 0, r->bytes);
        return;
    }
    memcpy(&gap, r->payload, sizeof(gap)); /* untrusted: copied once */
    if (t->past_gap_records) {
        uint64_t past = t->past_gap_records < gap.records ? t->past_gap_records : gap.records;

        t->past_gap_records = 0;
        gap.records -= past;
    }
    if (gap.records)
        gap_write(d, t, &gap, now);
}

/* ---- the ledger ---- */

struct trace_ledger thread_ledger(const struct drain_thread *t)
{
    struct ring_stats stats;
    struct trace_ledger ledger = {.thread = t->number};

    ring_stats(t->reader.shared, &stats);
    ledger.written = stats.written - t->past.written;
    ledger.written_bytes = stats.written_bytes - t->past.written_bytes;
    ledger.dropped = stats.dropped - t->past.dropped;
    ledger.dropped_bytes = stats.dropped_bytes - t->past.dropped_bytes;
    ledger.nested = stats.nested - t->past.nested;
    ledger.overwritten = t->reader.overwritten;
    ledger.overwritten_bytes = t->reader.overwritten_bytes;
    ledger.damaged = t->damaged;
    ledger.high_water_bytes = t->reader.high_water_bytes;
    ledger.stored = t->stream ? trace_stream_stored(t->stream) : 0;
    return ledger;
}

uint64_t thread_records_known(const struct drain_thread *t)
{
    return t->reader.taken - t->past_taken + t->reader.overwritten;
}

/*
 * The owner is dead, so its counters stand still. What they say beyond what we took must be
 * accounted for: it was damaged, overwritten, or, when the thread was killed in the middle of an
 * emit, never published.
 */
void thread_ledger_settle(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger)
{
    uint64_t known = thread_records_known(t);
    uint64_t missing = ledger->written > known ? ledger->written - known : 0;

    if (missing && t->reader.policy == RING_OVERWRITE && ledger->overwritten_bytes / 8 >= missing) {
        ledger->overwritten += missing;
        known += missing;
        missing = 0;
    } else if (missing && t->reader.damaged_bytes / 8 >= missing) {
        ledger->damaged += missing;
        known += missing;
        missing = 0;
    }
    if (missing)
        drain_write_note(d, TRACE_NOTE_INFO, t->process->number,
                         "thread %u ended in the middle of an event: %llu record(s) were counted "
                         "but never published",
                         t->tid, (unsigned long long)missing);
    ledger->written = known;
}

static bool ledger_same(const struct trace_ledger *a, const struct trace_ledger *b)
{
    return a->written == b->written && a->dropped == b->dropped && a->stored == b->stored &&
           a->overwritten == b->overwritten && a->damaged == b->damaged &&
           a->high_water_bytes == b->high_water_bytes && a->thread == b->thread;
}

/* Bytes that were divided in proportion may be one more than there are. */
static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

void thread_ledger_write(struct drain *d, const struct drain_thread *t,
                         const struct trace_ledger *whole)
{
    const struct trace_ledger *before = &t->before;
    struct trace_ledger ledger = *whole; /* also what does not add up: high_water_bytes */

    ledger.written = less(whole->written, before->written);
    ledger.written_bytes = less(whole->written_bytes, before->written_bytes);
    ledger.dropped = less(whole->dropped, before->dropped);
    ledger.dropped_bytes = less(whole->dropped_bytes, before->dropped_bytes);
    ledger.overwritten = less(whole->overwritten, before->overwritten);
    ledger.overwritten_bytes = less(whole->overwritten_bytes, before->overwritten_bytes);
    ledger.damaged = less(whole->damaged, before->damaged);
    ledger.nested = less(whole->nested, before->nested);
    ledger.stored = less(whole->stored, before->stored);
    drain_fail(d, trace_writer_ledger(d->writer, &ledger));
}

void thread_tell(struct drain *d, struct drain_thread *t)
{
    struct trace_ledger ledger = thread_ledger(t);

    if (ledger_same(&ledger, &t->told))
        return;
    thread_ledger_write(d, t, &ledger);
    t->told = ledger;
}

void thread_last_gap(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger)
{
    const struct ring_shared *ring = t->reader.shared;
    struct ada_record_gap gap;

    if (ledger->dropped <= t->told_dropped) {
        ledger->dropped = t->told_dropped;
        return;
    }
    /* relaxed: the owner is dead, or these are figures that live on. */
    gap = (struct ada_record_gap){
        .first_ticks = load_relaxed(&ring->untold_first_ticks),
        .last_ticks = load_relaxed(&ring->untold_last_ticks),
        .records = ledger->dropped - t->told_dropped,
        .bytes = ledger->dropped_bytes - t->told_dropped_bytes,
    };
    gap_write(d, t, &gap, drain_now(d));
}

void thread_figures_add(struct drain_figures *figures, const struct drain_thread *t,
                        const struct trace_ledger *ledger)
{
    figures->records += ledger->stored;
    figures->dropped += ledger->dropped;
    figures->overwritten += ledger->overwritten;
    figures->damaged += ledger->damaged;
    figures->lost += t->refused;
}

void thread_count(const struct drain_thread *t, struct drain_figures *figures)
{
    struct trace_ledger ledger = thread_ledger(t);

    thread_figures_add(figures, t, &ledger);
    figures->live_threads++;
}

bool thread_is_settled(const struct drain_thread *t)
{
    struct ring_stats stats;

    ring_stats(t->reader.shared, &stats);
    return stats.written - t->past.written == thread_records_known(t);
}
