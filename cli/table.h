/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people: columns as wide as their widest cell, headings above, numbers to the right.
 *
 * Fill in cell by cell, row by row, then print. Running out of memory while filling in is found out
 * by table_print(). Main thread.
 */
#ifndef ADATRACE_CLI_TABLE_H
#define ADATRACE_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/out_buffer.h"

enum { TABLE_COLUMNS_MAX = 16 };

/* Headings: "calls" is right-aligned, "<name" left-aligned. */
struct table {
    const char *const *headings;
    unsigned column_count;
    unsigned widths[TABLE_COLUMNS_MAX]; /* in characters */
    char **cells;                       /* row after row */
    size_t count, capacity;
    bool failed; /* out of memory */
};

void table_init(struct table *table, const char *const *headings, unsigned column_count);
void table_add(struct table *table, const char *text); /* copied */
/* Every line is indented by two columns. `colour`: bold headings. 0 or -ENOMEM. */
int table_print(struct table *table, struct out_buffer *out, bool colour)
    __attribute__((warn_unused_result));
void table_fini(struct table *table);

#endif
