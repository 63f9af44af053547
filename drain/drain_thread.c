/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's ring becomes one stream of the trace, and its counters become its ledger. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "drain/drain_state.h"
#include "drain/ticks_widen.h"

enum {
    BATCH_RECORDS = 128,
    ALONE_RECORDS = 4,         /* looked at one by one before runs are tried again, at first */
    RELEASE_BYTES = 32 * 1024, /* taken in runs before room is given back */
    ERRORS_MAX = 8 /* in one visit: somebody scribbles on the ring faster than we read it */
};

/* ---- begin ---- */

void thread_write(struct drain *d, const struct drain_thread *t)
{
    const struct trace_thread item = {
        .thread = t->number,
        .process = t->process->number,
        .tid = t->tid,
        .start_ticks = t->start_ticks,
        .ring_bytes = t->room_high,
        .name = t->name,
    };

    drain_fail(d, trace_writer_thread(d->writer, &item));
}

/* What the kernel calls a thread that nobody has named; it can have died before we could ask. */
static void name_of_executable(struct drain_thread *t)
{
    enum { COMM_BYTES = 15 };
    const char *path = t->process->executable ? t->process->executable : "";
    const char *slash = strrchr(path, '/');

    snprintf(t->name, sizeof(t->name), "%.*s", COMM_BYTES, slash ? slash + 1 : path);
}

static void name_take(struct drain *d, struct drain_thread *t, const struct registry_view *view)
{
    t->name_changes = view->name_changes;
    memcpy(t->name, view->name, sizeof(t->name));
    if (!t->name[0] && d->options.watches_processes && !t->process->dead && !view->dead)
        proc_thread_name(t->process->pid, t->tid, t->name, sizeof(t->name));
    if (!t->name[0])
        name_of_executable(t);
}

/* The slot had a drain before us: what it counted and left is not of this trace. */
static void past_forget(struct drain_thread *t)
{
    ring_reset(&t->reader);
    t->hole_at_damaged = t->reader.damaged_bytes;
    t->hole_at_overwritten = t->reader.overwritten;
    t->hole_at_overwritten_bytes = t->reader.overwritten_bytes;
    ring_stats(t->reader.shared, &t->past);
    t->past_taken = t->reader.taken;
    t->past_gap_records = ring_untold(t->reader.shared);
}

struct drain_thread *thread_open(struct drain *d, struct drain_source *s, uint32_t slot,
                                 const struct registry_view *view, bool reused)
{
    const struct segment_geometry *g = &s->segment.geometry;
    struct drain_process *process = process_of_slot(d, s, view);
    struct drain_thread *t = process ? calloc(1, sizeof(*t)) : NULL;

    if (!t)
        return NULL;
    t->source = s;
    t->process = process;
    t->slot = slot;
    t->pid = view->pid;
    t->tid = view->tid;
    if (ring_reader_init(&t->reader, &s->segment.slots[slot].ring,
                         segment_ring_data(&s->segment, slot), segment_ring_capacity(g),
                         g->policy)) {
        free(t);
        return NULL;
    }
    if (reused)
        past_forget(t);
    t->number = d->next_thread++;
    ring_set_room(&t->reader, g->ring_bytes); /* whatever stands there */
    t->room_high = g->ring_bytes;
    /* Untrusted: a time of another recording would put this thread's records there. */
    t->start_ticks = ticks_widen(view->claim_ticks & ADA_RECORD_TICKS_MASK, d->start_ticks,
                                 d->start_ticks, drain_now(d));
    t->ticks = t->empty_ticks = t->start_ticks;
    process->threads++;
    s->live++;
    name_take(d, t, view);
    thread_write(d, t);
    drain_tell_news(d, "thread %u of process %u begins%s%s", t->tid, process->pid,
                    t->name[0] ? ": " : "", t->name);
    return t;
}

void thread_rename(struct drain *d, struct drain_thread *t, const struct registry_view *view)
{
    if (view->name_changes == t->name_changes)
        return;
    name_take(d, t, view);
    thread_write(d, t);
}

static bool stream_open(struct drain *d, struct drain_thread *t)
{
    int err;

    if (t->stream)
        return true;
    err = trace_stream_open(d->writer, t->number, &t->stream);
    if (err)
        t->stream = NULL;
    drain_fail(d, err);
    return !err;
}

/* ---- holes: records that are missing here ---- */

static void hole_write(struct drain *d, struct drain_thread *t, uint64_t last_ticks)
{
    if (!t->hole.kind)
        return;
    t->hole.last_ticks = last_ticks;
    if (stream_open(d, t))
        drain_fail(d, trace_stream_gap(t->stream, &t->hole));
    t->hole.kind = 0;
}

