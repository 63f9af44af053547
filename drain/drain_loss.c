/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread's ring did not hand over: holes in its stream, and the ledger that has to add up.
 */
#include <string.h>

#include "base/atomic.h"
#include "drain/drain_state.h"

enum { VISIT_HOLES_MAX = 64 }; /* that stand where they are; more of one visit are told together */

/* ---- holes: records that are missing here ---- */

static void gaps_put(struct drain *d, struct drain_thread *t, const struct trace_gap *gaps,
                     uint32_t count)
{
    if (count && thread_stream_open(d, t))
        drain_fail(d, trace_stream_gaps(t->stream, gaps, count));
    for (uint32_t i = 0; i < count && d->triggers; i++)
        triggers_gap(d, t->process, t, &gaps[i]);
}

bool thread_hole_waits(const struct drain_thread *t)
{
    return t->hole.kind == TRACE_GAP_DAMAGED && t->visit_holes >= VISIT_HOLES_MAX;
}

void thread_holes_rest(struct drain *d, struct drain_thread *t)
{
    if (thread_hole_waits(t))
        thread_hole_end(d, t, t->ticks);
    t->visit_holes = 0;
}

/* What was dropped in the hole, which tells of it next. */
static struct trace_gap dropped_take(struct drain_thread *t)
{
    struct trace_gap gap = t->hole;

    gap.kind = TRACE_GAP_DROPPED;
    gap.records = t->hole_dropped;
    gap.bytes = t->hole_dropped_bytes;
    t->told_dropped += t->hole_dropped;
    t->told_dropped_bytes += t->hole_dropped_bytes;
    t->hole_dropped = t->hole_dropped_bytes = 0;
    return gap;
}

