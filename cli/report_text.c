/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for people: a line about the whole, then a table a part, leaving out parts that are
 * empty.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bar.h"
#include "cli/out_text.h"
#include "cli/phase.h"
#include "cli/report.h"
#include "cli/text_table.h"
#include "cli/units.h"

enum { BAR_WIDTH = 8, COURSE_WIDTH = REPORT_CELLS / 2 };

struct text_report {
    const struct report *report;
    struct out_buffer *out;
    const struct report_style *style;
    int status;
};

/* ---- cells ---- */

static void add_count(struct text_table *table, uint64_t count)
{
    char text[UNITS_MAX];

    text_table_add(table, units_count(text, count));
}

static void add_bytes(struct text_table *table, uint64_t bytes)
{
    char text[UNITS_MAX];

    text_table_add(table, units_bytes(text, bytes));
}

static void add_ticks(struct text_table *table, const struct report *report, uint64_t ticks)
{
    char text[UNITS_MAX];

    text_table_add(table, units_duration(text, trace_duration_ns(report->trace, ticks)));
}

/* Untrusted text. */
static void add_name(struct text_table *table, const char *name)
{
    size_t size = strnlen(name, 4096);
    char *text = malloc(TEXT_ESCAPED_MAX * size + 1);

    if (!text) {
        table->failed = true;
        return;
    }
    *text_plain(text, name, size) = 0;
    text_table_add(table, text);
    free(text);
}

static void add_event(struct text_table *table, const struct trace_type *type)
{
    const char *label = phase_label(type->schema.phase);
    char name[2 * SCHEMA_NAME_MAX + 32];

    snprintf(name, sizeof(name), "%s%s%s", type->full_name, *label ? " " : "", label);
    add_name(table, name);
}

static void add_number(struct text_table *table, uint64_t number)
{
    char text[TEXT_U64_MAX + 1];

    *text_u64(text, number) = 0;
    text_table_add(table, text);
}

static void heading_print(const struct text_report *text, const char *heading)
{
    bool colour = text->style->colour;

    out_printf(text->out, "\n%s%s%s\n", colour ? "\033[1;36m" : "", heading,
               colour ? "\033[0m" : "");
}

static size_t rows_shown(const struct text_report *text, size_t count)
{
    uint64_t limit = text->style->limit;

    return limit && limit < count ? (size_t)limit : count;
}

static void rest_print(const struct text_report *text, size_t shown, size_t count)
{
    char number[UNITS_MAX];

    if (shown < count)
        out_printf(text->out, "  ... and %s more (--limit 0 shows all)\n",
                   units_count(number, count - shown));
}

static void table_finish(struct text_report *text, struct text_table *table)
{
    if (!text->status)
        text->status = text_table_print(table, text->out, text->style->colour);
    text_table_fini(table);
}

/* ---- parts ---- */

static void overview_print(const struct text_report *text)
{
    const struct report *report = text->report;
    const struct summary *summary = &report->summary;
    char records[UNITS_MAX], duration[UNITS_MAX], loss[80];

    out_put_escaped(text->out, text_plain, report->path, strlen(report->path));
    out_put_text(text->out, ": ");
    out_put_escaped(text->out, text_plain, trace_recording(report->trace)->command,
                    strlen(trace_recording(report->trace)->command));
    out_printf(text->out, "\n%s events%s%s, %zu process%s, %zu thread%s, %s\n",
               units_count(records, report->records),
               report->partial ? " selected of a recording of " : " in ",
               units_duration(duration, summary->duration_ns), summary->processes,
               summary->processes == 1 ? "" : "es", summary->counts.threads,
               summary->counts.threads == 1 ? "" : "s",
               summary_loss_text(&summary->counts, loss, sizeof(loss)));
}

