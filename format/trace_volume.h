/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volume: one file while it is written: ready-made blocks onto an output, in order, and what its
 * end tells of them. A session may have several, one after the other, or copies of parts of it.
 *
 * Inside of format/: the trace writer owns the volume that grows, a trace ending the one that is to
 * be ended. Belongs to one thread at a time. Calls return 0 or a negative errno.
 */
#ifndef ADATRACE_FORMAT_TRACE_VOLUME_H
#define ADATRACE_FORMAT_TRACE_VOLUME_H

#include "format/block_encoder.h"
#include "format/byte_buffer.h"
#include "format/trace_index.h"
#include "format/trace_output.h"

struct trace_volume {
    struct trace_output output; /* fd -1: none */
    uint32_t recording;         /* random, in every block header */
    uint64_t sequence;
    struct trace_index index;
    uint64_t lost_records;   /* that could not be written into it */
    int error;               /* the first that writing it met */
    uint64_t inherited_lost; /* that could not be written into files that it was copied from */
    int inherited_error;     /* errno why */
};

/* Begin: takes `fd` over, which is open for writing, at offset 0; -1: comes later. */
void trace_volume_open(struct trace_volume *volume, int fd, uint64_t reserve_bytes);
/* Give up what is held; the descriptor is closed if it is open. */
void trace_volume_free(struct trace_volume *volume);

/* Write bytes[BLOCK_HEADER_BYTES + header->frame_bytes]. The header is encoded in front, where the
 * room for it is: only here it learns where it stands. `last` may use the room kept for the end. */
int trace_volume_put(struct trace_volume *volume, struct block_header *header, unsigned char *bytes,
                     bool last) __attribute__((warn_unused_result));

/* Make content[size] a block and write it. */
int trace_volume_write(struct trace_volume *volume, struct block_encoder *encoder,
                       struct block_header *header, const void *content, size_t size, int level,
                       bool last) __attribute__((warn_unused_result));

/* Encoded items, as META blocks. */
int trace_volume_items(struct trace_volume *volume, struct block_encoder *encoder,
                       const void *bytes, size_t size, int level, bool last)
    __attribute__((warn_unused_result));

/* What every file begins with: START, and a catalogue's items. */
int trace_volume_begin(struct trace_volume *volume, struct block_encoder *encoder,
                       const struct byte_buffer *recording, const struct byte_buffer *items,
                       int level) __attribute__((warn_unused_result));

/* What the file itself says about records that the disk had no room for, as an item for it; nothing
 * when there are none. */
int trace_volume_loss_append(const struct trace_volume *volume, struct byte_buffer *items,
                             uint32_t *count) __attribute__((warn_unused_result));

/* Write index and end, close the descriptor. The first error of these; where the end cannot be
 * written it is written once more, in the index's place. */
int trace_volume_end(struct trace_volume *volume, struct block_encoder *encoder)
    __attribute__((warn_unused_result));

#endif
