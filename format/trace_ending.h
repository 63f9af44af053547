/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace ending: a file whose records are all in it, and which still wants its symbols, its index
 * and its end. The trace writer hands such files over (trace_writer_switch(), a snapshot that was
 * written), so that another thread can take its time with them. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_TRACE_ENDING_H
#define ADATRACE_FORMAT_TRACE_ENDING_H

#include <stdint.h>

#include "format/trace_model.h"

struct trace_ending;

/* More metadata, at the end. 0 or a negative errno, which sticks and is told by close again. */
int trace_ending_symbol(struct trace_ending *ending, const struct trace_symbol *symbol);
int trace_ending_note(struct trace_ending *ending, const struct trace_note *note);

/* The distinct code addresses in the file, as trace_writer_addresses() tells those of a writer. */
void trace_ending_addresses(struct trace_ending *ending,
                            void (*visit)(void *context, uint64_t image, uint64_t address,
                                          uint64_t first_ticks, uint64_t last_ticks),
                            void *context);

/* The file's size as it is now. */
uint64_t trace_ending_bytes(const struct trace_ending *ending);

/* Write what there is, index and end, close the file, free. Returns the first error that the file
 * ever met; *file_bytes (may be NULL) becomes its size. */
int trace_ending_close(struct trace_ending *ending, uint64_t *file_bytes)
    __attribute__((warn_unused_result));

#endif
