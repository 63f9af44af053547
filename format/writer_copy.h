/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a writer takes over from other files as it stands there: blocks without unpacking them,
 * types under the numbers that the blocks know them by, losses.
 *
 * For format/trace_copy.h only. A writer whose types are declared by number has none by image, and
 * its streams come from writer_stream_open(). As with the rest of the writer, one thread at a time;
 * calls return 0 or a negative errno.
 */
#ifndef ADATRACE_FORMAT_WRITER_COPY_H
#define ADATRACE_FORMAT_WRITER_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "format/block_header.h"
#include "format/trace_writer.h"

enum { WRITER_ID_MAX = UINT16_MAX }; /* types with greater numbers cannot be written by streams */

/* Declare a type under a number of the caller's, each number once. -EBADMSG: malformed. */
int writer_type_declare(struct trace_writer *w, uint32_t number, const void *schema, size_t size)
    __attribute__((warn_unused_result));

/* A stream of a thread; the ids of its records are the numbers that types were declared under. */
int writer_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
    __attribute__((warn_unused_result));

/*
 * A data block goes into the file now: bytes[BLOCK_HEADER_BYTES + header->frame_bytes], of which
 * the frame is kept and the header written anew from `header`. Streams of the same thread have been
 * flushed.
 */
int writer_block_take(struct trace_writer *w, struct block_header *header, unsigned char *bytes)
    __attribute__((warn_unused_result));

/* The same from a block's unpacked content. */
int writer_content_take(struct trace_writer *w, struct block_header *header, const void *content,
                        size_t size, int level) __attribute__((warn_unused_result));

/* `records` could not be written into a file that was copied from; `error` is the errno why. */
void writer_loss_inherit(struct trace_writer *w, uint64_t records, int error);

#endif
