/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adatrace record` says while it records and at the end, on stderr.
 *
 * The live line shares the terminal with the program: it stands on the last row, never in the
 * cursor's, so that a question or a line half written stays to be seen, and keeps quiet while the
 * program has the terminal for itself (a password, an editor) or adatrace runs in the background.
 * record_talk_news() may come from any thread, the rest is for the main thread.
 */
#ifndef ADATRACE_CLI_RECORD_TALK_H
#define ADATRACE_CLI_RECORD_TALK_H

#include <pthread.h>
#include <stdbool.h>

#include "drain/collector.h"

struct record_talk {
    pthread_mutex_t lock;
    bool is_live;            /* there is a terminal for a live line */
    bool line_shown;         /* under lock */
    uint64_t records, at_ns; /* at the last live line */
};

void record_talk_init(struct record_talk *talk);

/* One line about something that came or went. */
void record_talk_news(void *talk, const char *text);

/* The live line, anew. */
void record_talk_progress(struct record_talk *talk, const struct drain_figures *figures);

/* Take the live line away: other text follows. */
void record_talk_clear(struct record_talk *talk);

/* The last line. */
void record_talk_summary(const struct drain_figures *figures, uint64_t file_bytes,
                         const char *path);

#endif