/* Its end is the next record that is good. */
static void hole_grow(struct drain *d, struct drain_thread *t, uint32_t kind, uint64_t records,
                      uint64_t bytes)
{
    if (t->hole.kind != kind)
        hole_write(d, t, t->ticks);
    if (!t->hole.kind)
        t->hole = (struct trace_gap){.thread = t->number, .kind = kind, .first_ticks = t->ticks};
    t->hole.records += records;
    t->hole.bytes += bytes;
}

/* What the reader had to pass over since we last looked. */
static void holes_notice(struct drain *d, struct drain_thread *t)
{
    const struct ring_reader *r = &t->reader;

    if (r->overwritten_bytes != t->hole_at_overwritten_bytes ||
        r->overwritten != t->hole_at_overwritten) {
        hole_grow(d, t, TRACE_GAP_OVERWRITTEN, r->overwritten - t->hole_at_overwritten,
                  r->overwritten_bytes - t->hole_at_overwritten_bytes);
        t->hole_at_overwritten = r->overwritten;
        t->hole_at_overwritten_bytes = r->overwritten_bytes;
    }
    if (r->damaged_bytes != t->hole_at_damaged) {
        hole_grow(d, t, TRACE_GAP_DAMAGED, 0, r->damaged_bytes - t->hole_at_damaged);
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
    hole_write(d, t, t->ticks);
    if (stream_open(d, t))
        drain_fail(d, trace_stream_gap(t->stream, &item));
    t->ticks = item.last_ticks;
    t->told_dropped += gap->records;
    t->told_dropped_bytes += gap->bytes;
}

/* ---- records ---- */

static void gap_take(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                     uint64_t now)
{
    struct ada_record_gap gap;

    if (r->payload_bytes < sizeof(gap)) {
        hole_grow(d, t, TRACE_GAP_DAMAGED, 0, r->bytes);
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

static void record_damaged(struct drain *d, struct drain_thread *t, const struct ring_record *r)
{
    t->damaged++;
    hole_grow(d, t, TRACE_GAP_DAMAGED, 1, r->bytes);
}

/* Of the same type that was unknown just now, and nothing was told since: it joins the hole. */
static bool record_is_unknown(const struct drain_thread *t, const struct ring_record *r)
{
    return t->hole.kind == TRACE_GAP_DAMAGED && r->type == t->unknown_type &&
           t->source->arena.at == t->unknown_at;
}

/* The stream does not know its type: perhaps that was told after we last listened. */
static int record_retry(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                        uint64_t ticks)
{
    source_hear(d, t->source);
    t->unknown_type = r->type;
    t->unknown_at = t->source->arena.at;
    return trace_stream_record(t->stream, (uint16_t)r->type, ticks, r->payload, r->payload_bytes);
}

static void record_take(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                        uint64_t now)
{
    uint64_t ticks;
    int err;

    if (__builtin_expect(r->type < ADA_RECORD_FIRST_EVENT, 0)) {
        if (r->type == ADA_RECORD_GAP) {
            gap_take(d, t, r, now);
        } else {
            record_damaged(d, t, r);
        }
        return;
    }
    ticks = ticks_widen(r->ticks, t->ticks, t->empty_ticks, now);
    if (__builtin_expect(t->hole.kind != 0, 0)) {
        if (record_is_unknown(t, r)) {
            record_damaged(d, t, r);
            return;
        }
        hole_write(d, t, ticks);
    }
    err = trace_stream_record(t->stream, (uint16_t)r->type, ticks, r->payload, r->payload_bytes);
    if (__builtin_expect(err == -ENOENT, 0))
        err = record_retry(d, t, r, ticks);
    if (__builtin_expect(err != 0, 0)) {
        if (err == -ENOENT || err == -EBADMSG) {
            record_damaged(d, t, r);
        } else {
            drain_fail(d, err);
        }
        return;
    }
    t->ticks = ticks;
    if (__builtin_expect(r->type == t->source->exec.id || r->type == t->source->spawn.id, 0))
        source_exec_seen(d, t, r);
}

static void batch_take(struct drain *d, struct drain_thread *t, const struct ring_record *records,
                       unsigned count)
{
    uint64_t now = drain_now(d);

    if (!stream_open(d, t)) {
        t->refused += count;
        return;
    }
    for (unsigned i = 0; i < count; i++)
        record_take(d, t, &records[i], now);
}

/* Is there nothing left of what was there up to `until`? */
static bool is_taken(const struct drain_thread *t, uint64_t until)
{
    return (int64_t)(until - t->reader.at) <= 0;
}

bool thread_visit(struct drain *d, struct drain_thread *t, uint64_t share_bytes,
                  struct wait_load *load)
{
    struct ring_record records[BATCH_RECORDS];
    /* No more than what is there now. To follow a producer record by record would take the line of
     * its head, and those of its records, from under it: 30 ns for each instead of 10. */
    uint64_t before = drain_now(d), taken = 0;
    uint64_t fill_bytes = ring_available_to_read(&t->reader);
    uint64_t until = t->reader.head;
    unsigned fill_percent = (unsigned)(fill_bytes * 100 / t->reader.room), errors = 0;
    unsigned alone = ALONE_RECORDS;
    int got;

    if (fill_percent > load->fill_percent)
        load->fill_percent = fill_percent;
    t->fill_bytes = fill_bytes;
    if (fill_bytes > load->fill_bytes)
        load->fill_bytes = fill_bytes;
    do {
        uint64_t at = t->reader.at - t->reader.skipped;
        uint64_t in_runs = thread_take_runs(d, t, RELEASE_BYTES);

        /* What a run ends with is looked at by itself; more than that when there are no runs. */
        alone = in_runs ? 1 : alone < BATCH_RECORDS / 2 ? alone * 2 : BATCH_RECORDS;
        load->records += in_runs;
        got = ring_read_batch(&t->reader, records, alone);
        holes_notice(d, t);
        if (got > 0) {
            batch_take(d, t, records, (unsigned)got);
            load->records += (unsigned)got;
        }
        if (got >= 0)
            taken += t->reader.at - t->reader.skipped - at; /* not what was passed over */
        /* Every time, also when there was nothing: a blocked producer waits for this heartbeat. */
        ring_release(&t->reader);
    } while ((got > 0 && !is_taken(t, until) && taken < share_bytes) ||
             (got < 0 && ++errors <= ERRORS_MAX));
    if (got > 0 && !is_taken(t, until)) {
        load->more = true;
        return false;
    }
    t->empty_ticks = before;
    return true;
}

/* ---- the ledger ---- */

static struct trace_ledger ledger_now(const struct drain_thread *t)
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

/* Published records that we have seen, or know to be lost. */
static uint64_t records_known(const struct drain_thread *t)
{
    return t->reader.taken - t->past_taken + t->reader.overwritten;
}

/*
 * The owner is dead, so its counters stand still. What they say beyond what we took must be
 * accounted for: it was damaged, overwritten, or, when the thread was killed in the middle of an
 * emit, never published.
 */
static void ledger_settle(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger)
{
    uint64_t known = records_known(t);
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

void thread_tell(struct drain *d, struct drain_thread *t)
{
    struct trace_ledger ledger = ledger_now(t);

    if (ledger_same(&ledger, &t->told))
        return;
    drain_fail(d, trace_writer_ledger(d->writer, &ledger));
    t->told = ledger;
}

/* Drops that no GAP record told of: nothing fitted behind them any more. */
static void last_gap_write(struct drain *d, struct drain_thread *t, struct trace_ledger *ledger)
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

static void figures_add(struct drain_figures *figures, const struct drain_thread *t,
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
    struct trace_ledger ledger = ledger_now(t);

    figures_add(figures, t, &ledger);
    figures->live_threads++;
}

bool thread_is_settled(const struct drain_thread *t)
{
    struct ring_stats stats;

    ring_stats(t->reader.shared, &stats);
    return stats.written - t->past.written == records_known(t);
}

static void thread_close(struct drain *d, struct drain_thread *t, bool ended)
{
    struct trace_ledger ledger = ledger_now(t);

    hole_write(d, t, t->ticks);
    last_gap_write(d, t, &ledger);
    /* Into the file first: only then is it known what it took. */
    if (t->stream) {
        drain_fail(d, trace_stream_flush(t->stream));
        ledger.stored = trace_stream_stored(t->stream);
    }
    ledger.final = ended || thread_is_settled(t);
    if (ended)
        ledger_settle(d, t, &ledger);
    drain_fail(d, trace_writer_ledger(d->writer, &ledger));
    figures_add(&d->ended, t, &ledger);
    if (t->stream)
        drain_fail(d, trace_stream_close(t->stream));
    thread_room_end(d, t, ended);
    ring_reader_fini(&t->reader);
    t->process->threads--;
    t->source->live--;
}

void thread_end(struct drain *d, struct drain_thread *t)
{
    struct drain_process *p = t->process;

    /* An exec that came true ends its thread right behind the record that announced it. */
    if (t->exec_at && t->exec_at != trace_stream_stored(t->stream)) {
        free(p->exec_path);
        p->exec_path = NULL;
    }
    drain_tell_news(d, "thread %u of process %u ends", t->tid, p->pid);
    thread_close(d, t, true);
    free(t);
}

void thread_leave(struct drain *d, struct drain_thread *t)
{
    thread_close(d, t, false);
    free(t);
}
