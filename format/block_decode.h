/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data blocks unpacked: untrusted content to the columns of format/trace_reader.h.
 *
 * A decoded block is used again and again; it grows to the largest block it has held, and never
 * beyond BLOCK_DECODED_BYTES_MAX and some. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_BLOCK_DECODE_H
#define ADATRACE_FORMAT_BLOCK_DECODE_H

#include "format/block_header.h"
#include "format/byte_buffer.h"
#include "format/column.h"
#include "format/number_map.h"
#include "format/trace_reader.h"

struct decoded_block {
    struct trace_block block; /* what is handed out; points into the rest */
    struct byte_buffer records, fixed, text, gaps, runs;
};

/* What is asked for. */
struct block_wish {
    uint64_t from_ticks, to_ticks; /* records of [from, to] */
    const bool *types;             /* by trace_type.index; NULL: all */
    size_t bytes_max;              /* a block that is larger is left: -E2BIG; 0: none is */
};

/* How types are looked up: numbers of the file to places in types[]. */
struct block_types {
    const struct number_map *places;
    const struct trace_type *const *types;
};

/*
 * Unpack content[size] of a block with this header. On success out->block has every record that is
 * wished for; block.thread is left to the caller. Runs of types that are not described are left
 * out; *unknown_records counts their records. 0, -EBADMSG, -ENOMEM.
 */
int block_decode(struct column_decoder *decoder, const struct block_header *header,
                 const struct block_types *types, const struct block_wish *wish,
                 const void *content, size_t size, struct decoded_block *out,
                 uint64_t *unknown_records) __attribute__((warn_unused_result));

/* Memory that it holds. */
size_t decoded_block_bytes(const struct decoded_block *block);
void decoded_block_fini(struct decoded_block *block); /* zero-initialised is ready for use */

#endif
