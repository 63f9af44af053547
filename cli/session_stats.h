/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session stats: pictures of running sessions (drain/drain_stats.h), fetched, compared, printed.
 * Main thread.
 */
#ifndef ADATRACE_CLI_SESSION_STATS_H
#define ADATRACE_CLI_SESSION_STATS_H

#include "cli/json_writer.h"
#include "cli/session_find.h"
#include "drain/drain_stats.h"

/* Ask for one, on a connection of its own. 0 or a negative errno; -ESHUTDOWN: it is ending. The
 * caller frees it with stats_picture_free(). */
int session_stats_fetch(const struct session_entry *entry, struct stats_picture *picture)
    __attribute__((warn_unused_result));

/* Between two pictures of one session, per second. */
struct session_rates {
    double written, bytes, dropped, stored, file_bytes;
    uint64_t over_ns; /* 0: there is nothing to compare */
};
struct session_rates session_rates_of(const struct stats_session *before,
                                      const struct stats_session *now);

/* The members of the session's, a process's and a thread's object. The counts' names are those of
 * `adatrace info`. */
void session_stats_json(struct json_writer *json, const struct stats_picture *picture);

#endif
