/* SPDX-License-Identifier: Apache-2.0 */
#include "format/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/byte_planes.h"

enum {
    SAMPLE = 256,
    DICT_LARGE_FROM = 2048, /* elements: below, two-byte indexes are not worth a large table */
};

int column_encoder_init(struct column_encoder *encoder)
{
    memset(encoder, 0, sizeof(*encoder));
    return dictionary_init(&encoder->dictionary);
}

void column_encoder_fini(struct column_encoder *encoder)
{
    free(encoder->values);
    free(encoder->work);
    free(encoder->indexes);
    dictionary_fini(&encoder->dictionary);
}

static int array_grow(void **array, size_t count, size_t element)
{
    void *grown = realloc(*array, count * element);

    if (!grown)
        return -ENOMEM;
    *array = grown;
    return 0;
}

int column_encoder_reserve(struct column_encoder *encoder, size_t count)
{
    if (count <= encoder->capacity)
        return 0;
    encoder->capacity = 0;
    if (array_grow((void **)&encoder->values, count, sizeof(uint64_t)) != 0 ||
        array_grow((void **)&encoder->work, count, sizeof(uint64_t)) != 0 ||
        array_grow((void **)&encoder->indexes, count, sizeof(uint16_t)) != 0)
        return -ENOMEM;
    encoder->capacity = count;
    return 0;
}

/* ---- CONST and PLANES ---- */

/* `bytes` is the size of a number in values[], 4 or 8; `varying` are the bytes that differ. */
static int planes_append(struct byte_buffer *out, const void *values, uint32_t count,
                         unsigned width, unsigned varying, unsigned bytes)
{
    size_t planes = (size_t)__builtin_popcount(varying);
    uint64_t constant =
        bytes == sizeof(uint64_t) ? *(const uint64_t *)values : *(const uint32_t *)values;
    unsigned char *at;

    if (byte_buffer_reserve(out, 2 + width + planes * count) != 0)
        return -ENOMEM;
    at = out->bytes + out->size;
    *at++ = varying ? COLUMN_PLANES : COLUMN_CONST;
    if (varying)
        *at++ = (unsigned char)varying;
    for (unsigned b = 0; b < width; b++)
        if (varying >> b & 1)
            constant &= ~(UINT64_C(0xFF) << (8 * b));
    le_store(at, constant, width);
    at = planes_put(at + width, values, count, varying, bytes);
    out->size = (size_t)(at - out->bytes);
    return 0;
}

static int numbers_append(struct byte_buffer *out, const uint64_t *values, uint32_t count,
                          unsigned width)
{
    return planes_append(out, values, count, width, planes_varying(values, count), sizeof(*values));
}

int column_steps_append(struct column_encoder *encoder, struct byte_buffer *out,
                        const uint64_t *values, uint32_t count)
{
    uint64_t *wide = encoder->work, any = 0;
    uint32_t *narrow = (uint32_t *)encoder->values;

    narrow[0] = 0;
    for (uint32_t i = 1; i < count; i++) {
        uint64_t step = values[i] - values[i - 1];

        any |= step;
        narrow[i] = (uint32_t)step;
    }
    if (any <= UINT32_MAX)
        return planes_append(out, narrow, count, 8, planes_of(any), sizeof(*narrow));
    wide[0] = 0;
    for (uint32_t i = 1; i < count; i++)
        wide[i] = values[i] - values[i - 1];
    return planes_append(out, wide, count, 8, planes_of(any), sizeof(*wide));
}

int column_bytes_append(struct byte_buffer *out, const unsigned char *bytes, size_t count)
{
    static const unsigned char planes_head[] = {COLUMN_PLANES, 1, 0};
    unsigned char const_column[] = {COLUMN_CONST, bytes[0]};

    if (count == 1 || memcmp(bytes, bytes + 1, count - 1) == 0)
        return byte_buffer_append(out, const_column, sizeof(const_column));
    if (byte_buffer_reserve(out, sizeof(planes_head) + count) != 0)
        return -ENOMEM;
    memcpy(out->bytes + out->size, planes_head, sizeof(planes_head));
    memcpy(out->bytes + out->size + sizeof(planes_head), bytes, count);
    out->size += sizeof(planes_head) + count;
    return 0;
}

/* ---- DELTA ---- */

/* Difference as a signed number of `width` bytes, small magnitudes made small numbers. */
static uint64_t zigzag(uint64_t from, uint64_t to, unsigned width)
{
    unsigned unused = 64 - 8 * width;
    uint64_t difference = (to - from) << unused;
    uint64_t sign = 0 - (difference >> 63);

    return (difference << 1 ^ sign << unused) >> unused;
}

