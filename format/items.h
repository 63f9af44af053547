/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata items: the records of format/trace_model.h as bytes, and back.
 *
 * Item: u16 kind, u16 flags (0), u32 length, body. A body is packed little-endian: numbers first,
 * then strings (u32 length, bytes). Both directions walk one table per kind, so they cannot
 * disagree. Readers pass over kinds that they do not know and over bytes after the fields that they
 * know. Functions touch only their arguments; they allocate.
 */
#ifndef ADATRACE_FORMAT_ITEMS_H
#define ADATRACE_FORMAT_ITEMS_H

#include <stddef.h>
#include <stdint.h>

#include "format/byte_buffer.h"
#include "format/string_arena.h"
#include "format/trace_model.h"

enum item_kind {
    ITEM_RECORDING = 1,   /* struct trace_recording */
    ITEM_CLOCK = 2,       /* struct trace_clock_pair */
    ITEM_PROCESS = 3,     /* struct trace_process */
    ITEM_PROCESS_END = 4, /* struct trace_process_end */
    ITEM_THREAD = 5,      /* struct trace_thread */
    ITEM_LEDGER = 6,      /* struct trace_ledger */
    ITEM_TYPE = 7,        /* struct item_type */
    ITEM_MODULE = 8,      /* struct trace_module */
    ITEM_SYMBOL = 9,      /* struct trace_symbol */
    ITEM_NOTE = 10,       /* struct trace_note */
    ITEM_KIND_LAST = ITEM_NOTE,
};

enum { ITEM_HEADER_BYTES = 8 };

/* An event type; `type` numbers it in this file, from 1. */
struct item_type {
    uint32_t type;
    const void *schema; /* base/schema.h */
    uint32_t schema_bytes;
};

/* Append the item to `out`. `record` is the struct that belongs to `kind`; NULL strings are "".
 * 0 or -ENOMEM; on failure nothing was appended. */
int item_append(struct byte_buffer *out, enum item_kind kind, const void *record)
    __attribute__((warn_unused_result));

/* The next item of bytes[size], untrusted. Returns the item's whole length, or -EBADMSG. `body`
 * points into `bytes`. */
struct item_view {
    uint16_t kind;
    const unsigned char *body;
    uint32_t body_bytes;
};
int64_t item_next(const void *bytes, size_t size, struct item_view *view)
    __attribute__((warn_unused_result));

/*
 * Decode the body of a known kind into the struct that belongs to it. Strings are copied into
 * `arena`; the schema of a TYPE is not, it points into the body. 0, -EBADMSG (cut short), -ENOMEM;
 * -ENOENT: a kind not known here.
 */
int item_decode(const struct item_view *view, void *record, struct string_arena *arena)
    __attribute__((warn_unused_result));

#endif
