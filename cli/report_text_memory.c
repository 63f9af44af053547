/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report's part about memory, for people.
 */
#include "cli/bar.h"
#include "cli/report_text.h"
#include "cli/units.h"

/* What was not recorded can be an allocation as well as a free: then the figures above are those of
 * the records that are there. */
static void memory_caveats_print(const struct text_report *text, const struct memory_process *total)
{
    const struct summary *summary = &text->report->summary;
    uint64_t missing = summary_missing(summary);
    char count[UNITS_MAX];

    if (total->unknown_frees)
        out_printf(
            text->out, "  %s block%s freed that had been allocated before or in the parent%s\n",
            units_count(count, total->unknown_frees), total->unknown_frees == 1 ? "" : "s",
            missing || summary_is_vague(summary) ? ", or whose allocation was not recorded" : "");
    if (total->missed_frees)
        out_printf(text->out, "  %s block%s handed out again although no free was recorded\n",
                   units_count(count, total->missed_frees), total->missed_frees == 1 ? "" : "s");
    if (missing)
        out_printf(text->out,
                   "  %s record%s missing: what was live, and the peak, can be more or less\n",
                   units_count(count, missing), missing == 1 ? " is" : "s are");
    else if (summary_is_vague(summary))
        out_put_text(text->out, "  what was lost is not known: what was live, and the peak, can be "
                                "more or less\n");
}

static void memory_overview_print(const struct text_report *text,
                                  const struct memory_process *total)
{
    char bytes[4][UNITS_MAX], counts[3][UNITS_MAX], at[UNITS_MAX];
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
    memory_caveats_print(text, total);
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
        text_table_add_count(&table, function->calls);
        text_table_add_count(&table, function->failed);
        if (report_memory_effect(function->type) == MEMORY_FREE) {
            text_table_add(&table, "-");
            text_table_add(&table, "-");
        } else {
            text_table_add_bytes(&table, function->bytes);
            text_table_add_bytes(&table, done ? function->bytes / done : 0);
        }
        if (stats->calls) {
            report_text_ticks(&table, text->report, stats->sum_ticks / stats->calls);
            report_text_ticks(&table, text->report, call_stats_quantile(stats, 0.99));
            report_text_ticks(&table, text->report, stats->max_ticks);
        } else {
            for (int i = 0; i < 3; i++)
                text_table_add(&table, "-");
        }
        text_table_add_name(&table, function->type->schema.name);
    }
    out_put_char(text->out, '\n');
    report_text_table(text, &table);
}

static bool callers_have_lines(const struct report_memory *memory, size_t shown)
{
    for (size_t n = 0; n < shown; n++)
        if (symbol_has_line(&memory->callers[n].symbol))
            return true;
    return false;
}

static void memory_callers_print(struct text_report *text, const struct memory_process *total)
{
    static const char *const headings[] = {
        "bytes",       "share",         "<",    "blocks", "live at the end",
        "live blocks", "<allocated by", "<line"};
    const struct report_memory *memory = &text->report->memory;
    size_t shown = report_text_rows(text, memory->caller_count);
    bool has_lines = callers_have_lines(memory, shown);
    char percent[UNITS_MAX], bar[BAR_BYTES_MAX];
    struct text_table table;

    text_table_init(&table, headings, sizeof(headings) / sizeof(*headings) - !has_lines);
    for (size_t n = 0; n < shown; n++) {
        const struct memory_caller *caller = &memory->callers[n];
        double part = (double)caller->bytes, whole = (double)total->allocated_bytes;

        text_table_add_bytes(&table, caller->bytes);
        text_table_add(&table, units_percent(percent, part, whole));
        text_table_add(&table, bar_share(bar, part, whole, REPORT_BAR_WIDTH, text->style->utf8));
        text_table_add_count(&table, caller->calls);
        text_table_add_bytes(&table, caller->live_bytes);
        text_table_add_count(&table, caller->live_blocks);
        report_text_function(&table, &caller->symbol);
        if (has_lines)
            report_text_place(&table, &caller->symbol, caller->places - 1);
    }
    out_put_char(text->out, '\n');
    report_text_table(text, &table);
    report_text_rest(text, shown, memory->caller_count);
}

void report_text_memory(struct text_report *text)
{
    struct memory_process total = report_memory_total(&text->report->memory);

    if (!total.allocations && !total.frees)
        return;
    report_text_heading(text, "Memory");
    memory_overview_print(text, &total);
    memory_functions_print(text);
    if (total.allocations)
        memory_callers_print(text, &total);
}
