/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolizer: at the end of a recording, gives every code address that occurs in it its name, file
 * and line, and writes them into the trace, which then needs the binaries no more. One thread.
 */
#ifndef ADATRACE_DRAIN_SYMBOLIZE_H
#define ADATRACE_DRAIN_SYMBOLIZE_H

#include "drain/drain.h"

struct symbolize_figures {
    uint64_t addresses; /* that lie in a module */
    uint64_t named, with_lines;
    bool broke; /* reading symbols came to a bad end: some are missing, and a note says so */
};

/* Of a file that the drain has left: the same, with these modules. Any thread. */
int symbolize_ending(struct trace_ending *ending, const struct drain_module *modules,
                     struct symbolize_figures *figures);

/* After drain_finish() and before drain_close(). Files that cannot be read cost their names, and
 * what could not be written shows at drain_close(). -ENOMEM. */
int symbolize(struct drain *drain, struct symbolize_figures *figures);

#endif
