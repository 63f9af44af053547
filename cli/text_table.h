/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people: columns as wide as their widest cell, headings above, numbers to the right.
 *
 * Fill in cell by cell, row by row, then print. Running out of memory while filling in is found out
 * by text_table_print(). Main thread.
 */
#ifndef ADATRACE_CLI_TEXT_TABLE_H
#define ADATRACE_CLI_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/out_buffer.h"

enum { TEXT_TABLE_COLUMNS_MAX = 16 };

/* Headings: "calls" is right-aligned, "<name" left-aligned. */
struct text_table {
    const char *const *headings;
    unsigned column_count;
    unsigned widths[TEXT_TABLE_COLUMNS_MAX]; /* in characters */
    char **cells;                            /* row after row */
    size_t count, capacity;
    bool failed; /* out of memory */
};

void text_table_init(struct text_table *table, const char *const *headings, unsigned column_count);
void text_table_add(struct text_table *table, const char *text); /* copied */
/* Every line is indented by two columns. `colour`: bold headings. 0 or -ENOMEM. */
int text_table_print(struct text_table *table, struct out_buffer *out, bool colour)
    __attribute__((warn_unused_result));
void text_table_fini(struct text_table *table);

#endif
