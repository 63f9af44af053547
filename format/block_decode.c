/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_decode.h"

#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "format/block_select.h"

/* A run as the block's table tells it, before its columns are taken. */
struct run_entry {
    uint32_t number; /* of the type, in the file */
    uint32_t records, bytes;
    const struct trace_type *type; /* NULL: not described */
    uint32_t *position;
};

struct decoding {
    struct column_decoder *decoder;
    struct column_input in;
    const struct block_header *header;
    const struct block_types *types;
    const struct block_wish *wish;
    struct decoded_block *out;
    uint32_t records, gaps, run_count;
    uint64_t base_ticks;
    uint64_t decoded_bytes; /* so far, against BLOCK_DECODED_BYTES_MAX */
    struct run_entry runs[BLOCK_RUNS_MAX];
};

static const unsigned char *content_take(struct decoding *d, uint64_t size)
{
    const unsigned char *at = d->in.at;

    if ((uint64_t)(d->in.end - at) < size)
        return NULL;
    d->in.at += size;
    return at;
}

static int buffer_size(struct byte_buffer *buffer, size_t size)
{
    buffer->size = 0;
    return byte_buffer_reserve(buffer, size ? size : 1);
}

/* ---- front ---- */

static int counts_take(struct decoding *d)
{
    const unsigned char *at = content_take(d, BLOCK_DATA_BYTES);

    if (!at)
        return -EBADMSG;
    d->records = le32_load(at);
    d->gaps = le32_load(at + 4);
    d->run_count = le32_load(at + 8);
    d->base_ticks = le64_load(at + 12);
    if (d->records != d->header->records || d->gaps != d->header->gaps ||
        d->run_count > BLOCK_RUNS_MAX || (d->run_count == 0) != (d->records == 0))
        return -EBADMSG;
    return 0;
}

static bool type_is_wished(const struct block_wish *wish, const struct trace_type *type)
{
    return type && (!wish->types || wish->types[type->index]);
}

static int run_table_take(struct decoding *d)
{
    const unsigned char *at = content_take(d, (uint64_t)d->run_count * BLOCK_RUN_BYTES);
    uint64_t records = 0;

    if (!at)
        return -EBADMSG;
    for (uint32_t i = 0; i < d->run_count; i++, at += BLOCK_RUN_BYTES) {
        struct run_entry *run = &d->runs[i];
        uint32_t place;

        run->number = le32_load(at);
        run->records = le32_load(at + 4);
        run->bytes = le32_load(at + 8);
        place = number_map_find(d->types->places, run->number);
        run->type = place == NUMBER_MAP_NONE ? NULL : d->types->types[place];
        if (run->records == 0)
            return -EBADMSG;
        records += run->records;
    }
    return records == d->records ? 0 : -EBADMSG;
}

static int gaps_take(struct decoding *d)
{
    const unsigned char *at = content_take(d, (uint64_t)d->gaps * BLOCK_GAP_BYTES);
    size_t gap_bytes = d->gaps * sizeof(struct trace_gap);
    struct trace_gap *gap;
    uint32_t *position, before = 0;
    int status;

    if (!at)
        return -EBADMSG;
    status = buffer_size(&d->out->gaps, gap_bytes + d->gaps * sizeof(uint32_t));
    if (status != 0)
        return status;
    gap = (struct trace_gap *)d->out->gaps.bytes;
    position = (uint32_t *)(d->out->gaps.bytes + gap_bytes);
    for (uint32_t i = 0; i < d->gaps; i++, at += BLOCK_GAP_BYTES) {
        position[i] = le32_load(at);
        gap[i] = (struct trace_gap){
            .thread = d->header->thread,
            .kind = le32_load(at + 4),
            .first_ticks = le64_load(at + 8),
            .last_ticks = le64_load(at + 16),
            .records = le64_load(at + 24),
            .bytes = le64_load(at + 32),
        };
        if (position[i] < before || position[i] > d->records)
            return -EBADMSG;
        before = position[i];
    }
    d->out->block.gap_count = d->gaps;
    d->out->block.gaps = gap;
    d->out->block.gap_position = position;
    return 0;
}

/* ---- records: run, place and ticks of each ---- */

/* Does every run have as many records as it says? */
static int runs_check(const struct decoding *d, const uint8_t *run_of)
{
    uint32_t records[4][BLOCK_RUNS_MAX] = {
        0}; /* counters of neighbours do not wait for each other */
    uint32_t i = 0;

    for (; i + 4 <= d->records; i += 4)
        for (unsigned lane = 0; lane < 4; lane++)
            records[lane][run_of[i + lane]]++;
    for (; i < d->records; i++)
        records[0][run_of[i]]++;
    for (uint32_t r = 0; r < d->run_count; r++)
        if (records[0][r] + records[1][r] + records[2][r] + records[3][r] != d->runs[r].records)
            return -EBADMSG;
    return 0; /* the runs' records add up to the block's: there are none of other runs */
}

