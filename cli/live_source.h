/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live source: the stream of a running session as records, gaps and what was missed
 * (drain/live_message.h).
 *
 * Keeps the tables of the session (format/trace_live.h), and asks for the catalogue again when it
 * has missed metadata. Records of one thread come in their order, threads as the drain visits
 * them. One thread.
 */
#ifndef ADATRACE_CLI_LIVE_SOURCE_H
#define ADATRACE_CLI_LIVE_SOURCE_H

#include <stdint.h>

#include "cli/session_find.h"
#include "format/trace_live.h"

struct live_source;

/* What was published and is not read by us. */
struct live_missed {
    uint64_t records, messages, bytes;
};

struct live_visitor {
    void *context;
    /* payload[size], in which the traced program may have scribbled; good until the call ends. */
    void (*record)(void *context, const struct trace_thread *thread, const struct trace_type *type,
                   uint64_t ticks, const unsigned char *payload, uint32_t size);
    void (*gap)(void *context, const struct trace_thread *thread, const struct trace_gap *gap);
    /* Here, before what follows. */
    void (*missed)(void *context, const struct live_missed *missed);
    /* Everything before these ticks has come. */
    void (*round)(void *context, uint64_t ticks, uint64_t monotonic_ns);
};

/*
 * Listen to the session that `wanted` names (session_find.h). Says on stderr what is wrong and
 * returns an exit status, 0 when *out is there. `entry` as for session_open().
 */
int live_source_open(struct live_source **out, const char *wanted, struct session_entry *entry)
    __attribute__((warn_unused_result));
void live_source_close(struct live_source *source);

struct trace *live_source_trace(const struct live_source *source);
/* Readable when the session has hung up. */
int live_source_fd(const struct live_source *source);

/* Take the next message, waiting up to timeout_ns. 1: one was taken; 0: none came; -EPIPE: the
 * session has ended, all is read; another negative errno: it cannot go on. */
int live_source_read(struct live_source *source, uint64_t timeout_ns,
                     const struct live_visitor *visitor) __attribute__((warn_unused_result));

struct live_source_counts {
    uint64_t records;          /* that came */
    struct live_missed missed; /* all together */
    uint64_t unknown;          /* of the records: of a type or thread that was not told */
};
void live_source_counts(const struct live_source *source, struct live_source_counts *out);

#endif