void thread_hole_end(struct drain *d, struct drain_thread *t, uint64_t last_ticks)
{
    struct trace_gap gaps[2];
    uint32_t count = 0;

    if (!t->hole.kind)
        return;
    if (thread_hole_waits(t)) /* records have been stored since it began */
        t->hole.first_ticks = t->ticks;
    t->visit_holes += t->hole.kind == TRACE_GAP_DAMAGED;
    t->hole.last_ticks = last_ticks;
    if (t->hole.records || t->hole.bytes)
        gaps[count++] = t->hole;
    if (t->hole_dropped)
        gaps[count++] = dropped_take(t);
    t->hole.kind = 0;
    gaps_put(d, t, gaps, count);
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

static uint64_t less(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * What was dropped before we came is in another trace's ledger. It is told first. Untrusted: no
 * more is told than was dropped.
 */
static void past_take_off(struct drain_thread *t, struct ada_record_gap *gap)
{
    const struct ring_shared *ring = t->reader.shared;
    /* relaxed: what the record tells of was counted before its head that we have acquired. */
    uint64_t dropped = load_relaxed(&ring->dropped) - t->past.dropped;
    uint64_t dropped_bytes = load_relaxed(&ring->dropped_bytes) - t->past.dropped_bytes;
    uint64_t past = least(gap->records, t->past_gap_records);
    uint64_t past_bytes = past == gap->records ? gap->bytes : t->past_gap_bytes;

    past_bytes = past ? least(past_bytes, least(gap->bytes, t->past_gap_bytes)) : 0;
    t->past_gap_records -= past;
    t->past_gap_bytes -= past_bytes;
    gap->records = least(gap->records - past, less(dropped, t->told_dropped));
    gap->bytes = least(gap->bytes - past_bytes, less(dropped_bytes, t->told_dropped_bytes));
}

void thread_holes_notice(struct drain *d, struct drain_thread *t)
{
    struct ring_reader *r = &t->reader;
    struct ada_record_gap gone = {0};

    if (__builtin_expect(r->overwritten != t->hole_at_overwritten, 0) &&
        !thread_believes(d, t, t->hole_at_overwritten - t->past.overwritten,
                         r->overwritten - t->hole_at_overwritten))
        r->overwritten = t->hole_at_overwritten;
    if (r->overwritten_bytes != t->hole_at_overwritten_bytes ||
        r->overwritten != t->hole_at_overwritten) {
        thread_hole_grow(d, t, TRACE_GAP_OVERWRITTEN, r->overwritten - t->hole_at_overwritten,
                         r->overwritten_bytes - t->hole_at_overwritten_bytes);
        t->hole_at_overwritten = r->overwritten;
        t->hole_at_overwritten_bytes = r->overwritten_bytes;
        gone.records = r->told_overwritten - t->hole_at_told;
        gone.bytes = r->told_overwritten_bytes - t->hole_at_told_bytes;
        if (gone.records)
            past_take_off(t, &gone);
        if (thread_believes(d, t, t->told_dropped + t->hole_dropped, gone.records)) {
            t->hole_dropped += gone.records;
            t->hole_dropped_bytes += gone.bytes;
        }
        t->hole_at_told = r->told_overwritten;
        t->hole_at_told_bytes = r->told_overwritten_bytes;
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
    uint64_t latest = now > t->ticks ? now : t->ticks;
    /* Untrusted: the times only say what fits between its neighbours. */
    struct trace_gap item = {
        .thread = t->number,
        .kind = TRACE_GAP_DROPPED,
        .first_ticks = clamp(clock_ticks_of(d, gap->first_ticks), t->ticks, latest),
        .records = gap->records,
        .bytes = gap->bytes,
    };

    item.last_ticks = clamp(clock_ticks_of(d, gap->last_ticks), item.first_ticks, latest);
    /* What was lost in front of it was written before the first of these was dropped. */
    thread_hole_end(d, t, item.first_ticks);
    gaps_put(d, t, &item, 1);
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
    past_take_off(t, &gap);
    if (!thread_believes(d, t, t->told_dropped, gap.records))
        thread_hole_grow(d, t, TRACE_GAP_DAMAGED, 0, r->bytes);
    else if (gap.records)
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
    ledger.dropped = t->is_untrue ? t->told_dropped : t->dropped;
    ledger.dropped_bytes = t->is_untrue ? t->told_dropped_bytes : t->dropped_bytes;
    ledger.nested = stats.nested - t->past.nested;
    ledger.overwritten = t->reader.overwritten - t->past.overwritten;
    ledger.overwritten_bytes = t->reader.overwritten_bytes - t->past.overwritten_bytes;
    ledger.damaged = t->damaged;
    ledger.high_water_bytes = t->reader.high_water_bytes;
    ledger.stored = t->stream ? trace_stream_stored(t->stream) : 0;
    return ledger;
}

uint64_t thread_records_known(const struct drain_thread *t)
{
    return t->reader.taken - t->past_taken + t->reader.overwritten - t->past.overwritten;
}

static void in_flight_tell(struct drain *d, const struct drain_thread *t, uint64_t records,
                           bool ended)
{
    if (ended)
        drain_write_note(d, TRACE_NOTE_INFO, t->process->number,
                         "thread %u ended in the middle of an event: %llu record(s) were counted "
                         "but never published",
                         t->tid, (unsigned long long)records);
    else
        drain_write_note(d, TRACE_NOTE_INFO, t->process->number,
                         "the recording ended in the middle of an event of thread %u: %llu "
                         "record(s) that were under way then are not in it",
                         t->tid, (unsigned long long)records);
}

/*
 * What the counters say beyond what we took must be accounted for. Of a dead owner, whose counters
 * stand still: it was damaged, overwritten, or, when the thread was killed in the middle of an
 * emit, never published. An owner that lives on counts a record just before it publishes it: one
 * that we have not seen by now is published after the end, to nobody.
 */
void thread_ledger_settle(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger,
                          bool ended)
{
    uint64_t known = thread_records_known(t);
    uint64_t missing = ledger->written > known ? ledger->written - known : 0;

    if (!thread_believes(d, t, known, missing))
        missing = 0;
    if (missing && ended && t->reader.is_unsure && ledger->overwritten_bytes / 8 >= missing) {
        ledger->overwritten += missing;
        known += missing;
        missing = 0;
    } else if (missing && ended && t->reader.damaged_bytes / 8 >= missing) {
        ledger->damaged += missing;
        known += missing;
        missing = 0;
    }
    if (missing)
        in_flight_tell(d, t, missing, ended);
    ledger->written = known;
    ledger->final = true;
}

static bool ledger_same(const struct trace_ledger *a, const struct trace_ledger *b)
{
    return a->written == b->written && a->dropped == b->dropped && a->stored == b->stored &&
           a->overwritten == b->overwritten && a->damaged == b->damaged &&
           a->high_water_bytes == b->high_water_bytes && a->thread == b->thread;
}

void thread_ledger_write(struct drain *d, const struct drain_thread *t,
                         const struct trace_ledger *whole)
{
    const struct trace_ledger *before = &t->before;
    struct trace_ledger ledger = *whole; /* also what does not add up: high_water_bytes */

    /* Bytes that were divided in proportion may be one more than there are. */
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
    struct trace_ledger ledger;

    thread_drops_look(d, t);
    ledger = thread_ledger(t);
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

void thread_count(struct drain *d, struct drain_thread *t, struct drain_figures *figures)
{
    struct trace_ledger ledger;

    thread_drops_look(d, t);
    ledger = thread_ledger(t);
    thread_figures_add(figures, t, &ledger);
    figures->live_threads++;
}

bool thread_is_settled(const struct drain_thread *t)
{
    struct ring_stats stats;

    ring_stats(t->reader.shared, &stats);
    /* Fewer than known: one was counted before we came, and published since. */
    return (int64_t)(stats.written - t->past.written - thread_records_known(t)) <= 0;
}
