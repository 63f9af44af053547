/* SPDX-License-Identifier: Apache-2.0 */
/* Reading all of a trace in every way that the reader has, for fuzz targets. */
#ifndef ADATRACE_TESTS_TRACE_WALK_H
#define ADATRACE_TESTS_TRACE_WALK_H

#include "format/trace_reader.h"

/* The tables: processes, threads, modules, notes, clocks, types, symbols. */
void trace_walk_tables(struct trace *trace);
/* The events: by cursor, in batches, in columns; with filters. */
void trace_walk_events(struct trace *trace);

#endif
