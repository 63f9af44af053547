/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which inputs of a merge belong together, and how their clocks do. Inside of format/trace_copy.h.
 */
#ifndef ADATRACE_FORMAT_MERGE_PLAN_H
#define ADATRACE_FORMAT_MERGE_PLAN_H

#include "format/copy_state.h"

/*
 * Put the sources in order of time, find their families, make the families' clocks. The first
 * family's is the clock of the result; the others share it, or convert to it.
 */
int merge_plan(struct trace_copy *c) __attribute__((warn_unused_result));

#endif
