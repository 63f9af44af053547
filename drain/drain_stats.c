/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/drain_stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "drain/control.h"
#include "drain/drain_state.h"
#include "drain/ticks_widen.h"

static struct stats_counts counts_of(const struct trace_ledger *ledger)
{
    return (struct stats_counts){
        .written = ledger->written,
        .written_bytes = ledger->written_bytes,
        .dropped = ledger->dropped,
        .dropped_bytes = ledger->dropped_bytes,
        .overwritten = ledger->overwritten,
        .overwritten_bytes = ledger->overwritten_bytes,
        .damaged = ledger->damaged,
        .stored = ledger->stored,
        .nested = ledger->nested,
        .high_water_bytes = ledger->high_water_bytes,
    };
}

/* ---- those who have gone ---- */

void stats_thread_ended(struct drain_process *p, const struct trace_ledger *ledger)
{
    struct stats_counts counts = counts_of(ledger);

    stats_counts_add(&p->ended_threads, &counts);
}

static void process_row(const struct drain_process *p, struct stats_process *row)
{
    const char *path = p->executable ? p->executable : "", *slash = strrchr(path, '/');

    *row = (struct stats_process){
        .number = p->number,
        .pid = p->pid,
        .flags = p->ended ? STATS_PROCESS_ENDED : 0,
        .threads_now = p->threads,
        .threads_ever = p->threads_ever,
        .counts = p->ended_threads,
    };
    snprintf(row->name, sizeof(row->name), "%s", slash ? slash + 1 : path);
}

/* Threads without a ring belong to the process that the segment was made for. */
static void unringed_add(struct stats_process *row, uint64_t records, uint64_t bytes)
{
    row->unringed = records;
    row->unringed_bytes = bytes;
    row->counts.dropped += records;
    row->counts.dropped_bytes += bytes;
}

static void unringed_add_now(const struct drain_source *s, struct stats_process *row)
{
    uint64_t bytes, records = registry_unringed_read(&s->segment, &bytes);

    if (s->is_untrue)
        unringed_add(row, s->unringed_told, s->unringed_told_bytes);
    else
        unringed_add(row, records - s->unringed, bytes - s->unringed_bytes);
}

void stats_process_ended(struct drain *d, const struct drain_process *p)
{
    struct stats_process *oldest = &d->gone.rows[d->gone.next % STATS_GONE_MAX];
    struct stats_process *many = &d->gone.many;

    if (d->gone.next >= STATS_GONE_MAX) {
        stats_counts_add(&many->counts, &oldest->counts);
        many->threads_ever += oldest->threads_ever;
        many->unringed += oldest->unringed;
        many->unringed_bytes += oldest->unringed_bytes;
        many->flags = STATS_PROCESS_ENDED | STATS_PROCESS_MANY;
    }
    process_row(p, oldest);
    oldest->flags |= STATS_PROCESS_ENDED;
    /* As last told: its segment cannot be read any more. */
    if (p->is_root)
        unringed_add(oldest, p->source->unringed_told, p->source->unringed_told_bytes);
    d->gone.next++;
}

/* ---- the living ---- */

/* Of the first record that was not taken. It is only looked at: where it would have to be copied
 * out with an eighth of its ring, and a thousand threads wait to be read, that would be the memory
 * and the time of a hundred rings. */
static bool ticks_look(struct drain *d, struct drain_thread *t, uint64_t *ticks)
{
    struct ring_record record = {0};
    bool is_there;

    if (!ring_available_to_read(&t->reader))
        return false;
    if (t->reader.policy == RING_OVERWRITE && ring_glance(&t->reader, ticks))
        return true;
    is_there = ring_peek(&t->reader, &record) == 1;
    *ticks = record.ticks;
    if (t->reader.policy == RING_OVERWRITE)
        thread_copy_follow(d, t);
    return is_there;
}

