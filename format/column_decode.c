/* SPDX-License-Identifier: Apache-2.0 */
#include "format/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

/* Elements are unpacked a chunk at a time, in the first-level cache: no scratch as large as the
 * column, whatever an enemy's column claims to be. */
enum { CHUNK = 1024 };

void column_decoder_fini(struct column_decoder *decoder)
{
    free(decoder->values);
    memset(decoder, 0, sizeof(*decoder));
}

static const unsigned char *input_take(struct column_input *in, uint64_t size)
{
    const unsigned char *at = in->at;

    if ((uint64_t)(in->end - in->at) < size)
        return NULL;
    in->at += size;
    return at;
}

/* ---- CONST and PLANES ---- */

struct plain {
    unsigned width, varying;
    uint64_t rest;
    const unsigned char *planes;
    size_t count;
};

static int plain_take(struct column_input *in, uint32_t count, unsigned width, struct plain *plain)
{
    const unsigned char *encoding = input_take(in, 1), *at = NULL;

    if (!encoding || *encoding > COLUMN_PLANES)
        return -EBADMSG;
    *plain = (struct plain){.width = width, .count = count};
    if (*encoding == COLUMN_PLANES) {
        at = input_take(in, 1);
        if (!at || *at >> width)
            return -EBADMSG;
        plain->varying = *at;
    }
    at = input_take(in, width);
    if (!at)
        return -EBADMSG;
    plain->rest = le_load(at, width);
    for (unsigned b = 0; b < width; b++)
        if (plain->varying >> b & 1)
            plain->rest &= ~(UINT64_C(0xFF) << (8 * b));
    plain->planes = input_take(in, (uint64_t)__builtin_popcount(plain->varying) * count);
    return plain->planes ? 0 : -EBADMSG;
}

static void rest_fill(uint64_t *out, uint64_t rest, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = rest;
}

static void plane_first(uint64_t *restrict out, uint64_t rest, const unsigned char *restrict plane,
                        uint32_t count, unsigned shift)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = rest | (uint64_t)plane[i] << shift;
}

static void plane_add(uint64_t *restrict out, const unsigned char *restrict plane, uint32_t count,
                      unsigned shift)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] |= (uint64_t)plane[i] << shift;
}

static void plain_load(const struct plain *plain, size_t from, uint32_t count, uint64_t *out)
{
    const unsigned char *plane = plain->planes + from;
    bool first = true;

    for (unsigned b = 0; b < plain->width; b++) {
        if (!(plain->varying >> b & 1))
            continue;
        if (first)
            plane_first(out, plain->rest, plane, count, 8 * b);
        else
            plane_add(out, plane, count, 8 * b);
        first = false;
        plane += plain->count;
    }
    if (first)
        rest_fill(out, plain->rest, count);
}

/* ---- all encodings of numbers, chunk by chunk ---- */

struct source {
    enum column_encoding encoding;
    struct plain plain;      /* the elements, differences or indexes */
    uint64_t previous;       /* DELTA; bytes above the width are never looked at */
    const uint64_t *entries; /* DICT */
    uint32_t entry_count;
};

static int entries_reserve(struct column_decoder *decoder, size_t count)
{
    uint64_t *grown;

    if (count <= decoder->capacity)
        return 0;
    grown = realloc(decoder->values, count * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    decoder->values = grown;
    decoder->capacity = count;
    return 0;
}

static unsigned index_width(uint32_t entries)
{
    return entries <= COLUMN_DICT_BYTE_MAX ? 1 : 2;
}

static int dict_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                     unsigned width, struct source *source)
{
    const unsigned char *at = input_take(in, 4);
    struct plain entries;
    int status;

    source->entry_count = at ? le32_load(at) : 0;
    if (source->entry_count == 0 || source->entry_count > COLUMN_DICT_MAX)
        return -EBADMSG;
    status = plain_take(in, source->entry_count, width, &entries);
    if (status == 0)
        status = entries_reserve(decoder, source->entry_count);
    if (status != 0)
        return status;
    plain_load(&entries, 0, source->entry_count, decoder->values);
    source->entries = decoder->values;
    return plain_take(in, count, index_width(source->entry_count), &source->plain);
}