static int delta_append(struct column_encoder *encoder, struct byte_buffer *out,
                        const uint64_t *values, uint32_t count, unsigned width)
{
    uint64_t *work = encoder->work;
    unsigned char head[9] = {COLUMN_DELTA};
    int status;

    le_store(head + 1, values[0], width);
    status = byte_buffer_append(out, head, 1 + width);
    if (status != 0)
        return status;
    work[0] = 0;
    for (uint32_t i = 1; i < count; i++)
        work[i] = zigzag(values[i - 1], values[i], width);
    return numbers_append(out, work, count, width);
}

/* ---- DICT ---- */

static unsigned index_width(uint32_t entries)
{
    return entries <= COLUMN_DICT_BYTE_MAX ? 1 : 2;
}

static bool dictionary_fill(struct column_encoder *encoder, const uint64_t *values, uint32_t count)
{
    struct dictionary *d = &encoder->dictionary;

    return dictionary_build_small(d, values, count, (uint8_t *)encoder->indexes) ||
           (count >= DICT_LARGE_FROM && dictionary_build_large(d, values, count, encoder->indexes));
}

static int indexes_append(struct column_encoder *encoder, struct byte_buffer *out, uint32_t count,
                          uint32_t entries)
{
    uint64_t *work = encoder->work;

    if (index_width(entries) == 1)
        return column_bytes_append(out, (const unsigned char *)encoder->indexes, count);
    for (uint32_t i = 0; i < count; i++)
        work[i] = encoder->indexes[i];
    return numbers_append(out, work, count, 2);
}

static int dict_append(struct column_encoder *encoder, struct byte_buffer *out, uint32_t count,
                       unsigned width)
{
    const struct dictionary *d = &encoder->dictionary;
    unsigned char head[5] = {COLUMN_DICT};
    int status;

    le32_store(head + 1, d->count);
    status = byte_buffer_append(out, head, sizeof(head));
    if (status == 0)
        status = numbers_append(out, d->values, d->count, width);
    return status ? status : indexes_append(encoder, out, count, d->count);
}

/* ---- choice ---- */

struct sample {
    unsigned distinct;    /* of `taken` */
    unsigned taken;       /* elements looked at */
    unsigned delta_bytes; /* significant bytes of the differences at them, summed */
};

static void sample_take(const uint64_t *values, uint32_t count, unsigned width, struct sample *s)
{
    uint64_t seen[2 * SAMPLE];
    bool used[2 * SAMPLE] = {false};
    uint32_t step = count > SAMPLE ? count / SAMPLE : 1;

    memset(s, 0, sizeof(*s));
    for (uint32_t i = 1; i < count && s->taken < SAMPLE; i += step, s->taken++) {
        uint64_t delta = zigzag(values[i - 1], values[i], width);
        uint32_t slot = dictionary_hash(values[i], 9);

        s->delta_bytes += delta ? 8 - (unsigned)__builtin_clzll(delta) / 8 : 0;
        while (used[slot] && seen[slot] != values[i])
            slot = (slot + 1) % (2 * SAMPLE);
        s->distinct += !used[slot];
        used[slot] = true;
        seen[slot] = values[i];
    }
}

/* Is a dictionary of `entries` smaller than the planes? */
static bool dict_pays(uint32_t entries, uint32_t count, size_t planes)
{
    return entries * planes + (size_t)count * index_width(entries) < planes * count;
}

/* Code addresses: a dictionary without asking, because the distinct ones are wanted anyhow. */
static int code_append(struct column_encoder *encoder, struct byte_buffer *out,
                       const uint64_t *values, uint32_t count, unsigned width, bool *done)
{
    struct dictionary *d = &encoder->dictionary;

    *done = false;
    if (!dictionary_fill(encoder, values, count))
        return 0;
    dictionary_find_last(d, encoder->indexes, count, index_width(d->count));
    /* What varies in the values varies in the distinct ones. */
    if (!dict_pays(d->count, count,
                   (size_t)__builtin_popcount(planes_varying(d->values, d->count))))
        return 0;
    *done = true;
    return dict_append(encoder, out, count, width);
}

