/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/writer_state.h"

#define ROWS_ARE_NUMBERS (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/*
 * Content of a data block (docs/FORMAT.md):
 *     counts and first ticks; a table of the runs; gaps; which run each record belongs to; tick
 *     differences; then run by run its columns in the order of the type's fields.
 */

/* ---- parts in front of the columns ---- */

static void gap_put(unsigned char *out, const struct stream_gap *gap)
{
    le32_store(out, gap->position);
    le32_store(out + 4, gap->gap.kind);
    le64_store(out + 8, gap->gap.first_ticks);
    le64_store(out + 16, gap->gap.last_ticks);
    le64_store(out + 24, gap->gap.records);
    le64_store(out + 32, gap->gap.bytes);
}

static int front_append(const struct trace_stream *s, struct byte_buffer *out)
{
    size_t bytes = BLOCK_DATA_BYTES + (size_t)s->run_count * BLOCK_RUN_BYTES +
                   (size_t)s->gap_count * BLOCK_GAP_BYTES;
    unsigned char *at;

    if (byte_buffer_reserve(out, bytes) != 0)
        return -ENOMEM;
    at = out->bytes;
    le32_store(at, s->records);
    le32_store(at + 4, s->gap_count);
    le32_store(at + 8, s->run_count);
    le64_store(at + 12, s->records ? s->ticks[0] : 0);
    at += BLOCK_DATA_BYTES;
    for (uint32_t i = 0; i < s->run_count; i++, at += BLOCK_RUN_BYTES) {
        le32_store(at, s->runs[i]->type->number);
        le32_store(at + 4, s->runs[i]->records);
        le32_store(at + 8, 0); /* bytes of its columns: filled in when they are there */
    }
    for (uint32_t i = 0; i < s->gap_count; i++, at += BLOCK_GAP_BYTES)
        gap_put(at, &s->gaps[i]);
    out->size = bytes;
    return 0;
}

static int ticks_append(const struct trace_stream *s, struct byte_buffer *out)
{
    struct column_encoder *encoder = &s->writer->encoder;
    int status = column_encoder_reserve(encoder, s->records);

    if (status != 0)
        return status;
    return column_steps_append(encoder, out, s->ticks, s->records);
}

/* ---- code addresses ---- */