static int source_open(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                       unsigned width, struct source *source)
{
    const unsigned char *at;

    *source = (struct source){0};
    if (in->at == in->end)
        return -EBADMSG;
    source->encoding = *in->at;
    switch (source->encoding) {
    case COLUMN_CONST:
    case COLUMN_PLANES:
        return plain_take(in, count, width, &source->plain);
    case COLUMN_DELTA:
        at = input_take(in, 1 + (uint64_t)width);
        if (!at)
            return -EBADMSG;
        source->previous = le_load(at + 1, width);
        return plain_take(in, count, width, &source->plain);
    case COLUMN_DICT:
        in->at++;
        return dict_take(decoder, in, count, width, source);
    default:
        return -EBADMSG;
    }
}

static int source_load(struct source *source, size_t from, uint32_t count, uint64_t *out)
{
    uint64_t greatest = 0;

    plain_load(&source->plain, from, count, out);
    if (source->encoding == COLUMN_DELTA) {
        for (uint32_t i = 0; i < count; i++) {
            source->previous += (out[i] >> 1) ^ (0 - (out[i] & 1));
            out[i] = source->previous;
        }
    } else if (source->encoding == COLUMN_DICT) {
        for (uint32_t i = 0; i < count; i++)
            greatest = out[i] > greatest ? out[i] : greatest;
        if (greatest >= source->entry_count)
            return -EBADMSG;
        for (uint32_t i = 0; i < count; i++)
            out[i] = source->entries[out[i]];
    }
    return 0;
}

/* Widths without a store of their own: a whole word each, of which the next element overwrites what
 * is too much; only the last must not write too far. */
static void pack_odd(unsigned char *out, const uint64_t *values, uint32_t count, unsigned width)
{
    for (uint32_t i = 0; i + sizeof(*values) <= count; i++)
        le64_store(out + width * (size_t)i, values[i]);
    for (uint32_t i = count < sizeof(*values) ? 0 : count - (uint32_t)sizeof(*values) + 1;
         i < count; i++)
        le_store(out + width * (size_t)i, values[i], width);
}

static void pack(unsigned char *out, const uint64_t *values, uint32_t count, unsigned width)
{
    switch (width) {
    case 1:
        for (uint32_t i = 0; i < count; i++)
            out[i] = (unsigned char)values[i];
        break;
    case 2:
        for (uint32_t i = 0; i < count; i++)
            le16_store(out + 2 * (size_t)i, (uint16_t)values[i]);
        break;
    case 4:
        for (uint32_t i = 0; i < count; i++)
            le32_store(out + 4 * (size_t)i, (uint32_t)values[i]);
        break;
    case 6: /* addresses: the constant makes it a loop of plain stores */
        pack_odd(out, values, count, 6);
        break;
    case 8:
        for (uint32_t i = 0; i < count; i++)
            le64_store(out + 8 * (size_t)i, values[i]);
        break;
    default:
        pack_odd(out, values, count, width);
    }
}

int column_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                unsigned width, unsigned char *out)
{
    uint64_t values[CHUNK];
    struct source source;
    int status = source_open(decoder, in, count, width, &source);

    if (status == 0 && width == 1 && source.encoding == COLUMN_PLANES && source.plain.varying) {
        memcpy(out, source.plain.planes, count);
        return 0;
    }
    for (size_t done = 0; done < count && status == 0; done += CHUNK) {
        uint32_t part = count - done < CHUNK ? (uint32_t)(count - done) : CHUNK;

        status = source_load(&source, done, part, values);
        if (status == 0)
            pack(out + done * width, values, part, width);
    }
    return status;
}

/* ---- strings ---- */

