/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the trace writer, shared by its source files only.
 *
 *     trace_writer.c   open, close, blocks onto the output
 *     writer_meta.c    metadata items, types, images
 *     stream.c         one thread's records, staged per event type
 *     stream_append.c  many of them at once
 *     stream_block.c   what is staged becomes the content of a data block
 *
 * A writer and its streams belong to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_WRITER_STATE_H
#define ADATRACE_FORMAT_WRITER_STATE_H

#include <stdbool.h>

#include "base/schema.h"
#include "format/address_set.h"
#include "format/block_header.h"
#include "format/column.h"
#include "format/frame.h"
#include "format/items.h"
#include "format/number_map.h"
#include "format/trace_index.h"
#include "format/trace_output.h"
#include "format/trace_writer.h"

/* An event type as the file knows it: images that declare the same schema share one. */
struct writer_type {
    struct schema_owned owned;
    uint32_t number;         /* in the file, from 1 */
    uint32_t fixed_bytes;    /* of a payload */
    uint32_t variable_count; /* strings and bytes after them */
    bool has_code;           /* some field is a code address */
    unsigned char *bytes;    /* encoded schema, to tell equal ones */
    size_t size;
};

/* What an exec'd image declared: ids of its event types, addresses of its code. */
struct writer_image {
    uint64_t image;
    struct writer_type **type_of_id;
    uint32_t id_count;
    struct address_set addresses;
};

struct trace_writer {
    struct trace_output output;
    struct frame_compressor *compressor;
    int level;
    uint32_t block_records; /* at most, in one data block */
    uint32_t recording;     /* random, in every block header */
    int error;              /* the first output error; sticks */
    uint64_t sequence;
    struct trace_writer_stats stats;
    struct trace_index index;

    struct byte_buffer meta; /* items that are not in the file yet */
    uint32_t meta_items;
    bool meta_urgent; /* the next data block may refer to one of them */

    struct writer_type **types;
    size_t type_count, type_capacity;
    struct number_map type_of_hash;
    struct writer_image **images;
    size_t image_count, image_capacity;
    struct number_map image_of_number;   /* image -> place in images */
    struct number_map image_of_process;  /* process -> place in images */
    struct number_map process_of_thread; /* thread -> process */

    struct trace_stream *streams; /* doubly linked */

    /* Scratch of the block that is being built. */
    struct column_encoder encoder;
    struct byte_buffer content, block;
    uint32_t *positions;
    size_t position_capacity;
};

/*
 * Make content[content_bytes] a block and write it. `header` brings kind, thread, records, gaps and
 * ticks; the rest is filled in. `last` may use the room kept for the end of the file. 0, -ENOMEM,
 * or the output's error, which then sticks.
 */
int writer_block_write(struct trace_writer *w, struct block_header *header, const void *content,
                       size_t content_bytes, int level, bool last)
    __attribute__((warn_unused_result));

/* Write waiting metadata. */
int writer_meta_flush(struct trace_writer *w, bool last) __attribute__((warn_unused_result));

/* The image that a thread's process runs, or NULL. */
struct writer_image *writer_image_of_thread(const struct trace_writer *w, uint32_t thread);

/* Release what writer_meta.c holds. */
void writer_meta_free(struct trace_writer *w);

/* ---- streams ---- */

/* One variable-length field, staged. */
struct stage_text {
    uint32_t *lengths;
    uint32_t capacity;
    struct byte_buffer bytes;
};

/* Records of one event type in the block being staged: fixed-width fields as rows of whole 8-byte
 * words, each variable field by itself. */
struct stage {
    uint32_t records, capacity;
    size_t plain_bytes; /* size of a padded payload for the fast path; SIZE_MAX: has strings */
    uint32_t row_words;
    uint32_t place; /* which run of the block this is; meaningful when records > 0 */
    unsigned char *rows;
    struct stage_text *texts; /* [type->variable_count] */
    struct writer_type *type;
};

struct trace_stream {
    /* Touched for every record. */
    struct stage **stage_of_id;
    uint32_t id_count;
    uint32_t records, room; /* staged; `room` is 0 when the slow path has to look */
    uint64_t last_ticks;
    uint64_t *ticks;
    uint8_t *sequence; /* run of each record */

    uint32_t capacity; /* of ticks and sequence */
    size_t staged_bytes;
    uint32_t thread;
    struct writer_image *image;
    struct trace_writer *writer;
    struct trace_stream *next, *previous;
    struct stage *runs[BLOCK_RUNS_MAX]; /* of this block, in order of appearance */
    uint32_t run_count;
    struct stream_gap *gaps;
    uint32_t gap_count, gap_capacity;
    uint64_t stored; /* records in finished blocks */
};

struct stream_gap {
    uint32_t position; /* before which record of the block */
    struct trace_gap gap;
};

/* Take the stream out of its writer and free it; what is staged is gone. */
void stream_free(struct trace_stream *s);

/* Build and write the block of what is staged; stages are empty afterwards, also on failure. */
int stream_block_write(struct trace_stream *s) __attribute__((warn_unused_result));

#endif
