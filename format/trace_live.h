/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace that is told while it happens: the tables of a trace without its file. Whoever reads it
 * uses trace_reader.h's functions for tables, times and symbols; there are no blocks, so cursors
 * and scans find nothing.
 *
 * Rows stay where they are: pointers to threads, types and modules are good until trace_close(),
 * and what they point to changes when it is told anew. Items are untrusted. One thread.
 */
#ifndef ADATRACE_FORMAT_TRACE_LIVE_H
#define ADATRACE_FORMAT_TRACE_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "format/trace_reader.h"

/* Fuzzers make them smaller: to come up against them, and because a sanitizer paints all of it. */
#ifndef ADATRACE_LIVE_SHIFT
#define ADATRACE_LIVE_SHIFT 0
#endif

enum {
    TRACE_LIVE_THREADS_MAX = (1 << 18) >> ADATRACE_LIVE_SHIFT, /* and processes, and modules */
    TRACE_LIVE_TYPES_MAX = (1 << 16) >> ADATRACE_LIVE_SHIFT,
    TRACE_LIVE_SYMBOLS_MAX = (1 << 20) >> ADATRACE_LIVE_SHIFT,
    /* At once: of older ones only the first is kept. */
    TRACE_LIVE_CLOCKS_MAX = (1 << 14) >> ADATRACE_LIVE_SHIFT,
};

/* Empty; trace_close() frees it. 0 or -ENOMEM. */
int trace_live_create(struct trace **out) __attribute__((warn_unused_result));

/* The time of an event with these ticks was told: it stays true, and those of later events will not
 * be earlier, whatever clock pairs come. */
void trace_live_told(struct trace *t, uint64_t ticks);

/* Take in metadata items (format/items.h). What was told before may be told again. -EBADMSG:
 * malformed from some item on; -ENOMEM: also when there are too many. */
int trace_live_items(struct trace *t, const void *bytes, size_t size)
    __attribute__((warn_unused_result));

/* Records of the image with this id are of the type that a TYPE item gave this number. */
int trace_live_declare(struct trace *t, uint64_t image, uint32_t id, uint32_t number)
    __attribute__((warn_unused_result));

/* The type of a record of this thread; NULL: not told. */
const struct trace_type *trace_live_type(const struct trace *t, const struct trace_thread *thread,
                                         uint32_t id);

/* Does the filter want records of this thread? */
bool trace_live_wants(const struct trace_filter *filter, const struct trace_thread *thread);

/* The trace of a file has no symbols (it was cut off, or its program recorded itself): from now on
 * the caller adds them. -EEXIST: it has some; -ENOMEM. */
int trace_live_symbols_open(struct trace *t) __attribute__((warn_unused_result));

/* A symbol that the caller has found out. Strings are copied. 0 or -ENOMEM. */
int trace_live_symbol_add(struct trace *t, const struct trace_symbol *symbol)
    __attribute__((warn_unused_result));

/*
 * Take a payload apart, as it stood in the ring: `run` becomes a run of this one record, whose
 * columns point into payload[size], behind which TRACE_COLUMN_SLACK more can be read. `offsets`
 * has room for 2 numbers a variable-length field. Only as many columns as the type has fields are
 * written. -EBADMSG: the payload does not fit its type.
 */
int trace_live_run(const struct trace_type *type, const unsigned char *payload, size_t size,
                   struct trace_run *run, uint32_t *offsets) __attribute__((warn_unused_result));

#endif
