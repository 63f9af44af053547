/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for people: a line about the whole, then a table a part, leaving out parts that are
 * empty.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bar.h"
#include "cli/out_text.h"
#include "cli/phase.h"
#include "cli/report_text.h"
#include "cli/units.h"

enum { COURSE_WIDTH = REPORT_CELLS / 2 };

/* ---- cells ---- */

void report_text_ticks(struct text_table *table, const struct report *report, uint64_t ticks)
{
    char text[UNITS_MAX];

    text_table_add(table, units_duration(text, trace_duration_ns(report->trace, ticks)));
}

void report_text_function(struct text_table *table, const struct symbol_text *symbol)
{
    const char *name = symbol_function_name(symbol);
    char *both;

    if (!symbol->has_twin || !symbol->module) {
        text_table_add_name(table, name);
    } else if (asprintf(&both, "%s (%s)", name, symbol_module_name(symbol->module)) < 0) {
        table->failed = true;
    } else {
        text_table_add_name(table, both);
        free(both);
    }
}

void report_text_place(struct text_table *table, const struct symbol_text *symbol, uint32_t others)
{
    char place[PATH_MAX + 64], more[UNITS_MAX];

    if (!symbol_has_line(symbol)) {
        text_table_add(table, "");
        return;
    }
    snprintf(place, sizeof(place), others ? "%.*s:%u and %s more" : "%.*s:%u", PATH_MAX,
             symbol->symbol->file, symbol->symbol->line, units_count(more, others));
    text_table_add_name(table, place);
}

static void add_event(struct text_table *table, const struct trace_type *type)
{
    const char *label = phase_label(type->schema.phase);
    char name[2 * SCHEMA_NAME_MAX + 32];

    snprintf(name, sizeof(name), "%s%s%s", type->full_name, *label ? " " : "", label);
    text_table_add_name(table, name);
}

void report_text_heading(const struct text_report *text, const char *heading)
{
    bool colour = text->style->colour;

    out_printf(text->out, "\n%s%s%s\n", colour ? "\033[1;36m" : "", heading,
               colour ? "\033[0m" : "");
}

size_t report_text_rows(const struct text_report *text, size_t count)
{
    uint64_t limit = text->style->limit;

    return limit && limit < count ? (size_t)limit : count;
}

void report_text_rest(const struct text_report *text, size_t shown, size_t count)
{
    char number[UNITS_MAX];

    if (shown < count)
        out_printf(text->out, "  ... and %s more (--limit 0 shows all)\n",
                   units_count(number, count - shown));
}

void report_text_table(struct text_report *text, struct text_table *table)
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
    char records[UNITS_MAX], duration[UNITS_MAX], loss[SUMMARY_LOSS_MAX];

    out_put_escaped(text->out, text_plain, report->path, strlen(report->path));
    out_put_text(text->out, ": ");
    out_put_escaped(text->out, text_plain, trace_recording(report->trace)->command,
                    strlen(trace_recording(report->trace)->command));
    out_printf(text->out, "\n%s events%s%s, %zu process%s, %zu thread%s, %s\n",
               units_count(records, report->records),
               report->partial ? " selected of a recording of " : " in ",
               units_duration(duration, summary->duration_ns), summary->processes,
               summary->processes == 1 ? "" : "es", summary->counts.threads,
               summary->counts.threads == 1 ? "" : "s", summary_loss_text(summary, loss));
}

static void stats_add(struct text_table *table, const struct report *report,
                      const struct call_stats *stats)
{
    if (!stats->calls) {
        for (int i = 0; i < 5; i++)
            text_table_add(table, "-");
        return;
    }
    report_text_ticks(table, report, stats->min_ticks);
    report_text_ticks(table, report, stats->sum_ticks / stats->calls);
    report_text_ticks(table, report, call_stats_quantile(stats, 0.50));
    report_text_ticks(table, report, call_stats_quantile(stats, 0.99));
    report_text_ticks(table, report, stats->max_ticks);
}

static bool functions_have_lines(const struct report_rows *rows, size_t shown)
{
    for (size_t n = 0; n < shown; n++)
        if (symbol_has_line(rows->rows[n].symbol))
            return true;
    return false;
}

