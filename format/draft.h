/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draft: the records of one thread that will be the next data block, staged per event type.
 *
 * A draft stands by itself, so that a block can be encoded while its thread's next records go into
 * another one. Inside of the trace writer. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_DRAFT_H
#define ADATRACE_FORMAT_DRAFT_H

#include <stdbool.h>

#include "base/schema.h"
#include "format/block_header.h"
#include "format/byte_buffer.h"
#include "format/trace_model.h"

enum { DRAFT_BYTES_MAX = 4 << 20 /* rows and strings of one, unless one record is larger */ };

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

/* One variable-length field, staged. */
struct stage_text {
    uint32_t *lengths;
    struct byte_buffer bytes;
};

/* Records of one event type: fixed-width fields as rows of whole 8-byte words, each variable field
 * by itself. Its memory serves one type after the other. */
struct stage {
    uint32_t records, capacity;
    size_t plain_bytes; /* size of a padded payload for the fast path; SIZE_MAX: has strings */
    uint32_t row_words;
    uint16_t place; /* which run of the block this is */
    uint16_t id;    /* what the records' program calls the type */
    unsigned char *rows;
    struct stage_text *texts; /* [text_count], of which the type has variable_count */
    const struct writer_type *type;
    size_t rows_bytes, lengths_bytes; /* what `rows` and each `lengths` have room for */
    uint32_t text_count;
};

struct draft {
    struct draft *next; /* of those that nobody uses */
    uint32_t records, capacity;
    uint64_t *ticks;
    uint8_t *sequence; /* run of each record */
    uint32_t run_count, stage_count;
    struct stage *stages[BLOCK_RUNS_MAX]; /* the first run_count are in use, in order */
    struct draft_gap {
        uint32_t position; /* before which record of the block */
        struct trace_gap gap;
    } * gaps;
    uint32_t gap_count, gap_capacity;
    size_t staged_bytes;  /* memory of all stages; of strings, what is there */
    size_t slack_bytes;   /* that strings have room for besides */
    size_t counted_bytes; /* what the writer counts for it */
};

struct draft *draft_create(void); /* or NULL */
void draft_free(struct draft *draft);

/* Forget the records, keep the memory. */
void draft_empty(struct draft *draft);
/* Give the stages' memory back; there are no records, gaps stay. */
void draft_trim(struct draft *draft);

/* The memory that it holds, all of it. */
size_t draft_bytes(const struct draft *draft);

/* Room for the strings of one more record of the stage. 0 or -ENOMEM. */
int draft_texts_reserve(struct draft *draft, struct stage *stage, const uint32_t *lengths)
    __attribute__((warn_unused_result));
/* One of them. */
void draft_text_put(struct draft *draft, struct stage_text *text, const void *bytes,
                    uint32_t length);

/* Make room for one more record, in steps, up to `limit`. 0 or -ENOMEM. */
int draft_grow(struct draft *draft, uint32_t limit) __attribute__((warn_unused_result));

/* Staging memory that one more record of this type asks for; `stage` NULL: it would be the first.
 */
size_t draft_growth(const struct draft *draft, const struct stage *stage,
                    const struct writer_type *type, size_t text_bytes);

/* A stage for a type that the block does not have yet; run_count is below BLOCK_RUNS_MAX. It counts
 * as a run with its first record. NULL: no memory. */
struct stage *draft_stage(struct draft *draft, const struct writer_type *type, uint16_t id)
    __attribute__((warn_unused_result));
/* Room for one more row of it. 0 or -ENOMEM. */
int draft_row_make(struct draft *draft, struct stage *stage) __attribute__((warn_unused_result));

int draft_gap_add(struct draft *draft, const struct trace_gap *gap)
    __attribute__((warn_unused_result));

#endif
