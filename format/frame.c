/* SPDX-License-Identifier: Apache-2.0 */
#include "format/frame.h"

#include <errno.h>
#include <string.h>

#include <zstd.h>

#include "base/le.h"
#include "format/xxh64.h"

enum {
    FRAME_MAGIC_BYTES = 4,
    RAW_BLOCK_BYTES = 128 * 1024, /* the most that one zstd block may hold */
    RAW_BLOCK_HEADER_BYTES = 3,
    CHECKSUM_BYTES = 4,
};

/* The two contexts are zstd's own; the names only keep zstd.h out of our headers. */
static ZSTD_CCtx *compressor_zstd(struct frame_compressor *compressor)
{
    return (ZSTD_CCtx *)compressor;
}

static ZSTD_DCtx *decompressor_zstd(struct frame_decompressor *decompressor)
{
    return (ZSTD_DCtx *)decompressor;
}

struct frame_compressor *frame_compressor_create(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();

    if (context)
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    return (struct frame_compressor *)context;
}

void frame_compressor_destroy(struct frame_compressor *compressor)
{
    ZSTD_freeCCtx(compressor_zstd(compressor));
}

struct frame_decompressor *frame_decompressor_create(void)
{
    return (struct frame_decompressor *)ZSTD_createDCtx();
}

void frame_decompressor_destroy(struct frame_decompressor *decompressor)
{
    ZSTD_freeDCtx(decompressor_zstd(decompressor));
}

/* ---- stored: RFC 8878, single segment, raw blocks ---- */

static unsigned content_size_bytes(size_t size)
{
    return size < 256 ? 1 : size < 65536 + 256 ? 2 : 4;
}

static size_t raw_block_count(size_t size)
{
    return size ? (size + RAW_BLOCK_BYTES - 1) / RAW_BLOCK_BYTES : 1;
}

size_t frame_stored_bytes(size_t size)
{
    return FRAME_MAGIC_BYTES + 1 + content_size_bytes(size) +
           raw_block_count(size) * RAW_BLOCK_HEADER_BYTES + size + CHECKSUM_BYTES;
}

static unsigned char *frame_header_put(unsigned char *out, size_t size)
{
    enum { SINGLE_SEGMENT = 1 << 5, CHECKSUM = 1 << 2 };
    unsigned width = content_size_bytes(size);
    unsigned code = width == 1 ? 0 : width == 2 ? 1 : 2;

    le32_store(out, ZSTD_MAGICNUMBER);
    out += FRAME_MAGIC_BYTES;
    *out++ = (unsigned char)(code << 6 | SINGLE_SEGMENT | CHECKSUM);
    le_store(out, width == 2 ? size - 256 : size, width);
    return out + width;
}

static void frame_store(unsigned char *out, const unsigned char *content, size_t size)
{
    size_t left = size;

    out = frame_header_put(out, size);
    do {
        size_t block = left < RAW_BLOCK_BYTES ? left : RAW_BLOCK_BYTES;

        le_store(out, block << 3 | (block == left), RAW_BLOCK_HEADER_BYTES);
        out += RAW_BLOCK_HEADER_BYTES;
        if (block)
            memcpy(out, content + (size - left), block);
        out += block;
        left -= block;
    } while (left);
    le32_store(out, (uint32_t)xxh64(content, size));
}

/* ---- both ---- */

int frame_append(struct frame_compressor *compressor, int level, const void *content, size_t size,
                 struct byte_buffer *out)
{
    ZSTD_CCtx *context = compressor_zstd(compressor);
    size_t bound =
        level == FRAME_LEVEL_STORED ? frame_stored_bytes(size) : ZSTD_compressBound(size);
    size_t used = bound;

    if (byte_buffer_reserve(out, bound) != 0)
        return -ENOMEM;
    if (level == FRAME_LEVEL_STORED) {
        frame_store(out->bytes + out->size, content, size);
    } else {
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
        used = ZSTD_compress2(context, out->bytes + out->size, bound, content, size);
        if (ZSTD_isError(used))
            return -ENOMEM; /* with room for the bound there is no other reason */
    }
    out->size += used;
    return 0;
}

int frame_decode(struct frame_decompressor *decompressor, const void *frame, size_t frame_bytes,
                 size_t content_bytes, struct byte_buffer *out)
{
    size_t used;

    if (ZSTD_getFrameContentSize(frame, frame_bytes) != content_bytes ||
        ZSTD_findFrameCompressedSize(frame, frame_bytes) != frame_bytes)
        return -EBADMSG;
    out->size = 0;
    if (byte_buffer_reserve(out, content_bytes + 1) != 0) /* never NULL for zstd */
        return -ENOMEM;
    used = ZSTD_decompressDCtx(decompressor_zstd(decompressor), out->bytes, content_bytes, frame,
                               frame_bytes);
    if (ZSTD_isError(used) || used != content_bytes)
        return -EBADMSG;
    out->size = used;
    return 0;
}
