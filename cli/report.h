/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace report`: what is collected, and by whom.
 *
 * One walk over the blocks of the trace, column by column; no rows are built. Each part of the
 * report is fed with blocks and finished once; the printers (report_text.c, report_json.c) only
 * read. Main thread.
 */
#ifndef ADATRACE_CLI_REPORT_H
#define ADATRACE_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/report_calls.h"
#include "cli/report_memory.h"
#include "cli/report_spans.h"
#include "cli/summary.h"
#include "cli/symbol_cache.h"
#include "cli/thread_index.h"
#include "format/trace_reader.h"

/* What the records of a type mean to the report. */
enum report_role {
    REPORT_PLAIN,
    REPORT_FUNCTION_ENTER,
    REPORT_FUNCTION_EXIT,
    REPORT_SCOPE_BEGIN,
    REPORT_SCOPE_END,
    REPORT_SPAN, /* begin, step or end */
    REPORT_MEMORY,
};

struct report_type {
    const struct trace_type *type;
    enum report_role role;
    uint32_t name; /* index of the first type of the same name: scopes and spans pair by it */
    uint64_t count;
};

enum { REPORT_CELLS = 64 };

struct report_thread {
    const struct trace_thread *thread;
    uint64_t records;
    uint64_t first_ticks, last_ticks;
    uint64_t gap_records;
    uint64_t cells[REPORT_CELLS]; /* records over time, in cells of report.cell_ticks */
};

/* A function or a scope when all is known, sorted for printing. */
struct report_row {
    struct symbol_text *symbol; /* functions; NULL: a scope or span */
    const char *name;
    struct call_stats stats; /* owned */
};

struct report_rows {
    struct report_row *rows;
    size_t count;
};

struct report {
    struct trace *trace;
    const char *path;
    struct summary summary;
    bool partial; /* a filter leaves something out */
    struct thread_index thread_index;
    struct symbol_cache symbols, caller_symbols;
    struct report_type *types;
    size_t type_count;
    struct report_thread *threads;
    uint64_t records;
    uint64_t start_ticks, cell_ticks; /* of report_thread.cells */
    struct calls functions, scopes;
    struct symbol_text *function_symbols; /* by id; made at the end, text is the cache's */
    struct report_spans spans;
    struct report_memory memory;
    /* made at the end */
    struct report_rows function_rows, scope_rows, span_rows;
};

enum report_sort {
    REPORT_SORT_SELF,
    REPORT_SORT_TOTAL,
    REPORT_SORT_CALLS,
    REPORT_SORT_MEAN,
    REPORT_SORT_P99,
    REPORT_SORT_MAX,
    REPORT_SORT_NAME,
};

struct report_style {
    enum report_sort sort;
    uint64_t limit; /* rows of a table; 0: all */
    bool colour, utf8;
};

struct report_wish {
    const struct trace_filter *filter;
    bool partial; /* the filter leaves something out */
    enum report_sort sort;
    const struct symbol_resolver *resolver; /* or NULL */
};

/* 0 or a negative errno; report_close() in any case. */
int report_make(struct report *report, struct trace *trace, const char *path,
                const struct report_wish *wish) __attribute__((warn_unused_result));
void report_close(struct report *report);

int report_print_text(const struct report *report, struct out_buffer *out,
                      const struct report_style *style) __attribute__((warn_unused_result));
void report_print_json(const struct report *report, struct out_buffer *out,
                       const struct report_style *style);

/* ---- between the parts ---- */

/* Records of the thread that were emitted and were not met: as its ledger tells, and what that says
 * to be stored; a selection leaves out more than that. False: it has no ledger, nobody knows. */
bool report_thread_lost(const struct report *report, const struct report_thread *thread,
                        uint64_t *lost);

/* Feed the functions and scopes of a block. */
void report_calls_feed(struct report *report, const struct trace_block *block, uint32_t thread);

/* Rows of functions, scopes and spans in the order of `sort`. 0 or -ENOMEM. */
int report_rows_make(struct report *report, enum report_sort sort)
    __attribute__((warn_unused_result));
void report_rows_fini(struct report_rows *rows);

#endif
