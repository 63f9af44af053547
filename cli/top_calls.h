/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of a running session: calls, self time and their distribution, from what a live source
 * brings, by the same means as `report` (report_calls.h). Where events were missed, what was open
 * is forgotten rather than guessed. Main thread.
 */
#ifndef ADATRACE_CLI_TOP_CALLS_H
#define ADATRACE_CLI_TOP_CALLS_H

#include "cli/live_symbols.h"
#include "cli/report_calls.h"
#include "cli/thread_index.h"

struct top_calls {
    struct trace *trace; /* grows */
    struct thread_index thread_index;
    struct calls calls;
    struct symbol_cache symbols;
    struct live_symbols files;
    uint64_t *before; /* calls by id, at the last turn */
    uint32_t before_count;
    uint64_t turn_ns;
    const struct trace_thread *last;
    uint32_t last_index;
};

int top_calls_init(struct top_calls *calls, struct trace *trace)
    __attribute__((warn_unused_result));
void top_calls_fini(struct top_calls *calls);

/* A record; those that are no function's are passed over. */
void top_calls_record(struct top_calls *calls, const struct trace_thread *thread,
                      const struct trace_type *type, uint64_t ticks, const unsigned char *payload,
                      uint32_t size);
/* Records were missed. */
void top_calls_missed(struct top_calls *calls);
/* Begin to count anew. */
void top_calls_reset(struct top_calls *calls);

struct top_function {
    const char *name; /* the cache's, until the next record */
    uint64_t calls;
    double per_second; /* since the last turn */
    uint64_t self_ns, p50_ns, p99_ns;
};
/* All that were called, most self time first; returns how many, or -ENOMEM. The caller frees. */
int top_calls_rows(struct top_calls *calls, uint64_t now_ns, struct top_function **rows)
    __attribute__((warn_unused_result));

#endif