static void positions_fill(struct decoding *d, const uint8_t *run_of, uint32_t *positions)
{
    uint32_t *next[BLOCK_RUNS_MAX];

    for (uint32_t r = 0; r < d->run_count; r++) {
        d->runs[r].position = next[r] = positions;
        positions += d->runs[r].records;
    }
    if (d->run_count == 1)
        for (uint32_t i = 0; i < d->records; i++)
            next[0][i] = i;
    else
        for (uint32_t i = 0; i < d->records; i++)
            *next[run_of[i]]++ = i;
}

/* Differences to ticks. They may neither pass the header's range nor go back: where none is so
 * great that their sum could overflow, looking at the last says so for all. */
static int ticks_take(struct decoding *d, uint64_t *ticks)
{
    const uint64_t modest = UINT64_MAX / (2 * (uint64_t)BLOCK_RECORDS_MAX);
    uint64_t at = d->base_ticks, all = 0;
    int status = column_take(d->decoder, &d->in, d->records, 8, (unsigned char *)ticks);

    if (status != 0)
        return status;
    for (uint32_t i = 0; i < d->records; i++) {
        uint64_t difference = le64_load(&ticks[i]);

        all |= difference;
        ticks[i] = at += difference;
    }
    if (all <= modest)
        return at - d->base_ticks <= d->header->last_ticks - d->base_ticks ? 0 : -EBADMSG;
    at = d->base_ticks;
    for (uint32_t i = 0; i < d->records; at = ticks[i++])
        if (ticks[i] - at > d->header->last_ticks - at)
            return -EBADMSG;
    return 0;
}

static int records_take(struct decoding *d)
{
    struct trace_block *block = &d->out->block;
    size_t n = d->records;
    uint64_t *ticks;
    uint32_t *positions;
    uint8_t *run_of;
    int status = buffer_size(&d->out->records, n * (sizeof(*ticks) + sizeof(*positions) + 1));

    if (status != 0 || n == 0)
        return status;
    if (d->base_ticks < d->header->first_ticks || d->base_ticks > d->header->last_ticks)
        return -EBADMSG;
    ticks = (uint64_t *)d->out->records.bytes;
    positions = (uint32_t *)(ticks + n);
    run_of = (uint8_t *)(positions + n);
    if (d->run_count > 1)
        status = column_take(d->decoder, &d->in, d->records, 1, run_of);
    else
        memset(run_of, 0, n);
    if (status == 0)
        status = runs_check(d, run_of);
    if (status != 0)
        return status;
    positions_fill(d, run_of, positions);
    status = ticks_take(d, ticks);
    block->records = d->records;
    block->ticks = ticks;
    block->run_of = run_of;
    return status;
}

/* ---- columns ---- */

/* Sizes of all wished columns that are known before they are unpacked; checks the limit. */
static int fixed_measure(struct decoding *d, size_t *fixed_bytes)
{
    uint64_t fixed = 0, offsets = 0;

    for (uint32_t r = 0; r < d->run_count; r++) {
        const struct run_entry *run = &d->runs[r];

        if (!type_is_wished(d->wish, run->type))
            continue;
        fixed += (uint64_t)run->records * run->type->fixed_bytes;
        offsets += ((uint64_t)run->records + 1) * run->type->variable_count * sizeof(uint32_t);
    }
    d->decoded_bytes = fixed + offsets + 16 * (uint64_t)d->records;
    *fixed_bytes =
        fixed + offsets + d->run_count * SCHEMA_FIELDS_MAX * sizeof(uint64_t) + TRACE_COLUMN_SLACK;
    if (d->decoded_bytes > BLOCK_DECODED_BYTES_MAX)
        return -EBADMSG;
    return d->wish->bytes_max && d->decoded_bytes > d->wish->bytes_max ? -E2BIG : 0;
}

/* The next `size` bytes of the buffer that fixed_measure() sized, aligned for any element. */
static unsigned char *fixed_take(struct byte_buffer *fixed, size_t size)
{
    unsigned char *at;

    fixed->size = (fixed->size + 7) & ~(size_t)7;
    at = fixed->bytes + fixed->size;
    fixed->size += size;
    return at;
}

/* Strings, as far as the limits leave room for them. */
static int text_take(struct decoding *d, uint32_t records, uint32_t *offsets)
{
    struct byte_buffer *text = &d->out->text;
    size_t before = text->size, wished = d->wish->bytes_max;
    uint64_t most = wished ? wished : BLOCK_DECODED_BYTES_MAX;
    int status = column_text_take(d->decoder, &d->in, records, offsets, text,
                                  (size_t)(most - d->decoded_bytes));

    d->decoded_bytes += text->size - before;
    return status == -EBADMSG && wished ? -E2BIG : status; /* or malformed: it is looked at again */
}