static void stats_add(struct text_table *table, const struct report *report,
                      const struct call_stats *stats)
{
    if (!stats->calls) {
        for (int i = 0; i < 5; i++)
            text_table_add(table, "-");
        return;
    }
    add_ticks(table, report, stats->min_ticks);
    add_ticks(table, report, stats->sum_ticks / stats->calls);
    add_ticks(table, report, call_stats_quantile(stats, 0.50));
    add_ticks(table, report, call_stats_quantile(stats, 0.99));
    add_ticks(table, report, stats->max_ticks);
}

static void functions_print(struct text_report *text)
{
    static const char *const headings[] = {"calls", "total", "self", "self %", "<",        "min",
                                           "mean",  "p50",   "p99",  "max",    "<function"};
    const struct report *report = text->report;
    const struct report_rows *rows = &report->function_rows;
    size_t shown = rows_shown(text, rows->count);
    char percent[UNITS_MAX], bar[BAR_BYTES_MAX];
    uint64_t self_ticks = 0, unfinished = 0;
    struct text_table table;

    if (!rows->count)
        return;
    for (size_t n = 0; n < rows->count; n++) {
        self_ticks += rows->rows[n].stats.self_ticks;
        unfinished += rows->rows[n].stats.unfinished;
    }
    heading_print(text, "Functions");
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        const struct call_stats *stats = &rows->rows[n].stats;

        add_count(&table, stats->calls);
        add_ticks(&table, report, stats->total_ticks);
        add_ticks(&table, report, stats->self_ticks);
        text_table_add(&table,
                       units_percent(percent, (double)stats->self_ticks, (double)self_ticks));
        text_table_add(&table, bar_share(bar, (double)stats->self_ticks, (double)self_ticks,
                                         BAR_WIDTH, text->style->utf8));
        stats_add(&table, report, stats);
        add_name(&table, rows->rows[n].name);
    }
    table_finish(text, &table);
    rest_print(text, shown, rows->count);
    if (unfinished)
        out_printf(text->out,
                   "  %s call%s ended without an exit: longjmp, an exception, or the end of the "
                   "recording\n",
                   units_count(percent, unfinished), unfinished == 1 ? "" : "s");
}

static void named_print(struct text_report *text, const struct report_rows *rows,
                        const char *heading, bool spans)
{
    static const char *const headings[] = {"count", "total", "self", "min",  "mean",
                                           "p50",   "p99",   "max",  "<name"};
    size_t shown = rows_shown(text, rows->count);
    struct text_table table;

    if (!rows->count)
        return;
    heading_print(text, heading);
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        const struct call_stats *stats = &rows->rows[n].stats;

        add_count(&table, stats->calls);
        add_ticks(&table, text->report, stats->total_ticks);
        if (spans)
            text_table_add(&table, "-");
        else
            add_ticks(&table, text->report, stats->self_ticks);
        stats_add(&table, text->report, stats);
        add_name(&table, rows->rows[n].name);
    }
    table_finish(text, &table);
    rest_print(text, shown, rows->count);
}

static int by_count(const void *a, const void *b)
{
    const struct report_type *left = *(const struct report_type *const *)a;
    const struct report_type *right = *(const struct report_type *const *)b;

    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return left->type->index < right->type->index ? -1 : 1;
}

static void types_print(struct text_report *text)
{
    static const char *const headings[] = {"count", "rate", "<event"};
    const struct report *report = text->report;
    const struct report_type **types = calloc(report->type_count + 1, sizeof(*types));
    double seconds = (double)report->summary.duration_ns / 1e9;
    size_t count = 0, shown;
    char rate[UNITS_MAX];
    struct text_table table;

    if (!types) {
        text->status = -ENOMEM;
        return;
    }
    for (size_t n = 0; n < report->type_count; n++)
        if (report->types[n].count)
            types[count++] = &report->types[n];
    qsort(types, count, sizeof(struct report_type *), by_count);
    shown = rows_shown(text, count);
    if (count)
        heading_print(text, "Events");
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        add_count(&table, types[n]->count);
        text_table_add(&table,
                       seconds > 0 ? units_rate(rate, (double)types[n]->count / seconds) : "-");
        add_event(&table, types[n]->type);
    }
    if (count)
        table_finish(text, &table);
    rest_print(text, shown, count);
    free(types);
}

