/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event types of a trace, registered anew, and payloads for them.
 */
#ifndef ADATRACE_CLI_REPLAY_TYPES_H
#define ADATRACE_CLI_REPLAY_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "format/trace_reader.h"

struct ada_event;

struct replay_types {
    struct ada_event *events; /* by trace_type.index */
    bool *usable;
    size_t count;
    uint64_t ticks_per_second; /* of the clock that is replayed on */
};

/* 0 or -ENOMEM. Types that the tracer does not take are not usable. */
int replay_types_make(struct replay_types *types, const struct trace *trace)
    __attribute__((warn_unused_result));
/* They stay known to the tracer: call this when nothing is emitted any more. */
void replay_types_free(struct replay_types *types);

/* The payload that the event had: its size, and itself into out[that]. */
size_t replay_payload_bytes(const struct trace_event *event);
void replay_payload_put(const struct replay_types *types, const struct trace *trace,
                        const struct trace_event *event, unsigned char *out);

#endif
