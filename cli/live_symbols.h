/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols that are not in the trace, by the files that its program has mapped: a recording's own
 * are only found out at its end, and not at all by programs that record themselves. Files are
 * opened when the first address in them is asked for, and stay open. Main thread.
 */
#ifndef ADATRACE_CLI_LIVE_SYMBOLS_H
#define ADATRACE_CLI_LIVE_SYMBOLS_H

#include <stdbool.h>

#include "cli/symbol_cache.h"

struct live_symbol_file;

struct live_symbols {
    struct symbol_resolver resolver; /* for the caches that are to ask here */
    struct trace *trace;             /* format/trace_live.h */
    struct live_symbol_file *files;
    bool is_strict; /* files without a build id are not believed */
};

void live_symbols_init(struct live_symbols *symbols, struct trace *trace);
/* Of a file. False: it has symbols, or no use for any; fini is not needed. */
bool live_symbols_init_late(struct live_symbols *symbols, struct trace *trace);
void live_symbols_fini(struct live_symbols *symbols);

#endif
