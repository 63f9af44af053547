/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/block_encoder.h"

#define ROWS_ARE_NUMBERS (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/*
 * Content of a data block (docs/FORMAT.md):
 *     counts and first ticks; a table of the runs; gaps; which run each record belongs to; tick
 *     differences; then run by run its columns in the order of the type's fields.
 */

/* ---- parts in front of the columns ---- */

static void gap_put(unsigned char *out, const struct draft_gap *gap)
{
    le32_store(out, gap->position);
    le32_store(out + 4, gap->gap.kind);
    le64_store(out + 8, gap->gap.first_ticks);
    le64_store(out + 16, gap->gap.last_ticks);
    le64_store(out + 24, gap->gap.records);
    le64_store(out + 32, gap->gap.bytes);
}

static int front_append(const struct draft *d, struct byte_buffer *out)
{
    size_t bytes = BLOCK_DATA_BYTES + (size_t)d->run_count * BLOCK_RUN_BYTES +
                   (size_t)d->gap_count * BLOCK_GAP_BYTES;
    unsigned char *at;

    if (byte_buffer_reserve(out, bytes) != 0)
        return -ENOMEM;
    at = out->bytes;
    le32_store(at, d->records);
    le32_store(at + 4, d->gap_count);
    le32_store(at + 8, d->run_count);
    le64_store(at + 12, d->records ? d->ticks[0] : 0);
    at += BLOCK_DATA_BYTES;
    for (uint32_t i = 0; i < d->run_count; i++, at += BLOCK_RUN_BYTES) {
        le32_store(at, d->stages[i]->type->number);
        le32_store(at + 4, d->stages[i]->records);
        le32_store(at + 8, 0); /* bytes of its columns: filled in when they are there */
    }
    for (uint32_t i = 0; i < d->gap_count; i++, at += BLOCK_GAP_BYTES)
        gap_put(at, &d->gaps[i]);
    out->size = bytes;
    return 0;
}

static int ticks_append(struct block_encoder *e, const struct draft *d, struct byte_buffer *out)
{
    int status = column_encoder_reserve(&e->columns, d->records);

    return status ? status : column_steps_append(&e->columns, out, d->ticks, d->records);
}

/* ---- code addresses ---- */

/* Of a block with two runs: every place is written to both lists, and counts in one. */
static void positions_pair(uint32_t *first, uint32_t *second, const uint8_t *sequence,
                           uint32_t count)
{
    uint32_t of_first = 0;

    for (uint32_t i = 0; i < count; i++) {
        first[of_first] = i;
        second[i - of_first] = i;
        of_first += sequence[i] == 0;
    }
}

/* e->positions gets, run after run, the places of the runs' records in the block; behind each run
 * there is room for one more. */
