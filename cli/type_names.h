/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event types that share a name: begin and end of a scope, the steps of a span. Main thread.
 */
#ifndef ADATRACE_CLI_TYPE_NAMES_H
#define ADATRACE_CLI_TYPE_NAMES_H

#include <stdint.h>

#include "format/trace_reader.h"

/* For every type of the trace, the index of the first type of the same name; the caller's to free.
 * NULL: out of memory. */
uint32_t *type_names_make(const struct trace *trace);

#endif
