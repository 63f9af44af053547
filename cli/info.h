/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace info`, shared by its two formats. Main thread.
 */
#ifndef ADATRACE_CLI_INFO_H
#define ADATRACE_CLI_INFO_H

#include <stdbool.h>

#include "cli/out_buffer.h"
#include "cli/summary.h"
#include "format/trace_reader.h"

enum { INFO_END_MAX = 4096 + 8 }; /* a path and a word */

struct info {
    const struct trace *trace;
    const char *path;
    struct summary summary;
    struct summary_counts *processes;        /* in the order of the trace's table; owned */
    const struct trace_process **successors; /* the same: what exec made of it, or NULL; owned */
    bool verbose, colour;
};

/* `path` has to live as long. 0 or -ENOMEM; info_close() in any case. */
int info_open(struct info *info, struct trace *trace, const char *path)
    __attribute__((warn_unused_result));
void info_close(struct info *info);

/* 0 or -ENOMEM. */
int info_print_text(const struct info *info, struct out_buffer *out)
    __attribute__((warn_unused_result));
void info_print_json(const struct info *info, struct out_buffer *out);

/* How the n-th process of the trace's table ended: "exit 0", "signal 9" as waitpid(2) tells, "exec
 * /usr/bin/env", "not known", "not seen". Untrusted: the name is the file's. */
const char *info_end_text(const struct info *info, size_t n, char text[INFO_END_MAX]);

#endif
