/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces for sweeps in which every call fails, and what holds for all of them. Asserts through
 * cmocka.
 */
#ifndef ADATRACE_TESTS_FAILING_TRACES_H
#define ADATRACE_TESTS_FAILING_TRACES_H

#include <stdint.h>

#include "format/trace_reader.h"

enum { FAILING_THREADS = 4, FAILING_RECORDS = 400 };

/* Of FAILING_RECORDS records each, with gaps. `later` is of the same session as `whole`, `other` is
 * not; `torn` is `whole` with zeros for its end, so that all of it is walked. */
extern char whole[256], other[256], later[256], torn[256];
int failing_traces_make(void **state);

/* What went wrong is said, and why. */
void failing_error_check(int status, const struct trace_error *error);

/* All events in their order; *records of them. The first error, or 0. */
int failing_walk(struct trace *t, const struct trace_filter *filter, uint64_t *records);

#endif
