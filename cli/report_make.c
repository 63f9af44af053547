/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/progress.h"
#include "cli/type_names.h"

/* ---- tables ---- */

static enum report_role role_of(const struct trace_type *type)
{
    const struct schema *schema = &type->schema;
    bool has_code = schema->field_count && schema->fields[0].kind == ADA_KIND_CODE &&
                    schema->fields[0].count == 1;

    switch (schema->phase) {
    case ADA_PHASE_FUNCTION_ENTER:
        return has_code ? REPORT_FUNCTION_ENTER : REPORT_PLAIN;
    case ADA_PHASE_FUNCTION_EXIT:
        return has_code ? REPORT_FUNCTION_EXIT : REPORT_PLAIN;
    case ADA_PHASE_BEGIN:
        return REPORT_SCOPE_BEGIN;
    case ADA_PHASE_END:
        return REPORT_SCOPE_END;
    case ADA_PHASE_SPAN_BEGIN:
    case ADA_PHASE_SPAN_STEP:
    case ADA_PHASE_SPAN_END:
        return REPORT_SPAN;
    default:
        return report_memory_effect(type) != MEMORY_NONE ? REPORT_MEMORY : REPORT_PLAIN;
    }
}

static int types_prepare(struct report *report)
{
    uint32_t *names = type_names_make(report->trace);
    int status = names ? 0 : -ENOMEM;

    report->type_count = trace_type_count(report->trace);
    report->types = calloc(report->type_count + 1, sizeof(*report->types));
    if (!report->types)
        status = -ENOMEM;
    for (size_t n = 0; !status && n < report->type_count; n++) {
        struct report_type *type = &report->types[n];

        type->type = trace_type_at(report->trace, n);
        type->role = role_of(type->type);
        type->name = names[n];
        if (calls_id_make(&report->scopes) == UINT32_MAX)
            status = -ENOMEM;
    }
    free(names);
    return status;
}

static int threads_prepare(struct report *report)
{
    const struct trace_thread *thread;

    report->threads = calloc(report->thread_index.count + 1, sizeof(*report->threads));
    if (!report->threads)
        return -ENOMEM;
    for (size_t n = 0; (thread = trace_thread_at(report->trace, n)); n++)
        report->threads[n].thread = thread;
    return 0;
}

static int report_prepare(struct report *report, const struct symbol_resolver *resolver)
{
    int status = thread_index_build(&report->thread_index, report->trace);

    if (!status)
        status = symbol_cache_init(&report->symbols, report->trace, text_plain);
    if (!status)
        status = symbol_cache_init(&report->caller_symbols, report->trace, text_plain);
    report->symbols.resolver = report->caller_symbols.resolver = resolver;
    if (!status)
        status = calls_init(&report->functions, report->thread_index.count);
    if (!status)
        status = calls_init(&report->scopes, report->thread_index.count);
    if (!status)
        status = types_prepare(report);
    if (!status)
        status = threads_prepare(report);
    if (!status)
        status = report_spans_init(&report->spans, (uint32_t)report->type_count);
    if (!status)
        status = report_memory_init(&report->memory, report->trace, !report->partial);
    summary_make(&report->summary, report->trace);
    report->start_ticks = trace_ticks(report->trace, 0);
    report->cell_ticks = 1;
    return status;
}

/* ---- a thread's records over time ---- */

/* Twice the time for every cell: neighbours become one. */
static void cells_halve(struct report *report)
{
    for (size_t n = 0; n < report->thread_index.count; n++) {
        uint64_t *cells = report->threads[n].cells;

        for (unsigned c = 0; c < REPORT_CELLS; c++)
            cells[c] = c < REPORT_CELLS / 2 ? cells[2 * c] + cells[2 * c + 1] : 0;
    }
    report->cell_ticks *= 2;
}

static uint64_t since_start(const struct report *report, uint64_t ticks)
{
    return ticks > report->start_ticks ? ticks - report->start_ticks : 0;
}

