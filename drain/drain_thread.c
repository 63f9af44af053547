/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's ring becomes one stream of the trace, and its counters become its ledger. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/crash_point.h"
#include "drain/drain_state.h"
#include "drain/ticks_widen.h"

enum {
    BATCH_RECORDS = 128,
    ALONE_RECORDS = 4,         /* looked at one by one before runs are tried again, at first */
    RELEASE_BYTES = 32 * 1024, /* taken in runs before room is given back */
    ERRORS_MAX = 8 /* in one visit: somebody scribbles on the ring faster than we read it */
};

/* ---- begin ---- */

void thread_write(struct drain *d, struct drain_thread *t)
{
    const struct trace_thread item = {
        .thread = t->number,
        .process = t->process->number,
        .tid = t->tid,
        .start_ticks = t->start_ticks,
        .ring_bytes = t->room_high,
        .name = t->name,
    };

    int err;

    if (t->process->untold)
        process_write(d, t->process);
    err = t->process->untold ? -ENOMEM : trace_writer_thread(d->writer, &item);
    t->untold = err == -ENOMEM;
    drain_fail(d, err);
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
    t->hole_at_told = t->reader.told_overwritten;
    t->hole_at_told_bytes = t->reader.told_overwritten_bytes;
    ring_stats(t->reader.shared, &t->past);
    t->past_taken = t->reader.taken;
    /* Not told yet, or by GAP records that we have not come to. */
    t->past_gap_records = t->past.dropped - t->reader.known_told;
    t->past_gap_bytes = t->past.dropped_bytes - t->reader.known_told_bytes;
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
    else if (!drain_is_late(d))
        thread_past_is_none(t);
    t->number = d->next_thread++;
    ring_set_room(&t->reader, g->ring_bytes); /* whatever stands there */
    t->room_high = g->ring_bytes;
    t->start_ticks = clock_ticks_of(d, view->claim_ticks);
    t->shift = clock_shift_of(d, view->claim_ticks, t->start_ticks);
    t->ticks = t->empty_ticks = t->start_ticks;
    thread_late_open(d, t, view);
    process->threads++;
    process->threads_ever++;
    d->threads_ever++;
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

bool thread_stream_open(struct drain *d, struct drain_thread *t)
{
    int err;

    if (t->stream)
        return true;
    if (t->untold || t->process->untold)
        thread_write(d, t);
    err = trace_stream_open(d->writer, t->number, &t->stream);
    if (err)
        t->stream = NULL;
    drain_fail(d, err);
    return !err;
}

/* ---- records ---- */

static void record_damaged(struct drain *d, struct drain_thread *t, const struct ring_record *r)
{
    t->damaged++;
    thread_hole_grow(d, t, TRACE_GAP_DAMAGED, 1, r->bytes);
}

/* Of the same type that was unknown just now, and nothing was told since: it joins the hole. */
static bool record_is_unknown(const struct drain_thread *t, const struct ring_record *r)
{
    return t->hole.kind == TRACE_GAP_DAMAGED && r->type == t->unknown_type &&
           t->source->arena.taken == t->unknown_at;
}

/* The stream does not know its type: perhaps that was told after we last listened. */
static int record_retry(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                        uint64_t ticks)
{
    source_hear(d, t->source);
    t->unknown_type = r->type;
    t->unknown_at = t->source->arena.taken;
    return trace_stream_record(t->stream, (uint16_t)r->type, ticks, r->payload, r->payload_bytes);
}

static uint64_t record_ticks(struct drain *d, struct drain_thread *t, uint64_t raw, uint64_t now)
{
    if (__builtin_expect(t->shift != d->clock.shift, 0))
        return clock_widen_odd(d, t, raw, now);
    return ticks_widen((raw + t->shift) & ADA_RECORD_TICKS_MASK, t->ticks, t->empty_ticks, now);
}

static void record_take(struct drain *d, struct drain_thread *t, const struct ring_record *r,
                        uint64_t now)
{
    uint64_t ticks;
    int err;

    if (__builtin_expect(r->type < ADA_RECORD_FIRST_EVENT, 0)) {
        if (r->type == ADA_RECORD_GAP) {
            thread_gap_take(d, t, r, now);
        } else {
            record_damaged(d, t, r);
        }
        return;
    }
    ticks = record_ticks(d, t, r->ticks, now);
    if (__builtin_expect(t->hole.kind != 0, 0)) {
        if (record_is_unknown(t, r)) {
            record_damaged(d, t, r);
            return;
        }
        if (!thread_hole_waits(t))
            thread_hole_end(d, t, ticks);
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
    if (__builtin_expect(d->live != NULL, 0))
        live_record(d, t, r, ticks);
    if (__builtin_expect(t->source->triggers != NULL, 0))
        triggers_record(d, t, r->type, ticks, r->payload, r->payload_bytes);
    if (__builtin_expect(r->type == t->source->exec.id || r->type == t->source->spawn.id, 0))
        source_exec_seen(d, t, r);
    else if (__builtin_expect(r->type == t->source->exit.id, 0))
        source_exit_seen(t, r->payload, r->payload_bytes);
}

static void batch_take(struct drain *d, struct drain_thread *t, const struct ring_record *records,
                       unsigned count)
{
    uint64_t now = clock_now(d);

    if (!thread_stream_open(d, t)) {
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
        thread_holes_notice(d, t);
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
    if (__builtin_expect(t->visit_holes != 0, 0))
        thread_holes_rest(d, t);
    if (got > 0 && !is_taken(t, until)) {
        load->more = true;
        if (d->live)
            live_round_unfinished(d, t->ticks);
        return false;
    }
    t->empty_ticks = before;
    t->shift = d->clock.shift;
    return true;
}

static void thread_close(struct drain *d, struct drain_thread *t, bool ended)
{
    struct trace_ledger ledger;

    thread_drops_look(d, t);
    ledger = thread_ledger(t);
    thread_hole_end(d, t, t->ticks);
    thread_late_close(d, t);
    thread_last_gap(d, t, &ledger);
    /* Into the file first: only then is it known what it took. */
    if (t->stream) {
        drain_fail(d, trace_stream_flush(t->stream));
        ledger.stored = trace_stream_stored(t->stream);
    }
    CRASH_POINT("thread.flushed");
    thread_ledger_settle(d, t, &ledger, ended);
    thread_ledger_write(d, t, &ledger);
    thread_figures_add(&d->ended, t, &ledger);
    stats_thread_ended(t->process, &ledger);
    if (t->stream)
        drain_fail(d, trace_stream_close(t->stream));
    if (ended)
        trace_writer_thread_end(d->writer, t->number);
    CRASH_POINT("thread.told");
    thread_room_end(d, t, ended);
    ring_reader_fini(&t->reader);
    free(t->trigger_calls);
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
    /* The same holds for an exit; a vfork child says one, too, and its parent goes on. */
    if (t->exit_at && t->exit_at == trace_stream_stored(t->stream))
        p->said_status = t->exit_status << 8;
    drain_tell_news(d, "thread %u of process %u ends", t->tid, p->pid);
    thread_close(d, t, true);
    free(t);
}

void thread_leave(struct drain *d, struct drain_thread *t)
{
    thread_close(d, t, false);
    free(t);
}
