/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--where EXPRESSION`: which events of a trace are wanted (base/expression.h). Made and freed by
 * the main thread; where_fits() may be asked by any number of threads.
 */
#ifndef ADATRACE_CLI_WHERE_H
#define ADATRACE_CLI_WHERE_H

#include <stdbool.h>

#include "base/expression.h"
#include "cli/symbol_cache.h"
#include "format/trace_reader.h"

struct where;

/* The row; `settings` is the command's struct, which has a member `where`. */
#define WHERE_ROW(settings)                                                                        \
    {                                                                                              \
        .letter = 'w', .name = "where", .argument = "EXPRESSION",                                  \
        .help = "Only events that EXPRESSION fits, as in 'shop:order.latency_us > 50ms && thread " \
                "matches \"worker*\"'",                                                            \
        .type = &option_text, .offset = offsetof(settings, where)                                  \
    }

/* Say on stderr why an option's expression was refused, with a caret under the place. Returns
 * STATUS_MISUSE. */
int where_refuse(const char *option, const char *text, const struct expression_error *error);

/* `text` NULL: *out is NULL, which fits everything. Returns an exit status; what is wrong has been
 * said. */
int where_parse(struct where **out, const char *text) __attribute__((warn_unused_result));
/* Look at the types of a trace, which has to stay; again when it has got more. NULL: nothing.
 * Returns an exit status; what is wrong has been said. */
int where_bind(struct where *where, const struct trace *trace) __attribute__((warn_unused_result));
/* Say so when a name in the expression means nothing in any of them. */
void where_say_unmet(const struct where *where);
void where_free(struct where *where);

/* Does it ask how long calls took? Then it wants to be told. */
bool where_needs_calls(const struct where *where);

/* What following the calls has found out. */
struct where_call {
    bool is_known; /* the record ends a call that was seen to begin */
    uint64_t start_ticks;
};

/* Does the event fit? `symbols` is the calling thread's. */
bool where_fits(const struct where *where, struct symbol_cache *symbols,
                const struct trace_record *record, const struct where_call *call);

#endif
