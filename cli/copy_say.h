/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cut` and `merge` say: how far they have come, and what became of it. Main thread.
 */
#ifndef ADATRACE_CLI_COPY_SAY_H
#define ADATRACE_CLI_COPY_SAY_H

#include "cli/new_file.h"
#include "cli/progress.h"
#include "format/trace_copy.h"

/* A trace_copy_watch that moves a line on a terminal. */
struct copy_progress {
    struct trace_copy_watch watch;
    struct progress progress;
    bool started;
};
void copy_progress_start(struct copy_progress *progress);
void copy_progress_end(struct copy_progress *progress);

/*
 * The copy has come to an end: give the file its name and say what is in it, or leave nothing and
 * say why. Returns the exit status.
 */
int copy_finish(struct new_file *file, int status, const struct trace_copy_figures *figures,
                const struct trace_error *error);

#endif
