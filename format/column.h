/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns: one field of many records, packed so that zstd has little left to do.
 *
 * A column of numbers is one byte that names its encoding, then (docs/FORMAT.md has it exactly):
 *     CONST   one value for all
 *     PLANES  the bytes that vary, each position in a plane of its own; the others once
 *     DELTA   the first value, then differences to the one before, zigzag, as a CONST or PLANES
 *     DICT    the distinct values, then for each element which one, both as columns without DICT
 * A column of strings is either all lengths, then all bytes; or a dictionary of strings. The writer
 * chooses by a sample, per block and column; every choice decodes to the same values.
 */
#ifndef ADATRACE_FORMAT_COLUMN_H
#define ADATRACE_FORMAT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/byte_buffer.h"
#include "format/dictionary.h"

enum column_encoding {
    COLUMN_CONST = 0,
    COLUMN_PLANES = 1,
    COLUMN_DELTA = 2,
    COLUMN_DICT = 3,
    COLUMN_TEXT = 4,
    COLUMN_TEXT_DICT = 5,
};

enum { COLUMN_DICT_MAX = 65536 /* entries */, COLUMN_DICT_BYTE_MAX = 256 /* for 1-byte indexes */ };

/* ---- encoding ---- */

/* Scratch memory of the encoder, used again for every column. Belongs to one thread at a time. */
struct column_encoder {
    size_t capacity;   /* elements that each of the arrays below has room for */
    uint64_t *values;  /* for the caller: a column to encode, zero-extended */
    uint64_t *work;    /* differences, lengths */
    uint16_t *indexes; /* dictionary entry of each element, one byte or two */
    struct dictionary dictionary;
};

int column_encoder_init(struct column_encoder *encoder) __attribute__((warn_unused_result));
void column_encoder_fini(struct column_encoder *encoder);

/* Make room for `count` values. 0 or -ENOMEM. */
int column_encoder_reserve(struct column_encoder *encoder, size_t count)
    __attribute__((warn_unused_result));

/*
 * Append values[count], zero-extended, as a column of `width` bytes (1 to 8; count at least 1, room
 * for it reserved). With `distinct`, encoder->dictionary has the distinct values afterwards, with
 * the first and the last element that holds each, unless they are too many. 0 or -ENOMEM.
 */
int column_append(struct column_encoder *encoder, struct byte_buffer *out, const uint64_t *values,
                  uint32_t count, unsigned width, bool distinct)
    __attribute__((warn_unused_result));

/* Append how much each of values[count] is above the one before, the first 0, as a column of 8
 * bytes, CONST or PLANES: ticks are neither repetitive nor even. They never go back. */
int column_steps_append(struct column_encoder *encoder, struct byte_buffer *out,
                        const uint64_t *values, uint32_t count) __attribute__((warn_unused_result));

/* Append bytes[count] as a column of width 1, without the detour over values[]. */
int column_bytes_append(struct byte_buffer *out, const unsigned char *bytes, size_t count)
    __attribute__((warn_unused_result));

/* Append `count` strings that stand one after another in text[text_bytes]. 0 or -ENOMEM. */
int column_text_append(struct column_encoder *encoder, struct byte_buffer *out,
                       const uint32_t *lengths, uint32_t count, const unsigned char *text,
                       size_t text_bytes) __attribute__((warn_unused_result));

/* ---- decoding: untrusted ---- */

/* What is left of a block's content; `at` moves on as columns are taken. */
struct column_input {
    const unsigned char *at, *end;
};

struct column_decoder {
    size_t capacity;
    uint64_t *values; /* entries of a dictionary */
};

void column_decoder_fini(struct column_decoder *decoder); /* zero-initialised is ready for use */

/* Take a column of `count` numbers and write them packed into out[count * width]. 0, -EBADMSG,
 * -ENOMEM. */
int column_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                unsigned width, unsigned char *out) __attribute__((warn_unused_result));

/* Take a column of `count` strings: their bytes, at most `text_bytes_max`, are appended to `text`;
 * offsets[count + 1] says where each begins, counted from there. 0, -EBADMSG, -ENOMEM. */
int column_text_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                     uint32_t *offsets, struct byte_buffer *text, size_t text_bytes_max)
    __attribute__((warn_unused_result));

#endif
