/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `adatrace record` says while it records and at the end, on stderr.
 *
 * There is no line that moves: stderr is the program's, too, and whatever we took away or wrote
 * over could be a question that it has asked. Any thread.
 */
#ifndef ADATRACE_CLI_RECORD_TALK_H
#define ADATRACE_CLI_RECORD_TALK_H

#include "drain/collector.h"

/* One line about something that came or went. For the collector: `context` is not looked at. */
void record_talk_news(void *context, const char *text);

/* The last line. */
void record_talk_summary(const struct drain_figures *figures, uint64_t file_bytes,
                         const char *path);

#endif
