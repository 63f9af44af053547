/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalogue: every metadata item of a session that a reader of its next records needs, as items in
 * the file's encoding (format/items.h). Whatever else is written of a session besides its first
 * file begins with it: the next rotated file, a snapshot, what a late listener is sent.
 *
 * An item replaces the earlier one for the same thing, as it does in a file. Who has ended is left
 * out as soon as nothing that is kept needs it, clock pairs are thinned out towards the past, notes
 * and symbols are bounded: so it grows with what lives, not with time. Ledgers are not in it, every
 * file has its own. The trace writer fills it in. Belongs to one thread at a time (the drain's);
 * calls allocate, and return 0 or -ENOMEM: an item is missing then.
 */
#ifndef ADATRACE_FORMAT_CATALOGUE_H
#define ADATRACE_FORMAT_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/byte_buffer.h"
#include "format/items.h"

enum {
    CATALOGUE_CLOCKS_MAX = 512,
    CATALOGUE_NOTES_MAX = 256,
    CATALOGUE_SYMBOLS_MAX = 65536,
    CATALOGUE_UNMAPPED_MAX = 4096, /* modules that are gone */
};

struct catalogue;

struct catalogue *catalogue_create(void); /* or NULL */
void catalogue_destroy(struct catalogue *catalogue);

/* Records of threads that have ended may be kept by somebody, who knows of which: then they and
 * what they need stay. NULL, as in the beginning: of none. */
void catalogue_keep(struct catalogue *catalogue, bool (*keeps)(void *context, uint32_t thread),
                    void *context);
/* Nothing older than this is needed any more: modules that were unmapped before can go. */
void catalogue_keep_from(struct catalogue *catalogue, uint64_t ticks);

/* Take in one item; `record` is the struct that belongs to `kind`, and is copied. Ledgers are
 * passed over. */
int catalogue_add(struct catalogue *catalogue, enum item_kind kind, const void *record)
    __attribute__((warn_unused_result));
/* The thread has ended; that processes have, PROCESS_END items tell. */
void catalogue_thread_end(struct catalogue *catalogue, uint32_t thread);

/* Append the RECORDING item to `out`: what a file's START block holds. */
int catalogue_recording(const struct catalogue *catalogue, struct byte_buffer *out)
    __attribute__((warn_unused_result));
/* Append all other items, in an order in which each stands behind what it refers to. *items grows
 * by how many. On failure nothing was appended. */
int catalogue_items(struct catalogue *catalogue, struct byte_buffer *out, uint32_t *items)
    __attribute__((warn_unused_result));

/* What it holds, bookkeeping included. */
size_t catalogue_bytes(const struct catalogue *catalogue);

#endif