/* Index of the first record from `from` on that is not before `ticks`. */
static uint32_t records_before(const struct trace_block *block, uint32_t from, uint64_t ticks)
{
    uint32_t low = from, high = block->records;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (block->ticks[middle] < ticks)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void thread_feed(struct report *report, struct report_thread *thread,
                        const struct trace_block *block)
{
    for (uint32_t g = 0; g < block->gap_count; g++)
        thread->gap_records += block->gaps[g].records;
    if (!block->records)
        return;
    if (!thread->records)
        thread->first_ticks = block->ticks[0];
    thread->last_ticks = block->ticks[block->records - 1];
    thread->records += block->records;
    while (since_start(report, thread->last_ticks) / report->cell_ticks >= REPORT_CELLS)
        cells_halve(report);
    for (uint32_t at = 0, next; at < block->records; at = next) {
        uint64_t cell = since_start(report, block->ticks[at]) / report->cell_ticks;

        next = records_before(block, at + 1, report->start_ticks + (cell + 1) * report->cell_ticks);
        thread->cells[cell < REPORT_CELLS ? cell : REPORT_CELLS - 1] += next - at;
    }
}

/* ---- the walk ---- */

static int block_feed(struct report *report, const struct trace_block *block)
{
    uint32_t thread = thread_index_find(&report->thread_index, block->thread->thread);
    bool calls = false, memory = false;
    int status = 0;

    if (thread == THREAD_INDEX_NONE)
        return 0;
    thread_feed(report, &report->threads[thread], block);
    report_memory_note(&report->memory, block, thread);
    report->records += block->records;
    for (uint32_t r = 0; !status && r < block->run_count; r++) {
        const struct trace_run *run = &block->runs[r];
        struct report_type *type = &report->types[run->type->index];

        type->count += run->records;
        calls |= type->role >= REPORT_FUNCTION_ENTER && type->role <= REPORT_SCOPE_END;
        memory |= type->role == REPORT_MEMORY;
        if (type->role == REPORT_SPAN)
            status = report_spans_feed(&report->spans, block, run, type->name);
    }
    if (calls)
        report_calls_feed(report, block, thread);
    if (!status && memory)
        status = report_memory_feed(&report->memory, &report->caller_symbols, block);
    return status;
}

static int blocks_walk(struct report *report, const struct trace_filter *filter)
{
    const struct trace_block *block;
    struct trace_scan *scan = NULL;
    struct progress progress;
    int status = trace_scan_open(report->trace, filter, &scan);

    if (status)
        return status;
    progress_start(&progress, report->summary.condition.records, false);
    while ((status = trace_scan_next(scan, &block)) > 0) {
        status = block_feed(report, block);
        if (status)
            break;
        progress_step(&progress, report->records);
    }
    progress_end(&progress);
    trace_scan_close(scan);
    return status;
}

static int report_finish(struct report *report)
{
    int status;

    for (size_t n = 0; n < report->thread_index.count; n++) {
        calls_finish(&report->functions, &report->functions.threads[n],
                     report->threads[n].last_ticks);
        calls_finish(&report->scopes, &report->scopes.threads[n], report->threads[n].last_ticks);
    }
    if (report->functions.failed || report->scopes.failed)
        return -ENOMEM;
    status = report_spans_finish(&report->spans);
    return status ? status : report_memory_finish(&report->memory);
}

bool report_thread_lost(const struct report *report, const struct report_thread *thread,
                        uint64_t *lost)
{
    const struct trace_ledger *ledger = trace_ledger_of(report->trace, thread->thread->thread);

    if (!ledger)
        return false;
    *lost = ledger->dropped + ledger->overwritten + ledger->damaged;
    if (!report->partial && ledger->stored > thread->records)
        *lost += ledger->stored - thread->records;
    return true;
}

int report_make(struct report *report, struct trace *trace, const char *path,
                const struct report_wish *wish)
{
    int status;

    *report = (struct report){.trace = trace, .path = path, .partial = wish->partial};
    status = report_prepare(report, wish->resolver);
    if (!status)
        status = blocks_walk(report, wish->filter);
    summary_renew(&report->summary, trace);
    if (!status)
        status = report_finish(report);
    return status ? status : report_rows_make(report, wish->sort);
}

void report_close(struct report *report)
{
    report_rows_fini(&report->function_rows);
    report_rows_fini(&report->scope_rows);
    report_rows_fini(&report->span_rows);
    report_memory_fini(&report->memory);
    report_spans_fini(&report->spans);
    calls_fini(&report->functions);
    calls_fini(&report->scopes);
    free(report->function_symbols);
    free(report->threads);
    free(report->types);
    symbol_cache_fini(&report->symbols);
    symbol_cache_fini(&report->caller_symbols);
    thread_index_fini(&report->thread_index);
}