/* The cells in use, the same width for all threads. */
static void course_add(const struct text_report *text, struct text_table *table,
                       const struct report_thread *thread, size_t used)
{
    size_t width = used < COURSE_WIDTH ? used : COURSE_WIDTH;
    uint64_t squeezed[COURSE_WIDTH] = {0};
    char course[BAR_BYTES_MAX];

    for (size_t c = 0; c < used; c++)
        squeezed[c * width / used] += thread->cells[c];
    text_table_add(table, bar_course(course, squeezed, width, text->style->utf8));
}

static size_t cells_used(const struct report *report)
{
    size_t used = 1;

    for (size_t n = 0; n < report->thread_index.count; n++)
        for (size_t c = used; c < REPORT_CELLS; c++)
            if (report->threads[n].cells[c])
                used = c + 1;
    return used;
}

static int by_records(const void *a, const void *b)
{
    const struct report_thread *left = *(const struct report_thread *const *)a;
    const struct report_thread *right = *(const struct report_thread *const *)b;

    if (left->records != right->records)
        return left->records < right->records ? 1 : -1;
    return left->thread->thread < right->thread->thread ? -1 : 1;
}

static void thread_add(const struct text_report *text, struct text_table *table,
                       const struct report_thread *thread, size_t used)
{
    const struct report *report = text->report;
    const struct trace_ledger *ledger = trace_ledger_of(report->trace, thread->thread->thread);
    const struct trace_process *process =
        trace_process_by_number(report->trace, thread->thread->process);

    add_count(table, thread->records);
    if (ledger)
        add_count(table, ledger->dropped + ledger->overwritten + ledger->damaged);
    else
        text_table_add(table, "?");
    add_ticks(table, report, thread->last_ticks - thread->first_ticks);
    add_number(table, process ? process->pid : 0);
    add_number(table, thread->thread->tid);
    course_add(text, table, thread, used);
    add_name(table, thread->thread->name);
}

/* The threads that are worth a line, most events first: all, or those that a selection touches. */
static size_t threads_choose(const struct report *report, const struct report_thread **threads)
{
    size_t count = 0;

    for (size_t n = 0; n < report->thread_index.count; n++)
        if (report->threads[n].records || !report->partial)
            threads[count++] = &report->threads[n];
    qsort(threads, count, sizeof(struct report_thread *), by_records);
    return count;
}

static void threads_print(struct text_report *text)
{
    static const char *const headings[] = {
        "events", "lost", "active", "pid", "tid", "<events over time", "<thread"};
    const struct report *report = text->report;
    const struct report_thread **threads = calloc(report->thread_index.count + 1, sizeof(*threads));
    size_t used = cells_used(report), count, shown;
    struct text_table table;

    if (!threads) {
        text->status = -ENOMEM;
        return;
    }
    count = threads_choose(report, threads);
    shown = rows_shown(text, count);
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++)
        thread_add(text, &table, threads[n], used);
    if (count)
        heading_print(text, "Threads");
    if (count)
        table_finish(text, &table);
    rest_print(text, shown, count);
    free(threads);
}

/* ---- memory ---- */

