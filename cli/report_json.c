/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for programs: everything, in nanoseconds and bytes.
 */
#include "cli/json_writer.h"
#include "cli/phase.h"
#include "cli/report.h"

struct json_report {
    const struct report *report;
    struct json_writer json;
    uint64_t limit;
};

static void ticks_put(struct json_report *r, const char *name, uint64_t ticks)
{
    json_unsigned(&r->json, name, trace_duration_ns(r->report->trace, ticks));
}

static bool is_over(const struct json_report *r, size_t row)
{
    return r->limit && row >= r->limit;
}

static void stats_put(struct json_report *r, const struct call_stats *stats)
{
    ticks_put(r, "min_ns", stats->min_ticks);
    ticks_put(r, "mean_ns", stats->calls ? stats->sum_ticks / stats->calls : 0);
    ticks_put(r, "p50_ns", call_stats_quantile(stats, 0.50));
    ticks_put(r, "p99_ns", call_stats_quantile(stats, 0.99));
    ticks_put(r, "max_ns", stats->max_ticks);
}

static void symbol_put(struct json_report *r, const struct symbol_text *symbol)
{
    json_text(&r->json, "module", symbol->module ? symbol->module->path : NULL);
    json_text(&r->json, "file", symbol_has_line(symbol) ? symbol->symbol->file : NULL);
    if (symbol_has_line(symbol))
        json_unsigned(&r->json, "line", symbol->symbol->line);
}

