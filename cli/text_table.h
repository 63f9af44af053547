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
#include <stdint.h>

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
void text_table_add(struct text_table *table, const char *text);       /* copied */
void text_table_add_name(struct text_table *table, const char *name);  /* untrusted: escaped */
void text_table_add_number(struct text_table *table, uint64_t number); /* 4242 */
void text_table_add_count(struct text_table *table, uint64_t count);   /* 12,345 */
void text_table_add_bytes(struct text_table *table, uint64_t bytes);   /* 1.23 MiB */
void text_table_add_duration(struct text_table *table, uint64_t ns);   /* 1.23 us */
/* Every line is indented by two columns. `colour`: bold headings. 0 or -ENOMEM. */
int text_table_print(struct text_table *table, struct out_buffer *out, bool colour)
    __attribute__((warn_unused_result));
void text_table_fini(struct text_table *table);

#endif