/* positions[] gets, run after run, the places of the runs' records in the block. */
static int positions_fill(const struct trace_stream *s)
{
    struct trace_writer *w = s->writer;
    uint32_t *next[BLOCK_RUNS_MAX];
    size_t before = 0;
    bool needed = false;

    for (uint32_t i = 0; i < s->run_count; i++)
        needed |= s->runs[i]->type->has_code;
    if (!needed)
        return 0;
    if (w->position_capacity < s->records) {
        uint32_t *grown = realloc(w->positions, s->capacity * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        w->positions = grown;
        w->position_capacity = s->capacity;
    }
    for (uint32_t i = 0; i < s->run_count; i++) {
        next[i] = w->positions + before;
        before += s->runs[i]->records;
    }
    for (uint32_t i = 0; i < s->records; i++)
        *next[s->sequence[i]]++ = i;
    return 0;
}

/* values[count], the column that was just encoded, are code addresses. `positions` are those of its
 * run. */
static void addresses_note(struct trace_stream *s, const uint64_t *values,
                           const uint32_t *positions, uint32_t count, uint32_t per_record)
{
    const struct dictionary *d = &s->writer->encoder.dictionary;
    struct address_set *set = &s->image->addresses;

    /* Out of memory costs a symbol, not the block. */
    for (uint32_t i = 0; i < d->count; i++)
        (void)!address_set_add(set, d->values[i], s->ticks[positions[d->first[i] / per_record]],
                               s->ticks[positions[d->last[i] / per_record]]);
    if (d->count)
        return;
    for (uint32_t i = 0; i < count; i++) { /* too many for the dictionary */
        uint64_t ticks = s->ticks[positions[i / per_record]];

        (void)!address_set_add(set, values[i], ticks, ticks);
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

static int field_append(struct trace_stream *s, const struct stage *stage,
                        const struct ada_field *field, size_t offset, const uint32_t *positions,
                        struct byte_buffer *out)
{
    struct column_encoder *encoder = &s->writer->encoder;
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
        addresses_note(s, values, positions, count, field->count);
    return status;
}

static int run_append(struct trace_stream *s, const struct stage *stage, const uint32_t *positions,
                      struct byte_buffer *out)
{
    const struct schema *schema = &stage->type->owned.schema;
    struct stage_text *text = stage->texts;
    size_t offset = 0;
    int status = 0;

    for (unsigned i = 0; i < schema->field_count && status == 0; i++) {
        const struct ada_field *field = &schema->fields[i];

        if (field->width) {
            status = field_append(s, stage, field, offset, positions, out);
            offset += (size_t)field->width * field->count;
        } else {
            status = column_text_append(&s->writer->encoder, out, text->lengths, stage->records,
                                        text->bytes.bytes, text->bytes.size);
            text++;
        }
    }
    return status;
}

static int runs_append(struct trace_stream *s, struct byte_buffer *out)
{
    const uint32_t *positions = s->writer->positions; /* NULL when no run has code addresses */
    int status = 0;

    for (uint32_t i = 0; i < s->run_count && status == 0; i++) {
        size_t start = out->size;

        status = run_append(s, s->runs[i], positions, out);
        le32_store(out->bytes + BLOCK_DATA_BYTES + i * BLOCK_RUN_BYTES + 8,
                   (uint32_t)(out->size - start));
        positions = positions ? positions + s->runs[i]->records : NULL;
    }
    return status;
}

static int content_build(struct trace_stream *s, struct byte_buffer *out)
{
    int status;

    out->size = 0;
    status = front_append(s, out);
    if (status == 0 && s->run_count > 1)
        status = column_bytes_append(out, s->sequence, s->records);
    if (status == 0 && s->records)
        status = ticks_append(s, out);
    if (status == 0)
        status = positions_fill(s);
    return status ? status : runs_append(s, out);
}

/* ---- the block ---- */

static struct block_header header_make(const struct trace_stream *s)
{
    struct block_header header = {
        .kind = BLOCK_DATA,
        .thread = s->thread,
        .records = s->records,
        .gaps = s->gap_count,
        .first_ticks = s->records ? s->ticks[0] : UINT64_MAX,
        .last_ticks = s->records ? s->last_ticks : 0,
    };

    for (uint32_t i = 0; i < s->gap_count; i++) {
        const struct trace_gap *gap = &s->gaps[i].gap;

        if (gap->first_ticks < header.first_ticks)
            header.first_ticks = gap->first_ticks;
        if (gap->last_ticks > header.last_ticks)
            header.last_ticks = gap->last_ticks;
    }
    return header;
}

static void stages_empty(struct trace_stream *s)
{
    for (uint32_t i = 0; i < s->run_count; i++) {
        struct stage *stage = s->runs[i];

        stage->records = 0;
        for (uint32_t t = 0; t < stage->type->variable_count; t++) {
            s->staged_bytes -= stage->texts[t].bytes.size;
            stage->texts[t].bytes.size = 0;
        }
    }
    s->records = s->run_count = s->gap_count = 0;
}

static uint64_t ring_bytes(const struct trace_stream *s)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < s->run_count; i++) {
        const struct stage *stage = s->runs[i];

        bytes += (uint64_t)stage->records * (8 + 8 * (uint64_t)stage->row_words);
        for (uint32_t t = 0; t < stage->type->variable_count; t++)
            bytes += stage->texts[t].bytes.size + 4 * (uint64_t)stage->records;
    }
    return bytes;
}

int stream_block_write(struct trace_stream *s)
{
    struct trace_writer *w = s->writer;
    struct block_header header = header_make(s);
    int status = w->error;

    if (status == 0 && w->meta_urgent)
        status = writer_meta_flush(w, false);
    if (status == 0)
        status = content_build(s, &w->content);
    if (status == 0)
        status = writer_block_write(w, &header, w->content.bytes, w->content.size, w->level, false);
    if (status == 0) {
        s->stored += s->records;
        w->stats.records += s->records;
        w->stats.raw_bytes += ring_bytes(s);
    } else {
        w->stats.lost_records += s->records;
        s->room = 0; /* sends every record to the slow path, which refuses */
    }
    stages_empty(s);
    return status;
}