static void functions_put(struct json_report *r)
{
    const struct report_rows *rows = &r->report->function_rows;

    json_array_open(&r->json, "functions");
    for (size_t n = 0; n < rows->count && !is_over(r, n); n++) {
        const struct report_row *row = &rows->rows[n];

        json_object_open(&r->json, NULL);
        json_text(&r->json, "name", row->name);
        json_hex(&r->json, "address", row->symbol->address);
        symbol_put(r, row->symbol);
        json_unsigned(&r->json, "calls", row->stats.calls);
        json_unsigned(&r->json, "unfinished", row->stats.unfinished);
        ticks_put(r, "total_ns", row->stats.total_ticks);
        ticks_put(r, "self_ns", row->stats.self_ticks);
        stats_put(r, &row->stats);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

static void named_put(struct json_report *r, const char *name, const struct report_rows *rows,
                      bool spans)
{
    json_array_open(&r->json, name);
    for (size_t n = 0; n < rows->count && !is_over(r, n); n++) {
        const struct report_row *row = &rows->rows[n];

        json_object_open(&r->json, NULL);
        json_text(&r->json, "name", row->name);
        json_unsigned(&r->json, "count", row->stats.calls);
        json_unsigned(&r->json, "unfinished", row->stats.unfinished);
        if (spans)
            json_unsigned(&r->json, "nested", row->stats.nested);
        ticks_put(r, "total_ns", row->stats.total_ticks);
        if (!spans)
            ticks_put(r, "self_ns", row->stats.self_ticks);
        stats_put(r, &row->stats);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

static void types_put(struct json_report *r)
{
    const struct report *report = r->report;
    double seconds = (double)report->summary.duration_ns / 1e9;

    json_array_open(&r->json, "event_types");
    for (size_t n = 0; n < report->type_count; n++) {
        const struct report_type *type = &report->types[n];

        if (!type->count)
            continue;
        json_object_open(&r->json, NULL);
        json_text(&r->json, "event", type->type->full_name);
        json_text(&r->json, "phase", phase_identifier(type->type->schema.phase));
        json_unsigned(&r->json, "count", type->count);
        json_number(&r->json, "per_second", seconds > 0 ? (double)type->count / seconds : 0);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

static void threads_put(struct json_report *r)
{
    const struct report *report = r->report;

    json_array_open(&r->json, "threads");
    for (size_t n = 0; n < report->thread_index.count; n++) {
        const struct report_thread *thread = &report->threads[n];
        const struct trace_process *process =
            trace_process_by_number(report->trace, thread->thread->process);
        const struct trace_ledger *ledger = trace_ledger_of(report->trace, thread->thread->thread);
        uint64_t lost;

        json_object_open(&r->json, NULL);
        json_unsigned(&r->json, "pid", process ? process->pid : 0);
        json_unsigned(&r->json, "tid", thread->thread->tid);
        json_text(&r->json, "name", thread->thread->name);
        json_unsigned(&r->json, "events", thread->records);
        json_unsigned(&r->json, "dropped", ledger ? ledger->dropped : 0);
        json_unsigned(&r->json, "overwritten", ledger ? ledger->overwritten : 0);
        json_unsigned(&r->json, "damaged", ledger ? ledger->damaged : 0);
        if (report_thread_lost(report, thread, &lost))
            json_unsigned(&r->json, "lost", lost);
        else
            json_text(&r->json, "lost", NULL);
        json_unsigned(&r->json, "missing_here", thread->gap_records);
        ticks_put(r, "active_ns", thread->last_ticks - thread->first_ticks);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

/* ---- memory ---- */

static void memory_counts_put(struct json_report *r, const struct memory_process *counts)
{
    json_unsigned(&r->json, "allocations", counts->allocations);
    json_unsigned(&r->json, "allocated_bytes", counts->allocated_bytes);
    json_unsigned(&r->json, "frees", counts->frees);
    json_unsigned(&r->json, "freed_bytes", counts->freed_bytes);
    json_unsigned(&r->json, "live_blocks", counts->live_blocks);
    json_unsigned(&r->json, "live_bytes", counts->live_bytes);
    json_unsigned(&r->json, "peak_bytes", counts->peak_bytes);
    json_unsigned(&r->json, "unknown_frees", counts->unknown_frees);
    json_unsigned(&r->json, "missed_frees", counts->missed_frees);
}

static void memory_functions_put(struct json_report *r)
{
    const struct report_memory *memory = &r->report->memory;

    json_array_open(&r->json, "functions");
    for (size_t n = 0; n < memory->function_count; n++) {
        const struct memory_function *function = &memory->functions[n];

        if (!function->calls)
            continue;
        json_object_open(&r->json, NULL);
        json_text(&r->json, "name", function->type->schema.name);
        json_unsigned(&r->json, "calls", function->calls);
        json_unsigned(&r->json, "failed", function->failed);
        json_unsigned(&r->json, "bytes", function->bytes);
        if (function->durations.calls)
            stats_put(r, &function->durations);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

static void memory_callers_put(struct json_report *r)
{
    const struct report_memory *memory = &r->report->memory;

    json_array_open(&r->json, "callers");
    for (size_t n = 0; n < memory->caller_count && !is_over(r, n); n++) {
        const struct memory_caller *caller = &memory->callers[n];

        json_object_open(&r->json, NULL);
        json_text(&r->json, "name", symbol_function_name(&caller->symbol));
        symbol_put(r, &caller->symbol);
        json_unsigned(&r->json, "places", caller->places);
        json_unsigned(&r->json, "blocks", caller->calls);
        json_unsigned(&r->json, "bytes", caller->bytes);
        json_unsigned(&r->json, "live_blocks", caller->live_blocks);
        json_unsigned(&r->json, "live_bytes", caller->live_bytes);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
}

static void memory_put(struct json_report *r)
{
    const struct report_memory *memory = &r->report->memory;
    struct memory_process total = report_memory_total(memory);

    json_object_open(&r->json, "memory");
    memory_counts_put(r, &total);
    memory_functions_put(r);
    memory_callers_put(r);
    json_array_open(&r->json, "processes");
    for (size_t n = 0; n < memory->process_count; n++) {
        json_object_open(&r->json, NULL);
        json_unsigned(&r->json, "pid", memory->processes[n].process->pid);
        memory_counts_put(r, &memory->processes[n]);
        json_object_close(&r->json);
    }
    json_array_close(&r->json);
    json_object_close(&r->json);
}

void report_print_json(const struct report *report, struct out_buffer *out,
                       const struct report_style *style)
{
    const struct summary *summary = &report->summary;
    struct json_report r = {.report = report, .json = {.out = out}, .limit = style->limit};

    json_object_open(&r.json, NULL);
    json_text(&r.json, "command", trace_recording(report->trace)->command);
    json_unsigned(&r.json, "duration_ns", summary->duration_ns);
    json_unsigned(&r.json, "events", report->records);
    json_unsigned(&r.json, "dropped", summary->counts.dropped);
    json_unsigned(&r.json, "overwritten", summary->counts.overwritten);
    json_unsigned(&r.json, "damaged", summary->counts.damaged);
    json_unsigned(&r.json, "lost", summary_missing(summary));
    json_flag(&r.json, "lost_exact", !summary_is_vague(summary));
    json_flag(&r.json, "complete", summary->complete);
    json_flag(&r.json, "selection", report->partial);
    json_number(&r.json, "quantile_error", HISTOGRAM_ERROR);
    functions_put(&r);
    named_put(&r, "scopes", &report->scope_rows, false);
    named_put(&r, "spans", &report->span_rows, true);
    types_put(&r);
    threads_put(&r);
    memory_put(&r);
    json_object_close(&r.json);
}