static void memory_overview_print(const struct text_report *text,
                                  const struct memory_process *total)
{
    char bytes[4][UNITS_MAX], counts[4][UNITS_MAX], at[UNITS_MAX];
    struct out_buffer *out = text->out;

    out_printf(out, "  allocated        %10s  in %s blocks\n",
               units_bytes(bytes[0], total->allocated_bytes),
               units_count(counts[0], total->allocations));
    out_printf(out, "  freed            %10s  in %s calls\n",
               units_bytes(bytes[1], total->freed_bytes), units_count(counts[1], total->frees));
    out_printf(out, "  live at the end  %10s  in %s blocks\n",
               units_bytes(bytes[2], total->live_bytes),
               units_count(counts[2], total->live_blocks));
    out_printf(out, "  peak             %10s  after %s%s\n",
               units_bytes(bytes[3], total->peak_bytes),
               units_duration(at, (uint64_t)trace_ns(text->report->trace, total->peak_ticks)),
               text->report->memory.process_count > 1 ? ", the highest of one process" : "");
    if (total->unknown_frees)
        out_printf(out, "  %s block%s freed that had been allocated before or in the parent\n",
                   units_count(counts[3], total->unknown_frees),
                   total->unknown_frees == 1 ? "" : "s");
    if (total->missed_frees)
        out_printf(out, "  %s block%s handed out again although no free was recorded\n",
                   units_count(counts[3], total->missed_frees),
                   total->missed_frees == 1 ? "" : "s");
}

static void memory_functions_print(struct text_report *text)
{
    static const char *const headings[] = {"calls", "failed", "bytes", "mean size",
                                           "mean",  "p99",    "max",   "<function"};
    const struct report_memory *memory = &text->report->memory;
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < memory->function_count; n++) {
        const struct memory_function *function = &memory->functions[n];
        const struct call_stats *stats = &function->durations;
        uint64_t done = function->calls - function->failed;

        if (!function->calls)
            continue;
        add_count(&table, function->calls);
        add_count(&table, function->failed);
        if (report_memory_effect(function->type) == MEMORY_FREE) {
            text_table_add(&table, "-");
            text_table_add(&table, "-");
        } else {
            add_bytes(&table, function->bytes);
            add_bytes(&table, done ? function->bytes / done : 0);
        }
        if (stats->calls) {
            add_ticks(&table, text->report, stats->sum_ticks / stats->calls);
            add_ticks(&table, text->report, call_stats_quantile(stats, 0.99));
            add_ticks(&table, text->report, stats->max_ticks);
        } else {
            for (int i = 0; i < 3; i++)
                text_table_add(&table, "-");
        }
        add_name(&table, function->type->schema.name);
    }
    out_put_char(text->out, '\n');
    table_finish(text, &table);
}

static void memory_callers_print(struct text_report *text, const struct memory_process *total)
{
    static const char *const headings[] = {
        "bytes", "share", "<", "blocks", "live at the end", "live blocks", "<allocated by"};
    const struct report_memory *memory = &text->report->memory;
    size_t shown = rows_shown(text, memory->caller_count);
    char percent[UNITS_MAX], bar[BAR_BYTES_MAX];
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        const struct memory_caller *caller = &memory->callers[n];
        double part = (double)caller->bytes, whole = (double)total->allocated_bytes;

        add_bytes(&table, caller->bytes);
        text_table_add(&table, units_percent(percent, part, whole));
        text_table_add(&table, bar_share(bar, part, whole, BAR_WIDTH, text->style->utf8));
        add_count(&table, caller->calls);
        add_bytes(&table, caller->live_bytes);
        add_count(&table, caller->live_blocks);
        add_name(&table, symbol_function_name(&caller->symbol));
    }
    out_put_char(text->out, '\n');
    table_finish(text, &table);
    rest_print(text, shown, memory->caller_count);
}

static void memory_print(struct text_report *text)
{
    struct memory_process total = report_memory_total(&text->report->memory);

    if (!total.allocations && !total.frees)
        return;
    heading_print(text, "Memory");
    memory_overview_print(text, &total);
    memory_functions_print(text);
    if (total.allocations)
        memory_callers_print(text, &total);
}

int report_print_text(const struct report *report, struct out_buffer *out,
                      const struct report_style *style)
{
    struct text_report text = {.report = report, .out = out, .style = style};

    overview_print(&text);
    functions_print(&text);
    named_print(&text, &report->scope_rows, "Scopes", false);
    named_print(&text, &report->span_rows, "Spans", true);
    types_print(&text);
    threads_print(&text);
    memory_print(&text);
    return text.status;
}
