/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block header: the 80 bytes, themselves a zstd skippable frame, that stand before every block's
 * content, and the limits that writer and reader share. docs/FORMAT.md is the specification.
 * Encoding and decoding touch only their arguments: any thread, no allocation.
 */
#ifndef ADATRACE_FORMAT_BLOCK_HEADER_H
#define ADATRACE_FORMAT_BLOCK_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FORMAT_VERSION = 1,
    BLOCK_HEADER_BYTES = 80,
    BLOCK_GAP_BYTES = 40,   /* one gap in a data block */
    BLOCK_RUN_BYTES = 12,   /* one run's entry in a data block */
    BLOCK_DATA_BYTES = 20,  /* what a data block's content begins with */
    BLOCK_INDEX_BYTES = 40, /* one entry of an index block */
    BLOCK_END_BYTES = 64,   /* content of the end block */

    /* Limits: no writer passes them, every reader refuses what does. */
    BLOCK_RECORDS_MAX = 1 << 20, /* records in one block; also gaps, items, index entries */
    BLOCK_RUNS_MAX = 256,        /* event types in one block */
    BLOCK_CONTENT_BYTES_MAX = 64 << 20,
    BLOCK_DECODED_BYTES_MAX = 128 << 20, /* of a data block, all columns at full width */
    RECORD_BYTES_MAX = 16 << 20,         /* payload of one record */
    ITEM_STRING_BYTES_MAX = 1 << 20,     /* one string of a metadata item; longer ones are cut */
};

enum block_kind {
    BLOCK_START = 1, /* first block of the file: items */
    BLOCK_META = 2,  /* items */
    BLOCK_DATA = 3,
    BLOCK_INDEX = 4,
    BLOCK_END = 5,
};

struct block_header {
    uint16_t version;
    uint8_t kind; /* enum block_kind */
    uint8_t flags;
    uint32_t thread; /* DATA only */
    uint64_t sequence;
    uint64_t first_ticks, last_ticks; /* DATA only: of records and gaps */
    uint32_t records;                 /* records, items or index entries */
    uint32_t gaps;                    /* DATA only */
    uint32_t content_bytes, frame_bytes;
    uint32_t frame_crc; /* CRC-32C of the frame */
    int16_t level;      /* zstd level it was made with; 0: stored */
    uint32_t recording; /* random, the same in every block of a file */
};

void block_header_encode(const struct block_header *header, unsigned char out[BLOCK_HEADER_BYTES]);

/*
 * Decode and check. 0: *header is good. -EBADMSG: no header, or damaged. -EPROTONOSUPPORT: a good
 * header of another format version, whose number is in header->version; nothing else is filled in.
 * `size` is what can be read at `bytes`; less than BLOCK_HEADER_BYTES is -EBADMSG.
 */
int block_header_decode(const void *bytes, size_t size, struct block_header *header)
    __attribute__((warn_unused_result));

/* Does a header begin like that, as far as it is there? */
bool block_header_begins(const void *bytes, size_t size);

/* The first place in [bytes, bytes + size) where a block header may begin: its first 16 bytes, or
 * as many as are left before the end, are those of a header. `size` when there is none. */
size_t block_header_search(const void *bytes, size_t size);

#endif
