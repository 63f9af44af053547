/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of plain records go from the ring into the stream's columns without being looked at one by
 * one. Whatever is not plain is left for thread_visit() to look at. */
#include "drain/drain_state.h"
#include "drain/record_run.h"

enum { PROBE_BYTES = 256 /* of the first run: there may be nothing plain here for a long time */ };

/* The triggers look at them while they still lie in the ring. */
__attribute__((noinline)) static void run_show(struct drain *d, struct drain_thread *t,
                                               const unsigned char *bytes,
                                               const struct record_run *run, uint32_t count)
{
    const struct trace_rows rows = {
        .count = count,
        .ids = run->ids,
        .ticks = run->ticks,
        .payloads = bytes + 8,
        .stride = run->record_bytes,
        .payload_bytes = run->record_bytes - 8,
    };

    triggers_rows(d, t, &rows);
}

/* One run. Returns how many of its records were taken. */
static uint32_t run_take(struct drain *d, struct drain_thread *t, const unsigned char *bytes,
                         uint64_t size, struct record_run *run)
{
    struct trace_rows rows = {.ids = run->ids, .ticks = run->ticks};
    uint32_t taken = 0, part;
    uint64_t now;

    run->count = run->record_bytes = 0;
    now = clock_now(d);
    if (__builtin_expect(t->shift != d->clock.shift, 0))
        return 0; /* its records are to be looked at one by one */
    record_run_decode(run, bytes, size);
    record_run_widen(run, t->ticks, t->empty_ticks, now, t->shift);
    if (!run->count)
        return 0;
    rows.count = run->count;
    rows.payloads = bytes + 8;
    rows.stride = run->record_bytes;
    rows.payload_bytes = run->record_bytes - 8;
    while ((part = trace_stream_append(t->stream, &rows)) != 0) {
        taken += part;
        rows.count -= part;
        rows.ids += part;
        rows.ticks += part;
        rows.payloads += part * rows.stride;
    }
    if (!taken)
        return 0;
    t->ticks = run->ticks[taken - 1];
    if (__builtin_expect(run->ids[taken - 1] == t->source->exit.id, 0)) /* else it ended nothing */
        source_exit_seen(t, bytes + (uint64_t)(taken - 1) * run->record_bytes + 8,
                         run->record_bytes - 8);
    if (__builtin_expect(d->live != NULL, 0))
        live_run(d, t, bytes, taken, run->record_bytes, run->ticks[0]);
    if (__builtin_expect(t->source->triggers != NULL, 0))
        run_show(d, t, bytes, run, taken);
    return taken;
}

uint64_t thread_take_runs(struct drain *d, struct drain_thread *t, uint64_t bytes_max)
{
    const unsigned char *bytes;
    struct record_run run;
    uint64_t size, records = 0, done = 0, most = PROBE_BYTES;

    /* A hole ends with the next record, which has to be looked at. */
    if (!t->stream || t->hole.kind)
        return 0;
    while (done < bytes_max && (bytes = ring_view(&t->reader, &size))) {
        uint32_t taken = run_take(d, t, bytes, size < most ? size : most, &run);

        ring_take(&t->reader, taken, (uint64_t)taken * run.record_bytes);
        records += taken;
        done += (uint64_t)taken * run.record_bytes;
        if (!taken || taken < run.count)
            break;
        most = UINT64_MAX;
    }
    return records;
}
