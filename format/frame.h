/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame: a block's content as one zstd frame with content size and checksum, compressed or stored.
 *
 * A stored frame is made of zstd's raw blocks, so that every tool that reads zstd reads it too, and
 * its size follows from the content's size alone. Contexts belong to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_FRAME_H
#define ADATRACE_FORMAT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "format/byte_buffer.h"

enum { FRAME_LEVEL_MIN = -7, FRAME_LEVEL_MAX = 19, FRAME_LEVEL_STORED = 0 };

struct frame_compressor;   /* zstd's ZSTD_CCtx */
struct frame_decompressor; /* zstd's ZSTD_DCtx */

struct frame_compressor *frame_compressor_create(void); /* or NULL */
void frame_compressor_destroy(struct frame_compressor *compressor);
struct frame_decompressor *frame_decompressor_create(void); /* or NULL */
void frame_decompressor_destroy(struct frame_decompressor *decompressor);

/* Append content[size] as a frame to `out`. Level 0 stores. 0 or -ENOMEM. */
int frame_append(struct frame_compressor *compressor, int level, const void *content, size_t size,
                 struct byte_buffer *out) __attribute__((warn_unused_result));

/* Bytes that a stored frame of content[size] takes. */
size_t frame_stored_bytes(size_t size);

/*
 * Unpack an untrusted frame that has to hold exactly `content_bytes`: `out` is replaced by its
 * content. A frame that declares another size is refused before anything is allocated for it.
 * 0, -EBADMSG, -ENOMEM.
 */
int frame_decode(struct frame_decompressor *decompressor, const void *frame, size_t frame_bytes,
                 size_t content_bytes, struct byte_buffer *out) __attribute__((warn_unused_result));

#endif