static void functions_print(struct text_report *text)
{
    static const char *const headings[] = {"calls", "total", "self",      "self %",
                                           "<",     "min",   "mean",      "p50",
                                           "p99",   "max",   "<function", "<line"};
    const struct report *report = text->report;
    const struct report_rows *rows = &report->function_rows;
    size_t shown = report_text_rows(text, rows->count);
    bool has_lines = functions_have_lines(rows, shown);
    char percent[UNITS_MAX], bar[BAR_BYTES_MAX];
    uint64_t self_ticks = 0, unfinished = 0;
    struct text_table table;

    if (!rows->count)
        return;
    for (size_t n = 0; n < rows->count; n++) {
        self_ticks += rows->rows[n].stats.self_ticks;
        unfinished += rows->rows[n].stats.unfinished;
    }
    report_text_heading(text, "Functions");
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings) - !has_lines);
    for (size_t n = 0; n < shown; n++) {
        const struct call_stats *stats = &rows->rows[n].stats;

        text_table_add_count(&table, stats->calls);
        report_text_ticks(&table, report, stats->total_ticks);
        report_text_ticks(&table, report, stats->self_ticks);
        text_table_add(&table,
                       units_percent(percent, (double)stats->self_ticks, (double)self_ticks));
        text_table_add(&table, bar_share(bar, (double)stats->self_ticks, (double)self_ticks,
                                         REPORT_BAR_WIDTH, text->style->utf8));
        stats_add(&table, report, stats);
        report_text_function(&table, rows->rows[n].symbol);
        if (has_lines)
            report_text_place(&table, rows->rows[n].symbol, 0);
    }
    report_text_table(text, &table);
    report_text_rest(text, shown, rows->count);
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
    size_t shown = report_text_rows(text, rows->count);
    struct text_table table;
    char count[UNITS_MAX];
    uint64_t nested = 0;

    if (!rows->count)
        return;
    for (size_t n = 0; n < rows->count; n++)
        nested += rows->rows[n].stats.nested;
    report_text_heading(text, heading);
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        const struct call_stats *stats = &rows->rows[n].stats;

        text_table_add_count(&table, stats->calls);
        report_text_ticks(&table, text->report, stats->total_ticks);
        if (spans)
            text_table_add(&table, "-");
        else
            report_text_ticks(&table, text->report, stats->self_ticks);
        stats_add(&table, text->report, stats);
        text_table_add_name(&table, rows->rows[n].name);
    }
    report_text_table(text, &table);
    report_text_rest(text, shown, rows->count);
    if (nested)
        out_printf(text->out,
                   "  %s began while another of the same id was open: an end belongs to the one "
                   "begun last\n",
                   units_count(count, nested));
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
    shown = report_text_rows(text, count);
    if (count)
        report_text_heading(text, "Events");
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++) {
        text_table_add_count(&table, types[n]->count);
        text_table_add(&table,
                       seconds > 0 ? units_rate(rate, (double)types[n]->count / seconds) : "-");
        add_event(&table, types[n]->type);
    }
    if (count)
        report_text_table(text, &table);
    report_text_rest(text, shown, count);
    free(types);
}

/* How many cells lie between the start and the last record of all, the last one in part. */
static double cells_used(const struct report *report)
{
    uint64_t last_ticks = report->start_ticks + 1;

    for (size_t n = 0; n < report->thread_index.count; n++)
        if (report->threads[n].last_ticks > last_ticks)
            last_ticks = report->threads[n].last_ticks;
    return (double)(last_ticks - report->start_ticks) / (double)report->cell_ticks;
}

/* What of [from, to) lies in [low, low + 1). */
static double overlap(double from, double to, double low)
{
    double start = from > low ? from : low, end = to < low + 1 ? to : low + 1;

    return end > start ? end - start : 0;
}

/* The cells in use, spread evenly over the same width for all threads. */
static void course_add(const struct text_report *text, struct text_table *table,
                       const struct report_thread *thread, double used)
{
    enum { PRECISION = 1024 };
    double scale = COURSE_WIDTH / used;
    uint64_t course[COURSE_WIDTH] = {0};
    char drawn[BAR_BYTES_MAX];

    for (unsigned c = 0; c < REPORT_CELLS && c < used; c++) {
        double from = c * scale, to = (c + 1 < used ? c + 1 : used) * scale;
        double density = (double)thread->cells[c] / (to - from) * PRECISION;

        for (unsigned i = (unsigned)from; i < COURSE_WIDTH && i < to; i++)
            course[i] += (uint64_t)(density * overlap(from, to, i));
    }
    text_table_add(table, bar_course(drawn, course, COURSE_WIDTH, text->style->utf8));
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
                       const struct report_thread *thread, double used)
{
    const struct report *report = text->report;
    const struct trace_process *process =
        trace_process_by_number(report->trace, thread->thread->process);
    uint64_t lost;

    text_table_add_count(table, thread->records);
    if (report_thread_lost(report, thread, &lost))
        text_table_add_count(table, lost);
    else
        text_table_add(table, "?");
    report_text_ticks(table, report, thread->last_ticks - thread->first_ticks);
    text_table_add_number(table, process ? process->pid : 0);
    text_table_add_number(table, thread->thread->tid);
    course_add(text, table, thread, used);
    text_table_add_name(table, thread->thread->name);
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
    double used = cells_used(report);
    size_t count, shown;
    struct text_table table;

    if (!threads) {
        text->status = -ENOMEM;
        return;
    }
    count = threads_choose(report, threads);
    shown = report_text_rows(text, count);
    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
    for (size_t n = 0; n < shown; n++)
        thread_add(text, &table, threads[n], used);
    if (count)
        report_text_heading(text, "Threads");
    if (count)
        report_text_table(text, &table);
    report_text_rest(text, shown, count);
    free(threads);
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
    report_text_memory(&text);
    return text.status;
}
