/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_walk.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"

static void text_touch(const char *text)
{
    fuzz_touch(text, strlen(text) + 1);
}

/* ---- tables ---- */

static void recording_touch(const struct trace_recording *r)
{
    const char *const texts[] = {r->adatrace_version, r->host,      r->kernel,       r->cpu,
                                 r->command,          r->directory, r->clock_source, r->policy,
                                 r->boot_id,          r->session};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        text_touch(texts[i]);
}

static void symbol_touch(const struct trace *t, uint32_t process, uint64_t address, uint64_t ticks)
{
    const struct trace_symbol *symbol = trace_symbol_find(t, process, address, ticks);

    if (!symbol)
        return;
    text_touch(symbol->name);
    text_touch(symbol->file);
}

static void processes_walk(struct trace *t)
{
    const struct trace_process *p;

    for (size_t n = 0; (p = trace_process_at(t, n)); n++) {
        const struct trace_process_end *end = trace_process_end_of(t, p->process);

        text_touch(p->executable);
        text_touch(p->command);
        FUZZ_CHECK(trace_process_by_number(t, p->process));
        fuzz_touch(end, end ? sizeof(*end) : 0);
        symbol_touch(t, p->process, 0x555500001000, 1000000100);
        symbol_touch(t, p->process, p->start_time, p->start_ticks);
    }
}

static void threads_walk(struct trace *t)
{
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(t, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(t, thread->thread);

        text_touch(thread->name);
        FUZZ_CHECK(trace_thread_by_number(t, thread->thread));
        fuzz_touch(ledger, ledger ? sizeof(*ledger) : 0);
    }
}

static void times_walk(struct trace *t)
{
    static const uint64_t ticks[] = {0, 1, 1000000000, UINT64_C(1) << 62, UINT64_MAX};

    for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
        int64_t ns = trace_ns(t, ticks[i]);

        (void)trace_ticks(t, ns);
        (void)trace_duration_ns(t, ticks[i]);
        FUZZ_CHECK(i == 0 || trace_ns(t, ticks[i - 1]) <= ns);
    }
    (void)trace_ticks(t, INT64_MIN);
    (void)trace_ticks(t, INT64_MAX);
    (void)trace_start_realtime_ns(t);
}

static void types_walk(struct trace *t)
{
    for (size_t n = 0; n < trace_type_count(t); n++) {
        const struct trace_type *type = trace_type_at(t, n);

        FUZZ_CHECK(type && type->index == n);
        text_touch(type->full_name);
        for (unsigned f = 0; f < type->schema.field_count; f++) {
            const struct ada_field *field = &type->schema.fields[f];

            text_touch(field->name);
            for (unsigned l = 0; l < field->label_count; l++)
                text_touch(field->labels[l].name);
        }
    }
}

void trace_walk_tables(struct trace *t)
{
    const struct trace_module *module;
    const struct trace_note *note;
    struct trace_block_info info;

    recording_touch(trace_recording(t));
    processes_walk(t);
    threads_walk(t);
    types_walk(t);
    for (size_t n = 0; (module = trace_module_at(t, n)); n++) {
        text_touch(module->path);
        text_touch(module->build_id);
        symbol_touch(t, module->process, module->base, module->from_ticks);
    }
    for (size_t n = 0; (note = trace_note_at(t, n)); n++)
        text_touch(note->text);
    for (size_t n = 0; trace_clock_pair_at(t, n); n++)
        fuzz_touch(trace_clock_pair_at(t, n), sizeof(struct trace_clock_pair));
    for (size_t n = 0; trace_block_info(t, n, &info); n++)
        fuzz_touch(&info, sizeof(info));
    times_walk(t);
}

/* ---- events ---- */

static void event_touch(struct trace *t, const struct trace_event *event)
{
    text_touch(event->thread->name);
    if (!event->type)
        return;
    FUZZ_CHECK(event->value_count == event->type->schema.field_count);
    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_value *v = &event->values[f];

        fuzz_touch(v->bytes, v->size);
        for (unsigned e = 0; v->field->width && e < v->field->count; e++) {
            (void)trace_value_unsigned(v, e);
            (void)trace_value_signed(v, e);
            if (v->field->kind == ADA_KIND_FLOAT)
                (void)trace_value_float(v, e);
            if (v->field->kind == ADA_KIND_CODE)
                symbol_touch(t, event->thread->process, trace_value_unsigned(v, e), event->ticks);
        }
    }
}

static uint64_t cursor_walk(struct trace *t, const struct trace_filter *filter)
{
    struct trace_cursor *cursor;
    struct trace_event event;
    uint64_t count = 0;
    int got;

    if (trace_cursor_open(t, filter, &cursor) != 0)
        return 0;
    while ((got = trace_cursor_next(cursor, &event)) == 1) {
        event_touch(t, &event);
        count++;
    }
    FUZZ_CHECK(got == 0);
    trace_cursor_close(cursor);
    return count;
}

/* The same events as one by one, and as many. */
static void batches_walk(struct trace *t, uint64_t expected)
{
    struct trace_batch *batch = calloc(1, sizeof(*batch));
    struct trace_cursor *cursor;
    struct trace_event event;
    uint64_t count = 0;
    int got;

    FUZZ_CHECK(batch);
    if (trace_cursor_open(t, NULL, &cursor) == 0) {
        while ((got = trace_cursor_batch(cursor, batch, TRACE_BATCH_RECORDS)) == 1) {
            for (size_t i = 0; i < batch->count; i++) {
                trace_record_event(t, &batch->records[i], &event);
                event_touch(t, &event);
            }
            count += batch->count;
            trace_batch_release(cursor, batch);
        }
        FUZZ_CHECK(got == 0 && count == expected);
        trace_cursor_close(cursor);
    }
    trace_batch_fini(batch);
    free(batch);
}

static uint64_t scan_walk(struct trace *t, const struct trace_filter *filter)
{
    const struct trace_block *block;
    struct trace_scan *scan;
    uint64_t count = 0;
    int got;

    if (trace_scan_open(t, filter, &scan) != 0)
        return 0;
    while ((got = trace_scan_next(scan, &block)) == 1) {
        text_touch(block->thread->name);
        fuzz_touch(block->ticks, block->records * sizeof(*block->ticks));
        for (uint32_t i = 0; i < block->records; i++)
            FUZZ_CHECK(block->run_of[i] < block->run_count);
        for (uint32_t r = 0; r < block->run_count; r++)
            count += block->runs[r].records;
        count += block->gap_count;
    }
    FUZZ_CHECK(got == 0);
    trace_scan_close(scan);
    return count;
}

void trace_walk_events(struct trace *t)
{
    const struct trace_filter some = {.from_ns = 3, .to_ns = INT64_MAX, .events = "s*,!*free"};
    const struct trace_filter thread = {
        .from_ns = INT64_MIN, .to_ns = trace_ns(t, UINT64_MAX / 2), .thread = "worker*"};
    uint64_t all = cursor_walk(t, NULL);

    FUZZ_CHECK(scan_walk(t, NULL) == all);
    batches_walk(t, all);
    FUZZ_CHECK(cursor_walk(t, &some) <= all);
    FUZZ_CHECK(scan_walk(t, &thread) <= all);
}
