/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols of a program that is still running, by the files that it has mapped: a recording's own
 * are only found out at its end. Files are opened when the first address in them is asked for, and
 * stay open. Main thread.
 */
#ifndef ADATRACE_CLI_LIVE_SYMBOLS_H
#define ADATRACE_CLI_LIVE_SYMBOLS_H

#include "cli/symbol_cache.h"

struct live_symbol_file;

struct live_symbols {
    struct trace *trace; /* format/trace_live.h */
    struct live_symbol_file *files;
};

void live_symbols_init(struct live_symbols *symbols, struct trace *trace);
void live_symbols_fini(struct live_symbols *symbols);

/* From now on the cache asks here for what its trace does not know. */
void live_symbols_serve(struct live_symbols *symbols, struct symbol_cache *cache);

#endif