static int field_take(struct decoding *d, uint32_t records, const struct ada_field *field,
                      struct trace_column *column)
{
    struct decoded_block *out = d->out;
    size_t size = (size_t)records * field->count * field->width;
    unsigned char *bytes;
    uint32_t *offsets;

    column->field = field;
    column->offsets = NULL;
    if (field->width) {
        column->bytes = bytes = fixed_take(&out->fixed, size);
        return column_take(d->decoder, &d->in, records * field->count, field->width, bytes);
    }
    offsets = (uint32_t *)fixed_take(&out->fixed, ((size_t)records + 1) * sizeof(*offsets));
    column->offsets = offsets;
    column->bytes = NULL; /* text may still move: texts_place() fills it in */
    return text_take(d, records, offsets);
}

static int run_take(struct decoding *d, const struct run_entry *entry, struct trace_run *run)
{
    const unsigned char *start = d->in.at;
    int status = 0;

    run->type = entry->type;
    run->records = entry->records;
    run->position = entry->position;
    if (!type_is_wished(d->wish, entry->type))
        return content_take(d, entry->bytes) ? 0 : -EBADMSG;
    for (unsigned f = 0; f < run->type->schema.field_count && status == 0; f++)
        status = field_take(d, run->records, &run->type->schema.fields[f], &run->columns[f]);
    if (status == 0 && d->in.at != start + entry->bytes)
        status = -EBADMSG;
    return status;
}

/* Now that the text does not move any more: string columns stand in it one after another. */
static void texts_place(struct decoding *d, struct trace_run *runs)
{
    static const unsigned char nothing[1];
    const unsigned char *at = d->out->text.bytes ? d->out->text.bytes : nothing;

    for (uint32_t r = 0; r < d->run_count; r++) {
        if (!type_is_wished(d->wish, runs[r].type))
            continue;
        for (unsigned f = 0; f < runs[r].type->schema.field_count; f++) {
            struct trace_column *column = &runs[r].columns[f];

            if (column->offsets) {
                column->bytes = at;
                at += column->offsets[runs[r].records];
            }
        }
    }
}

static int runs_take(struct decoding *d)
{
    struct decoded_block *out = d->out;
    struct trace_run *runs;
    size_t fixed_bytes;
    int status = fixed_measure(d, &fixed_bytes);

    if (status == 0)
        status = buffer_size(&out->fixed, fixed_bytes);
    if (status == 0)
        status = buffer_size(&out->runs, d->run_count * sizeof(*runs));
    if (status != 0)
        return status;
    out->text.size = 0;
    runs = (struct trace_run *)out->runs.bytes;
    for (uint32_t r = 0; r < d->run_count && status == 0; r++)
        status = run_take(d, &d->runs[r], &runs[r]);
    if (status != 0)
        return status;
    texts_place(d, runs);
    out->block.run_count = d->run_count;
    out->block.runs = runs;
    return 0;
}

/* ---- the block ---- */

int block_decode(struct column_decoder *decoder, const struct block_header *header,
                 const struct block_types *types, const struct block_wish *wish,
                 const void *content, size_t size, struct decoded_block *out,
                 uint64_t *unknown_records)
{
    struct decoding d = {
        .decoder = decoder,
        .in = {content, (const unsigned char *)content + size},
        .header = header,
        .types = types,
        .wish = wish,
        .out = out,
    };
    int status;

    memset(&out->block, 0, sizeof(out->block));
    *unknown_records = 0;
    status = counts_take(&d);
    if (status == 0)
        status = run_table_take(&d);
    if (status == 0)
        status = gaps_take(&d);
    if (status == 0)
        status = records_take(&d);
    if (status == 0)
        status = runs_take(&d);
    if (status == 0 && d.in.at != d.in.end)
        status = -EBADMSG;
    if (status != 0)
        return status;
    for (uint32_t r = 0; r < d.run_count; r++)
        *unknown_records += d.runs[r].type ? 0 : d.runs[r].records;
    block_select(out, wish);
    return 0;
}

size_t decoded_block_bytes(const struct decoded_block *block)
{
    return block->records.capacity + block->fixed.capacity + block->text.capacity +
           block->gaps.capacity + block->runs.capacity;
}

void decoded_block_fini(struct decoded_block *block)
{
    byte_buffer_free(&block->records);
    byte_buffer_free(&block->fixed);
    byte_buffer_free(&block->text);
    byte_buffer_free(&block->gaps);
    byte_buffer_free(&block->runs);
}