static uint64_t lag_ns(struct drain *d, struct drain_thread *t, uint64_t now_ticks,
                       double ns_per_tick)
{
    uint64_t ticks = 0;
    bool is_there = ticks_look(d, t, &ticks);

    /* What is missing in front of it is counted from now on: in the file that is being written. */
    thread_holes_notice(d, t);
    if (!is_there)
        return 0;
    ticks = ticks_widen((ticks + t->shift) & ADA_RECORD_TICKS_MASK, t->ticks, t->empty_ticks,
                        now_ticks);
    return ticks < now_ticks ? (uint64_t)((double)(now_ticks - ticks) * ns_per_tick) : 0;
}

/* What rings may grow to, as it is now. */
static uint64_t ring_max_bytes(const struct drain *d, const struct segment_geometry *g)
{
    return d->steering.ring_max_bytes ? d->steering.ring_max_bytes : segment_ring_capacity(g);
}

static void thread_row(struct drain *d, struct drain_thread *t, uint64_t now_ticks,
                       double ns_per_tick, struct stats_thread *row)
{
    const struct segment_geometry *g = &t->source->segment.geometry;
    struct trace_ledger ledger;
    struct ring_stats ring;

    thread_drops_look(d, t);
    ledger = thread_ledger(t);
    ring_stats(t->reader.shared, &ring);
    *row = (struct stats_thread){
        .number = t->number,
        .process = t->process->number,
        .pid = t->process->pid,
        .tid = t->tid,
        .counts = counts_of(&ledger),
        .fill_bytes = ring.fill_bytes,
        .room_bytes = t->reader.room,
        .ring_bytes = g->ring_bytes,
        .ring_max_bytes = ring_max_bytes(d, g),
        .lag_ns = lag_ns(d, t, now_ticks, ns_per_tick),
    };
    memcpy(row->name, t->name, sizeof(row->name));
    row->name[sizeof(row->name) - 1] = 0;
    /* The drain will find at least that much at its next visit. */
    if (row->counts.high_water_bytes < ring.fill_bytes)
        row->counts.high_water_bytes = ring.fill_bytes;
}

/* ---- the picture ---- */

struct rows {
    struct stats_session *session;
    struct stats_process *processes;
    struct stats_thread *threads;
};

static struct stats_process *row_of(const struct rows *rows, uint32_t number)
{
    for (uint32_t i = 0; i < rows->session->process_count; i++)
        if (rows->processes[i].number == number)
            return &rows->processes[i];
    return NULL;
}

static void processes_fill(struct drain *d, struct rows *rows)
{
    struct stats_process *row = rows->processes;
    unsigned gone = d->gone.next < STATS_GONE_MAX ? d->gone.next : STATS_GONE_MAX;

    if (d->gone.many.flags)
        *row++ = d->gone.many;
    for (unsigned i = d->gone.next - gone; i < d->gone.next; i++)
        *row++ = d->gone.rows[i % STATS_GONE_MAX];
    for (const struct drain_process *p = d->processes; p; p = p->next) {
        process_row(p, row);
        if (p->is_root)
            unringed_add_now(p->source, row);
        row++;
    }
}

static void threads_fill(struct drain *d, struct rows *rows)
{
    uint64_t now_ticks = drain_now(d);
    uint64_t passed_ns = clock_monotonic_ns() - d->figures.start_ns;
    double ns_per_tick = (double)passed_ns / (double)(now_ticks - d->start_ticks + 1);
    struct stats_thread *row = rows->threads;

    for (struct drain_source *s = d->sources; s; s = s->next)
        for (uint32_t slot = 0; s->live && slot < s->bound; slot++) {
            struct stats_process *process;

            if (!s->threads[slot])
                continue;
            thread_row(d, s->threads[slot], now_ticks, ns_per_tick, row);
            process = row_of(rows, row->process);
            if (process)
                stats_counts_add(&process->counts, &row->counts);
            if (row->lag_ns > rows->session->lag_ns)
                rows->session->lag_ns = row->lag_ns;
            row++;
        }
}