static int positions_fill(struct block_encoder *e, const struct draft *d)
{
    size_t wanted = (size_t)d->records + d->run_count, before = 0;
    uint32_t *next[BLOCK_RUNS_MAX];
    bool needed = false;

    for (uint32_t i = 0; i < d->run_count; i++)
        needed |= d->stages[i]->type->has_code;
    if (!needed)
        return 0;
    if (e->position_capacity < wanted) {
        uint32_t *grown = realloc(e->positions, wanted * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        e->positions = grown;
        e->position_capacity = wanted;
    }
    for (uint32_t i = 0; i < d->run_count; i++) {
        next[i] = e->positions + before;
        before += (size_t)d->stages[i]->records + 1;
    }
    if (d->run_count == 2)
        positions_pair(next[0], next[1], d->sequence, d->records);
    else
        for (uint32_t i = 0; i < d->records; i++)
            *next[d->sequence[i]]++ = i;
    return 0;
}

/* values[count], the column that was just encoded, are code addresses. `positions` are those of its
 * run. Out of memory costs a symbol, not the block. */
static void addresses_note(struct block_encoder *e, const struct draft *d, const uint64_t *values,
                           const uint32_t *positions, uint32_t count, uint32_t per_record)
{
    const struct dictionary *distinct = &e->columns.dictionary;

    for (uint32_t i = 0; i < distinct->count; i++)
        block_address_add(e, distinct->values[i],
                          d->ticks[positions[distinct->first[i] / per_record]],
                          d->ticks[positions[distinct->last[i] / per_record]]);
    if (distinct->count)
        return;
    for (uint32_t i = 0; i < count; i++) { /* too many for the dictionary */
        uint64_t ticks = d->ticks[positions[i / per_record]];

        block_address_add(e, values[i], ticks, ticks);
    }
}

/* ---- columns ---- */

/* The elements of a field, widened, all records after one another. Where the row is one number that
 * needs no widening, the rows are the column; else they are gathered into out[]. */
static const uint64_t *field_values(const struct stage *stage, const struct ada_field *field,
                                    size_t offset, uint64_t *restrict out)
{
    size_t row_bytes = (size_t)stage->row_words * 8;
    uint64_t mask = ~UINT64_C(0) >> (64 - 8 * field->width);
    const unsigned char *row = stage->rows + offset;
    uint64_t *next = out;

    if (ROWS_ARE_NUMBERS && stage->row_words == field->count && field->width == 8)
        return (const uint64_t *)(const void *)stage->rows;
    for (uint32_t i = 0; i < stage->records; i++, row += row_bytes)
        for (uint32_t e = 0; e < field->count; e++)
            *next++ = le64_load(row + e * field->width) & mask;
    return out;
}

static void field_gather_bytes(const struct stage *stage, const struct ada_field *field,
                               size_t offset, unsigned char *restrict out)
{
    size_t row_bytes = (size_t)stage->row_words * 8;
    const unsigned char *row = stage->rows + offset;

    for (uint32_t i = 0; i < stage->records; i++, row += row_bytes, out += field->count)
        memcpy(out, row, field->count);
}

static int field_append(struct block_encoder *e, const struct draft *d, const struct stage *stage,
                        const struct ada_field *field, size_t offset, const uint32_t *positions,
                        struct byte_buffer *out)
{
    struct column_encoder *encoder = &e->columns;
    uint32_t count = stage->records * field->count;
    bool is_code = field->kind == ADA_KIND_CODE;
    const uint64_t *values;
    int status = column_encoder_reserve(encoder, count);

    if (status != 0)
        return status;
    if (field->width == 1 && !is_code) {
        unsigned char *bytes = (unsigned char *)encoder->work;

        field_gather_bytes(stage, field, offset, bytes);
        return column_bytes_append(out, bytes, count);
    }
    values = field_values(stage, field, offset, encoder->values);
    status = column_append(encoder, out, values, count, field->width, is_code);
    if (status == 0 && is_code)
        addresses_note(e, d, values, positions, count, field->count);
    return status;
}

static int run_append(struct block_encoder *e, const struct draft *d, const struct stage *stage,
                      const uint32_t *positions, struct byte_buffer *out)
{
    const struct schema *schema = &stage->type->owned.schema;
    struct stage_text *text = stage->texts;
    size_t offset = 0;
    int status = 0;

    for (unsigned i = 0; i < schema->field_count && status == 0; i++) {
        const struct ada_field *field = &schema->fields[i];

        if (field->width) {
            status = field_append(e, d, stage, field, offset, positions, out);
            offset += (size_t)field->width * field->count;
        } else {
            status = column_text_append(&e->columns, out, text->lengths, stage->records,
                                        text->bytes.bytes, text->bytes.size);
            text++;
        }
    }
    return status;
}

static int runs_append(struct block_encoder *e, const struct draft *d, struct byte_buffer *out)
{
    const uint32_t *positions = e->positions; /* NULL when no run has code addresses */
    int status = 0;

    for (uint32_t i = 0; i < d->run_count && status == 0; i++) {
        size_t start = out->size;

        status = run_append(e, d, d->stages[i], positions, out);
        le32_store(out->bytes + BLOCK_DATA_BYTES + i * BLOCK_RUN_BYTES + 8,
                   (uint32_t)(out->size - start));
        positions = positions ? positions + d->stages[i]->records + 1 : NULL;
    }
    return status;
}

int block_content_build(struct block_encoder *e, const struct draft *d)
{
    struct byte_buffer *out = &e->content;
    int status;

    out->size = 0;
    e->address_count = 0;
    status = front_append(d, out);
    if (status == 0 && d->run_count > 1)
        status = column_bytes_append(out, d->sequence, d->records);
    if (status == 0 && d->records)
        status = ticks_append(e, d, out);
    if (status == 0)
        status = positions_fill(e, d);
    return status ? status : runs_append(e, d, out);
}

/* ---- what the header says ---- */

struct block_header block_header_of(const struct draft *d, uint32_t thread)
{
    struct block_header header = {
        .kind = BLOCK_DATA,
        .thread = thread,
        .records = d->records,
        .gaps = d->gap_count,
        .first_ticks = d->records ? d->ticks[0] : UINT64_MAX,
        .last_ticks = d->records ? d->ticks[d->records - 1] : 0,
    };

    for (uint32_t i = 0; i < d->gap_count; i++) {
        const struct trace_gap *gap = &d->gaps[i].gap;

        if (gap->first_ticks < header.first_ticks)
            header.first_ticks = gap->first_ticks;
        if (gap->last_ticks > header.last_ticks)
            header.last_ticks = gap->last_ticks;
    }
    return header;
}

uint64_t block_ring_bytes(const struct draft *d)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < d->run_count; i++) {
        const struct stage *stage = d->stages[i];

        bytes += (uint64_t)stage->records * (8 + 8 * (uint64_t)stage->row_words);
        for (uint32_t t = 0; t < stage->type->variable_count; t++)
            bytes += stage->texts[t].bytes.size + 4 * (uint64_t)stage->records;
    }
    return bytes;
}
