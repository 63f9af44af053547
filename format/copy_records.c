/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "format/copy_state.h"

/*
 * Record by record, laid out as the tracer would: fixed-width fields one after another, then
 * strings with their lengths, padded to whole words.
 */

static void duration_scale(const struct copy_clock *clock, const struct ada_field *field,
                           unsigned char *at)
{
    uint64_t most = UINT64_MAX >> (64 - 8 * field->width);

    for (unsigned i = 0; i < field->count; i++, at += field->width) {
        uint64_t ticks = copy_duration(clock, le_load(at, field->width));

        le_store(at, ticks < most ? ticks : most, field->width);
    }
}

static size_t fixed_put(const struct copy_source *s, const struct trace_run *run, size_t record,
                        unsigned char *out)
{
    unsigned char *at = out;

    for (unsigned f = 0; f < run->type->schema.field_count; f++) {
        const struct trace_column *column = &run->columns[f];
        size_t bytes = (size_t)column->field->count * column->field->width;

        if (column->offsets)
            continue;
        memcpy(at, column->bytes + record * bytes, bytes);
        if (column->field->kind == ADA_KIND_DURATION && s->clock.to)
            duration_scale(&s->clock, column->field, at);
        at += bytes;
    }
    return (size_t)(at - out);
}

static size_t texts_bytes(const struct trace_run *run, size_t record)
{
    size_t bytes = 0;

    for (unsigned f = 0; f < run->type->schema.field_count; f++)
        if (run->columns[f].offsets)
            bytes += 4 + run->columns[f].offsets[record + 1] - run->columns[f].offsets[record];
    return bytes;
}

static size_t texts_put(const struct trace_run *run, size_t record, unsigned char *out)
{
    unsigned char *at = out;

    for (unsigned f = 0; f < run->type->schema.field_count; f++) {
        const struct trace_column *column = &run->columns[f];
        uint32_t size;

        if (!column->offsets)
            continue;
        size = column->offsets[record + 1] - column->offsets[record];
        le32_store(at, size);
        memcpy(at + 4, column->bytes + column->offsets[record], size);
        at += 4 + size;
    }
    return (size_t)(at - out);
}

static int record_put(struct trace_copy *c, const struct copy_source *s,
                      struct trace_stream *stream, const struct trace_run *run, size_t record,
                      uint64_t ticks)
{
    size_t texts = run->type->variable_count ? texts_bytes(run, record) : 0, size;
    uint32_t number = s->type_numbers[run->type->index];
    unsigned char *out;

    if (number > WRITER_ID_MAX)
        return copy_fail(c, -E2BIG, "%s has more event types than can be written anew", s->name);
    c->payload.size = 0;
    if (byte_buffer_reserve(&c->payload, run->type->fixed_bytes + texts + 8) != 0)
        return -ENOMEM;
    out = c->payload.bytes;
    size = fixed_put(s, run, record, out);
    if (texts)
        size += texts_put(run, record, out + size);
    memset(out + size, 0, 8);
    return trace_stream_record(stream, (uint16_t)number, copy_ticks(&s->clock, ticks), out,
                               (size + 7) & ~(size_t)7);
}

static int gap_put(const struct copy_source *s, struct trace_stream *stream,
                   const struct trace_gap *gap)
{
    struct trace_gap moved = *gap;

    moved.first_ticks = copy_ticks(&s->clock, gap->first_ticks);
    moved.last_ticks = copy_ticks(&s->clock, gap->last_ticks);
    return trace_stream_gaps(stream, &moved, 1);
}

int copy_records(struct trace_copy *c, const struct copy_source *s, struct trace_stream *stream,
                 const struct trace_block *block, uint32_t skip)
{
    uint32_t next[BLOCK_RUNS_MAX] = {0}, gap = 0;
    int status = 0;

    for (uint32_t i = 0; i <= block->records && status == 0; i++) {
        for (; i >= skip && gap < block->gap_count && block->gap_position[gap] <= i && status == 0;
             gap++)
            status = gap_put(s, stream, &block->gaps[gap]);
        if (i < block->records && status == 0) {
            uint32_t run = block->run_of[i], record = next[run]++;

            if (i >= skip)
                status = record_put(c, s, stream, &block->runs[run], record, block->ticks[i]);
        }
    }
    return status;
}