/* offsets[count + 1] from a column of lengths; their sum is bounded by `limit`. */
static int offsets_take(struct column_input *in, uint32_t count, uint64_t limit, uint32_t *offsets)
{
    uint64_t values[CHUNK], sum = 0;
    struct plain lengths;
    int status = plain_take(in, count, 4, &lengths);

    offsets[0] = 0;
    for (size_t done = 0; done < count && status == 0; done += CHUNK) {
        uint32_t part = count - done < CHUNK ? (uint32_t)(count - done) : CHUNK;

        plain_load(&lengths, done, part, values);
        for (uint32_t i = 0; i < part; i++) {
            sum += values[i];
            if (sum > limit)
                return -EBADMSG;
            offsets[done + i + 1] = (uint32_t)sum;
        }
    }
    return status;
}

static int text_take(struct column_input *in, uint32_t count, uint32_t *offsets,
                     struct byte_buffer *text, size_t limit)
{
    const unsigned char *bytes;
    int status = offsets_take(in, count, limit, offsets);

    if (status != 0)
        return status;
    bytes = input_take(in, offsets[count]);
    return bytes ? byte_buffer_append(text, bytes, offsets[count]) : -EBADMSG;
}

/* Which entry each string is, put where its offset will be, and how long all are together. */
static int indexes_take(struct column_input *in, uint32_t count, const uint32_t *entries,
                        uint32_t entry_count, size_t limit, uint32_t *indexes, size_t *total)
{
    uint64_t values[CHUNK], sum = 0;
    struct plain plain;
    int status = plain_take(in, count, index_width(entry_count), &plain);

    for (size_t done = 0; done < count && status == 0; done += CHUNK) {
        uint32_t part = count - done < CHUNK ? (uint32_t)(count - done) : CHUNK;

        plain_load(&plain, done, part, values);
        for (uint32_t i = 0; i < part; i++) {
            if (values[i] >= entry_count)
                return -EBADMSG;
            indexes[done + i] = (uint32_t)values[i];
            sum += entries[values[i] + 1] - entries[values[i]];
            if (sum > limit)
                return -EBADMSG;
        }
    }
    *total = sum;
    return status;
}

static void entries_expand(const uint32_t *entries, const unsigned char *bytes, uint32_t count,
                           uint32_t *offsets, struct byte_buffer *text, size_t start)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry = offsets[i], length = entries[entry + 1] - entries[entry];

        offsets[i] = (uint32_t)(text->size - start);
        if (length)
            memcpy(text->bytes + text->size, bytes + entries[entry], length);
        text->size += length;
    }
    offsets[count] = (uint32_t)(text->size - start);
}

static int text_dict_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                          uint32_t *offsets, struct byte_buffer *text, size_t limit)
{
    const unsigned char *at = input_take(in, 4), *bytes;
    uint32_t entry_count = at ? le32_load(at) : 0, *entries;
    size_t total;
    int status;

    if (entry_count == 0 || entry_count > COLUMN_DICT_MAX)
        return -EBADMSG;
    status = entries_reserve(decoder, (size_t)entry_count + 1);
    if (status != 0)
        return status;
    entries = (uint32_t *)decoder->values;
    status = offsets_take(in, entry_count, (uint64_t)(in->end - in->at), entries);
    if (status != 0)
        return status;
    bytes = input_take(in, entries[entry_count]);
    if (!bytes)
        return -EBADMSG;
    status = indexes_take(in, count, entries, entry_count, limit, offsets, &total);
    if (status == 0)
        status = byte_buffer_reserve(text, total);
    if (status != 0)
        return status;
    entries_expand(entries, bytes, count, offsets, text, text->size);
    return 0;
}

int column_text_take(struct column_decoder *decoder, struct column_input *in, uint32_t count,
                     uint32_t *offsets, struct byte_buffer *text, size_t text_bytes_max)
{
    const unsigned char *encoding = input_take(in, 1);

    if (!encoding)
        return -EBADMSG;
    if (*encoding == COLUMN_TEXT)
        return text_take(in, count, offsets, text, text_bytes_max);
    if (*encoding == COLUMN_TEXT_DICT)
        return text_dict_take(decoder, in, count, offsets, text, text_bytes_max);
    return -EBADMSG;
}