int column_append(struct column_encoder *encoder, struct byte_buffer *out, const uint64_t *values,
                  uint32_t count, unsigned width, bool distinct)
{
    struct dictionary *d = &encoder->dictionary;
    struct sample sample;
    unsigned varying;
    size_t planes;

    d->count = 0;
    if (distinct) {
        bool done;
        int status = code_append(encoder, out, values, count, width, &done);

        if (status != 0 || done)
            return status;
    }
    varying = planes_varying(values, count);
    planes = (size_t)__builtin_popcount(varying);
    if (planes <= 1)
        return planes_append(out, values, count, width, varying, sizeof(*values));
    sample_take(values, count, width, &sample);
    if (!distinct && sample.distinct <= sample.taken / 2 &&
        dictionary_fill(encoder, values, count) && dict_pays(d->count, count, planes))
        return dict_append(encoder, out, count, width);
    if (sample.delta_bytes * 4 <= planes * sample.taken * 3)
        return delta_append(encoder, out, values, count, width);
    return planes_append(out, values, count, width, varying, sizeof(*values));
}

/* ---- strings ---- */

#define HASH_FACTOR UINT64_C(0xD6E8FEB86659FD93)

static uint64_t fold(uint64_t hash)
{
    return hash ^ hash >> 32;
}

static uint64_t text_hash(const unsigned char *text, uint32_t length)
{
    uint64_t hash = length;

    for (; length >= 8; length -= 8, text += 8)
        hash = fold((hash ^ le64_load(text)) * HASH_FACTOR);
    return (hash ^ (length ? le_load(text, length) : 0)) * HASH_FACTOR;
}

/* Like dictionary_build(), over strings; values[] holds where an entry's text begins, first[] its
 * length. */
static bool text_dictionary_build(struct column_encoder *encoder, const uint32_t *lengths,
                                  uint32_t count, const unsigned char *text)
{
    struct dictionary *d = &encoder->dictionary;
    uint32_t mask = (1u << DICTIONARY_LARGE_BITS) - 1, limit = count / 2;
    uint64_t begin = 0;

    d->count = 0;
    memset(d->large_slots, 0, sizeof(uint16_t) << DICTIONARY_LARGE_BITS);
    for (uint32_t i = 0; i < count; begin += lengths[i++]) {
        uint32_t slot = dictionary_hash(text_hash(text + begin, lengths[i]), DICTIONARY_LARGE_BITS),
                 entry;

        while ((entry = d->large_slots[slot]) &&
               (d->first[entry - 1] != lengths[i] ||
                memcmp(text + d->values[entry - 1], text + begin, lengths[i]) != 0))
            slot = (slot + 1) & mask;
        if (!entry) {
            if (d->count == limit || d->count == DICTIONARY_MAX) {
                d->count = 0;
                return false;
            }
            entry = ++d->count;
            d->large_slots[slot] = (uint16_t)entry;
            d->values[entry - 1] = begin;
            d->first[entry - 1] = lengths[i];
        }
        encoder->indexes[i] = (uint16_t)(entry - 1);
    }
    return true;
}

static int lengths_append(struct column_encoder *encoder, struct byte_buffer *out,
                          const uint32_t *lengths, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        encoder->work[i] = lengths[i];
    return numbers_append(out, encoder->work, count, 4);
}

/* Built as two bytes each, because nobody knew how many entries there would be. */
static void indexes_narrow(struct column_encoder *encoder, uint32_t count)
{
    uint8_t *narrow = (uint8_t *)encoder->indexes;

    for (uint32_t i = 0; i < count; i++)
        narrow[i] = (uint8_t)encoder->indexes[i];
}

static int text_dict_append(struct column_encoder *encoder, struct byte_buffer *out, uint32_t count,
                            const unsigned char *text)
{
    const struct dictionary *d = &encoder->dictionary;
    unsigned char head[5] = {COLUMN_TEXT_DICT};
    int status;

    if (index_width(d->count) == 1)
        indexes_narrow(encoder, count);
    le32_store(head + 1, d->count);
    status = byte_buffer_append(out, head, sizeof(head));
    if (status == 0)
        status = lengths_append(encoder, out, d->first, d->count);
    for (uint32_t i = 0; i < d->count && status == 0; i++)
        status = byte_buffer_append(out, text + d->values[i], d->first[i]);
    return status ? status : indexes_append(encoder, out, count, d->count);
}

int column_text_append(struct column_encoder *encoder, struct byte_buffer *out,
                       const uint32_t *lengths, uint32_t count, const unsigned char *text,
                       size_t text_bytes)
{
    static const unsigned char head = COLUMN_TEXT;
    int status = column_encoder_reserve(encoder, count);

    if (status != 0)
        return status;
    if (text_bytes == 0)
        text = &head; /* all are empty: any address will do, but NULL would not */
    if (text_dictionary_build(encoder, lengths, count, text))
        return text_dict_append(encoder, out, count, text);
    status = byte_buffer_append(out, &head, sizeof(head));
    if (status == 0)
        status = lengths_append(encoder, out, lengths, count);
    return status ? status : byte_buffer_append(out, text, text_bytes);
}
