/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for people: what its parts share. Main thread.
 */
#ifndef ADATRACE_CLI_REPORT_TEXT_H
#define ADATRACE_CLI_REPORT_TEXT_H

#include "cli/report.h"
#include "cli/text_table.h"

enum { REPORT_BAR_WIDTH = 8 };

struct text_report {
    const struct report *report;
    struct out_buffer *out;
    const struct report_style *style;
    int status; /* 0, or the negative errno of the first failure */
};

void report_text_heading(const struct text_report *text, const char *heading);

/* A cell: ticks as a duration. */
void report_text_ticks(struct text_table *table, const struct report *report, uint64_t ticks);

/* A cell: the name of a function, with its module where there are others of that name. */
void report_text_function(struct text_table *table, const struct symbol_text *symbol);
/* A cell: FILE:LINE, and how many other lines count in the same row; empty where none is known. */
void report_text_place(struct text_table *table, const struct symbol_text *symbol, uint32_t others);

/* How many of `count` rows --limit lets through, and the words about the others. */
size_t report_text_rows(const struct text_report *text, size_t count);
void report_text_rest(const struct text_report *text, size_t shown, size_t count);

/* Print the table and release it. */
void report_text_table(struct text_report *text, struct text_table *table);

/* The part about memory; prints nothing when there were no allocations. */
void report_text_memory(struct text_report *text);

#endif