static void session_fill(struct drain *d, struct stats_session *s)
{
    const struct segment_geometry *g = d->sources ? &d->sources->segment.geometry : NULL;
    struct trace_writer_stats stats = d->writer_stats;

    if (d->writer)
        trace_writer_stats(d->writer, &stats);
    s->version = STATS_VERSION;
    s->bytes = sizeof(*s);
    s->process_bytes = sizeof(struct stats_process);
    s->thread_bytes = sizeof(struct stats_thread);
    s->policy = (uint32_t)(d->steering.has_policy ? d->steering.policy : d->options.policy);
    s->flags = d->steering.paused ? STATS_SESSION_PAUSED : 0;
    s->ring_bytes = g ? g->ring_bytes : 0;
    s->ring_max_bytes = g ? ring_max_bytes(d, g) : 0;
    s->level_wanted = d->pace.wanted;
    s->level = d->pace.level;
    s->error = d->error;
    s->errors = d->errors;
    s->now_ns = clock_monotonic_ns();
    s->start_ns = d->figures.start_ns;
    s->end_ns = d->finished ? d->figures.end_ns : 0;
    s->lost = stats.lost_records + d->ended.lost;
    s->rounds = d->rounds;
    s->sleeps = d->wait.sleeps;
    s->file_bytes = stats.file_bytes;
    s->files = d->files;
    s->blocks = stats.blocks;
    s->raw_bytes = stats.raw_bytes;
    s->content_bytes = stats.content_bytes;
    s->pack_ns = stats.pack_ns;
    s->write_ns = stats.write_ns;
    s->room_granted_bytes = d->room_granted;
    s->room_budget_bytes = d->options.room_budget;
    s->processes_ever = d->next_process - 1;
    s->threads_ever = d->threads_ever;
}

static void rows_count(const struct drain *d, uint32_t *processes, uint32_t *threads)
{
    *processes = d->gone.next < STATS_GONE_MAX ? d->gone.next : STATS_GONE_MAX;
    *processes += d->gone.many.flags != 0;
    *threads = 0;
    for (const struct drain_process *p = d->processes; p; p = p->next)
        ++*processes;
    for (const struct drain_source *s = d->sources; s; s = s->next)
        *threads += s->live;
}

int drain_stats_here(struct drain *d, struct stats_picture *picture)
{
    uint32_t process_count, thread_count;
    struct rows rows;
    size_t bytes;
    char *memory;

    if (!d->finished)
        sources_discover(d);
    rows_count(d, &process_count, &thread_count);
    bytes = sizeof(struct stats_session) + process_count * sizeof(struct stats_process) +
            thread_count * sizeof(struct stats_thread);
    memory = calloc(1, bytes);
    if (!memory)
        return -ENOMEM;
    rows.session = (struct stats_session *)memory;
    rows.processes = (struct stats_process *)(memory + sizeof(*rows.session));
    rows.threads = (struct stats_thread *)(rows.processes + process_count);
    rows.session->process_count = process_count;
    rows.session->thread_count = thread_count;
    session_fill(d, rows.session);
    processes_fill(d, &rows);
    threads_fill(d, &rows);
    for (uint32_t i = 0; i < process_count; i++)
        stats_counts_add(&rows.session->counts, &rows.processes[i].counts);
    *picture = (struct stats_picture){.session = rows.session,
                                      .processes = rows.processes,
                                      .threads = rows.threads,
                                      .memory = memory,
                                      .bytes = bytes};
    return 0;
}

static int stats_call(struct drain *d, void *context)
{
    return drain_stats_here(d, context);
}

int drain_stats(struct drain *d, struct stats_picture *picture)
{
    return drain_call(d, stats_call, picture);
}

/* ---- the verb ---- */

int control_stats(struct control_context *c)
{
    struct stats_picture picture;
    int err = drain_stats(c->drain, &picture);

    if (err)
        return err;
    (void)answer_add(c->answer, picture.memory, picture.bytes);
    stats_picture_free(&picture);
    return 0;
}
