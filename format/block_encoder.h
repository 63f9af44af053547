/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block encoder: a draft, or content that is there already, becomes the bytes of a block.
 *
 * Everything it needs is its own, so several can work at the same time, each for one thread. Inside
 * of the trace writer. Knows no file: where the block will stand (its sequence number) is filled in
 * when it is written.
 */
#ifndef ADATRACE_FORMAT_BLOCK_ENCODER_H
#define ADATRACE_FORMAT_BLOCK_ENCODER_H

#include "format/address_set.h"
#include "format/block_header.h"
#include "format/column.h"
#include "format/draft.h"
#include "format/frame.h"

struct block_encoder {
    struct frame_compressor *compressor;
    struct column_encoder columns;
    struct byte_buffer content, block;
    uint32_t *positions;
    size_t position_capacity;
    /* Code addresses in the block that was encoded last. */
    struct address_use *addresses;
    size_t address_count, address_capacity;
};

int block_encoder_init(struct block_encoder *encoder) __attribute__((warn_unused_result));
void block_encoder_fini(struct block_encoder *encoder); /* zero-initialised is fine, too */

/* encoder->content and addresses become those of the draft's block. 0 or -ENOMEM. */
int block_content_build(struct block_encoder *encoder, const struct draft *draft)
    __attribute__((warn_unused_result));
void block_address_add(struct block_encoder *encoder, uint64_t address, uint64_t first_ticks,
                       uint64_t last_ticks);

/* Kind, thread, counts and ticks of the draft's block. */
struct block_header block_header_of(const struct draft *draft, uint32_t thread);
/* What its records took in a ring. */
uint64_t block_ring_bytes(const struct draft *draft);

/*
 * encoder->block becomes room for a header and the frame of content[size]; all that the header
 * tells of the frame is filled in, but it is not encoded yet. 0 or -ENOMEM.
 */
int block_pack(struct block_encoder *encoder, struct block_header *header, int level,
               const void *content, size_t size) __attribute__((warn_unused_result));

#endif
