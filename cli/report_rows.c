/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows for the tables of functions, scopes and spans: merged by name, sorted as asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

/* ---- order ---- */

static int row_name_compare(const struct report_row *a, const struct report_row *b)
{
    return a->symbol && b->symbol ? symbol_function_compare(a->symbol, b->symbol)
                                  : strcmp(a->name, b->name);
}

static int by_name(const void *a, const void *b)
{
    return row_name_compare(a, b);
}

/* What counts, larger first. */
static double weight(const struct report_row *row, enum report_sort sort)
{
    switch (sort) {
    case REPORT_SORT_SELF:
        return (double)row->stats.self_ticks;
    case REPORT_SORT_TOTAL:
        return (double)row->stats.total_ticks;
    case REPORT_SORT_CALLS:
        return (double)row->stats.calls;
    case REPORT_SORT_MEAN:
        return row->stats.calls ? (double)row->stats.sum_ticks / (double)row->stats.calls : 0;
    case REPORT_SORT_P99:
        return (double)call_stats_quantile(&row->stats, 0.99);
    case REPORT_SORT_MAX:
        return (double)row->stats.max_ticks;
    default:
        return 0;
    }
}

static int by_weight(const void *a, const void *b, void *sort)
{
    double left = weight(a, *(enum report_sort *)sort);
    double right = weight(b, *(enum report_sort *)sort);

    if (left != right)
        return left < right ? 1 : -1;
    return row_name_compare(a, b);
}

static void rows_sort(struct report_rows *rows, enum report_sort sort)
{
    qsort_r(rows->rows, rows->count, sizeof(*rows->rows), by_weight, &sort);
}

/* ---- making ---- */

static int rows_alloc(struct report_rows *rows, size_t capacity)
{
    rows->rows = calloc(capacity + 1, sizeof(*rows->rows));
    return rows->rows ? 0 : -ENOMEM;
}

void report_rows_fini(struct report_rows *rows)
{
    for (size_t n = 0; n < rows->count; n++)
        histogram_fini(&rows->rows[n].stats.durations);
    free(rows->rows);
    *rows = (struct report_rows){0};
}

static int row_add(struct report_rows *rows, struct symbol_text *symbol, const char *name,
                   const struct call_stats *stats)
{
    struct report_row *row = &rows->rows[rows->count++];

    *row = (struct report_row){.symbol = symbol, .name = name};
    return call_stats_merge(&row->stats, stats) ? -ENOMEM : 0;
}

/* The same function of several processes, or under several addresses, becomes one row. */
static int rows_merge(struct report_rows *rows)
{
    size_t kept = 0;
    int status = 0;

    qsort(rows->rows, rows->count, sizeof(*rows->rows), by_name);
    for (size_t n = 1; n < rows->count; n++) {
        if (row_name_compare(&rows->rows[kept], &rows->rows[n]) != 0) {
            if (++kept != n) {
                rows->rows[kept] = rows->rows[n];
                rows->rows[n].stats = (struct call_stats){0};
            }
            continue;
        }
        if (call_stats_merge(&rows->rows[kept].stats, &rows->rows[n].stats))
            status = -ENOMEM;
        histogram_fini(&rows->rows[n].stats.durations);
    }
    if (rows->count)
        rows->count = kept + 1;
    return status;
}

static int function_rows_merge(struct report_rows *rows)
{
    int status = rows_merge(rows);

    for (size_t n = 1; n < rows->count; n++)
        symbol_twins_note(rows->rows[n - 1].symbol, rows->rows[n].symbol);
    return status;
}

static int function_rows_make(struct report *report)
{
    uint32_t count = report->functions.count;
    int status = rows_alloc(&report->function_rows, count);

    report->function_symbols = calloc(count + 1u, sizeof(*report->function_symbols));
    if (status || !report->function_symbols)
        return -ENOMEM;
    for (uint32_t slot = 0; slot <= report->symbols.mask; slot++) {
        const struct symbol_text *symbol = &report->symbols.slots[slot];

        if (symbol->text && symbol->user)
            report->function_symbols[symbol->user - 1] = *symbol;
    }
    for (uint32_t id = 0; !status && id < count; id++) {
        struct symbol_text *symbol = &report->function_symbols[id];

        if (report->functions.stats[id].calls)
            status = row_add(&report->function_rows, symbol, symbol_function_name(symbol),
                             &report->functions.stats[id]);
    }
    return status ? status : function_rows_merge(&report->function_rows);
}

static int named_rows_make(struct report *report, struct report_rows *rows,
                           const struct call_stats *stats)
{
    int status = rows_alloc(rows, report->type_count);

    for (uint32_t n = 0; !status && n < report->type_count; n++)
        if (stats[n].calls || stats[n].unfinished)
            status = row_add(rows, NULL, report->types[n].type->full_name, &stats[n]);
    return status;
}

int report_rows_make(struct report *report, enum report_sort sort)
{
    int status = function_rows_make(report);

    if (!status)
        status = named_rows_make(report, &report->scope_rows, report->scopes.stats);
    if (!status)
        status = named_rows_make(report, &report->span_rows, report->spans.stats);
    if (status)
        return status;
    rows_sort(&report->function_rows, sort);
    rows_sort(&report->scope_rows, sort);
    rows_sort(&report->span_rows, sort);
    return 0;
}
