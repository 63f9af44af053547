/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index: where every block is and what it covers. The writer collects it block by block and puts it
 * at the end of the file; the reader takes it from there or builds the same by walking the headers.
 * Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_TRACE_INDEX_H
#define ADATRACE_FORMAT_TRACE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/block_header.h"

struct index_entry {
    uint64_t offset; /* of the block's header */
    uint64_t first_ticks, last_ticks;
    uint32_t thread;
    uint32_t records;
    uint32_t frame_bytes;
    uint8_t kind;
    uint8_t flags;
    int16_t level;
    bool damaged, undescribed; /* the reader's: not in the file */
};

struct trace_index {
    struct index_entry *entries;
    size_t count, capacity;
};

/* What the index says of a block with this header at this offset. */
struct index_entry index_entry_of(const struct block_header *header, uint64_t offset);

/* A block of this kind as we know it: flags that we do not know make it another one. */
static inline bool index_entry_is(const struct index_entry *entry, enum block_kind kind)
{
    return entry->kind == kind && entry->flags == 0;
}

/* Room for one more entry: appending it cannot fail then. 0 or -ENOMEM. */
int trace_index_reserve(struct trace_index *index) __attribute__((warn_unused_result));
/* 0 or -ENOMEM. */
int trace_index_append(struct trace_index *index, const struct index_entry *entry)
    __attribute__((warn_unused_result));
void trace_index_free(struct trace_index *index);

void index_entry_encode(const struct index_entry *entry, unsigned char out[BLOCK_INDEX_BYTES]);
void index_entry_decode(const unsigned char in[BLOCK_INDEX_BYTES], struct index_entry *entry);

/* Content of the end block. */
struct trace_end {
    uint64_t blocks; /* before the index */
    uint64_t data_blocks;
    uint64_t records;
    uint64_t lost_records;            /* could not be written */
    uint64_t index_offset;            /* of the first index block; 0: there is none */
    uint64_t first_ticks, last_ticks; /* over all data blocks; both 0 when there is none */
    uint32_t index_blocks;
    int32_t error; /* errno of the first output error, or 0 */
};

void trace_end_encode(const struct trace_end *end, unsigned char out[BLOCK_END_BYTES]);
void trace_end_decode(const unsigned char in[BLOCK_END_BYTES], struct trace_end *end);

#endif
