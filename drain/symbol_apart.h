/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols apart: names of code are looked up in a process of its own. libdw reads whatever files
 * the traced programs were made of, and it ends the process that calls it when there is no memory
 * left, or reads where nothing is: so it is given one that has nothing to lose. What it finds comes
 * through a pipe, and what it found before a bad end is kept. One thread; also while others run.
 */
#ifndef ADATRACE_DRAIN_SYMBOL_APART_H
#define ADATRACE_DRAIN_SYMBOL_APART_H

#include "format/trace_model.h"

/* Who takes what was found. Texts live until the call returns. */
struct symbol_sink {
    void *context;
    void (*symbol)(void *context, const struct trace_symbol *symbol);
    void (*note)(void *context, const struct trace_note *note);
};

enum { SYMBOL_SILENCE_MS = 5 * 60 * 1000 }; /* large debug information takes a minute to read */

/*
 * Have a child run `look`, which hands what it finds to the sink that it is given; the same arrives
 * at `sink` here, in order. The child sees our memory as it is now, says nothing on our streams,
 * and dies with us. 0; -EAGAIN: there is no child to be had (too many processes or descriptors),
 * and nothing was done; -ENOMEM: neither, and there is no memory for looking up here; -EIO: it came
 * to a bad end, or was killed, also by us because it had found nothing for `silence_ms`, and what
 * it had found until then has arrived.
 */
int symbol_apart_run(void (*look)(void *context, const struct symbol_sink *sink), void *context,
                     const struct symbol_sink *sink, int silence_ms)
    __attribute__((warn_unused_result));

#endif
