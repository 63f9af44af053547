/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous spans: begin and end with the same name and the same first field, in any thread of
 * the process. Collected while blocks come, paired in the order of time at the end. Where several
 * of the same id are open, an end belongs to the one that was begun last. Main thread.
 */
#ifndef ADATRACE_CLI_REPORT_SPANS_H
#define ADATRACE_CLI_REPORT_SPANS_H

#include "cli/call_stats.h"
#include "cli/timeline.h"
#include "format/trace_reader.h"

struct report_spans {
    struct timeline timeline;
    struct call_stats *stats; /* by name */
    uint64_t *steps;
    uint32_t name_count;
    uint64_t unmatched; /* ends without a begin */
};

int report_spans_init(struct report_spans *spans, uint32_t name_count)
    __attribute__((warn_unused_result));
/* A run of span records of one name. 0 or -ENOMEM. */
int report_spans_feed(struct report_spans *spans, const struct trace_block *block,
                      const struct trace_run *run, uint32_t name)
    __attribute__((warn_unused_result));
int report_spans_finish(struct report_spans *spans) __attribute__((warn_unused_result));
void report_spans_fini(struct report_spans *spans);

#endif
