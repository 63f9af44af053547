/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"

int block_encoder_init(struct block_encoder *e)
{
    memset(e, 0, sizeof(*e));
    e->compressor = frame_compressor_create();
    return e->compressor ? column_encoder_init(&e->columns) : -ENOMEM;
}

void block_encoder_fini(struct block_encoder *e)
{
    frame_compressor_destroy(e->compressor);
    column_encoder_fini(&e->columns);
    byte_buffer_free(&e->content);
    byte_buffer_free(&e->block);
    free(e->positions);
    free(e->addresses);
    memset(e, 0, sizeof(*e));
}

void block_address_add(struct block_encoder *e, uint64_t address, uint64_t first_ticks,
                       uint64_t last_ticks)
{
    if (e->address_count == e->address_capacity) {
        size_t capacity = e->address_capacity ? e->address_capacity * 2 : 256;
        struct address_use *grown = realloc(e->addresses, capacity * sizeof(*grown));

        if (!grown)
            return; /* costs a symbol, not the block */
        e->addresses = grown;
        e->address_capacity = capacity;
    }
    e->addresses[e->address_count++] = (struct address_use){address, first_ticks, last_ticks};
}

int block_pack(struct block_encoder *e, struct block_header *header, int level, const void *content,
               size_t size)
{
    struct byte_buffer *out = &e->block;
    int status;

    out->size = 0;
    status = byte_buffer_reserve(out, BLOCK_HEADER_BYTES);
    if (status != 0)
        return status;
    out->size = BLOCK_HEADER_BYTES;
    status = frame_append(e->compressor, level, content, size, out);
    if (status != 0)
        return status;
    header->version = FORMAT_VERSION;
    header->content_bytes = (uint32_t)size;
    header->frame_bytes = (uint32_t)(out->size - BLOCK_HEADER_BYTES);
    header->frame_crc = crc32c(out->bytes + BLOCK_HEADER_BYTES, header->frame_bytes);
    header->level = (int16_t)level;
    return 0;
}
