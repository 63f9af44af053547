/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a data block, with all that its header says beside it: columns, texts, gaps, and
 * what of it is wished for. What comes out has to keep every promise of trace_reader.h.
 *
 *     u8 wished types   u8 which of the ticks are wished for   u32 records   u32 gaps
 *     u64 first_ticks   u64 last_ticks   content
 */
#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "format/block_decode.h"
#include "fuzz_target.h"

enum { FRONT_BYTES = 26, RECORDS_MAX = 1 << 14 };

static struct trace_type types[FUZZ_TYPES];
static const struct trace_type *type_list[FUZZ_TYPES];
static struct number_map places;

static void types_make(void)
{
    for (uint32_t i = 0; i < FUZZ_TYPES; i++) {
        types[i] = (struct trace_type){.index = i, .schema = *fuzz_schema(i), .full_name = "type"};
        types[i].fixed_bytes = schema_fixed_bytes(&types[i].schema, &types[i].variable_count);
        type_list[i] = &types[i];
        FUZZ_CHECK(number_map_set(&places, i + 1, i) == 0);
    }
}

static void column_check(const struct trace_column *column, uint32_t records)
{
    size_t fixed = (size_t)records * column->field->count * column->field->width;

    if (!column->offsets) {
        fuzz_touch(column->bytes, fixed + TRACE_COLUMN_SLACK);
        return;
    }
    for (uint32_t i = 0; i < records; i++)
        FUZZ_CHECK(column->offsets[i] <= column->offsets[i + 1]);
    fuzz_touch(column->bytes, column->offsets[records]);
}

static void run_check(const struct trace_block *block, uint32_t r)
{
    const struct trace_run *run = &block->runs[r];

    for (uint32_t i = 0; i < run->records; i++) {
        FUZZ_CHECK(run->position[i] < block->records);
        FUZZ_CHECK(block->run_of[run->position[i]] == r);
        FUZZ_CHECK(i == 0 || run->position[i] > run->position[i - 1]);
    }
    for (unsigned f = 0; f < run->type->schema.field_count; f++)
        column_check(&run->columns[f], run->records);
}

static void block_check(const struct trace_block *block, const struct block_header *header,
                        const struct block_wish *wish)
{
    uint64_t records = 0;

    for (uint32_t i = 0; i < block->records; i++) {
        FUZZ_CHECK(block->ticks[i] >= header->first_ticks && block->ticks[i] <= header->last_ticks);
        FUZZ_CHECK(block->ticks[i] >= wish->from_ticks && block->ticks[i] <= wish->to_ticks);
        FUZZ_CHECK(i == 0 || block->ticks[i] >= block->ticks[i - 1]);
        FUZZ_CHECK(block->run_of[i] < block->run_count);
    }
    for (uint32_t r = 0; r < block->run_count; r++) {
        records += block->runs[r].records;
        FUZZ_CHECK(!block->runs[r].records || block->runs[r].type);
        if (block->runs[r].records)
            run_check(block, r);
    }
    FUZZ_CHECK(records == block->records);
    for (uint32_t g = 0; g < block->gap_count; g++)
        FUZZ_CHECK(block->gap_position[g] <= block->records &&
                   (g == 0 || block->gap_position[g] >= block->gap_position[g - 1]));
    fuzz_touch(block->gaps, block->gap_count * sizeof(*block->gaps));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct block_types known = {&places, type_list};
    struct block_wish wish = {.from_ticks = 0, .to_ticks = UINT64_MAX};
    struct column_decoder decoder = {0};
    struct decoded_block decoded = {0};
    struct block_header header = {.kind = BLOCK_DATA, .thread = 1};
    bool wished[FUZZ_TYPES];
    uint64_t unknown;

    if (!type_list[0])
        types_make();
    if (size < FRONT_BYTES)
        return 0;
    header.records = le32_load(bytes + 2);
    header.gaps = le32_load(bytes + 6);
    header.first_ticks = le64_load(bytes + 10);
    header.last_ticks = le64_load(bytes + 18);
    /* As block_header_decode() hands them out; and no more records than are soon decoded. */
    if (header.records > RECORDS_MAX || header.gaps > RECORDS_MAX ||
        header.first_ticks > header.last_ticks)
        return 0;
    for (unsigned i = 0; i < FUZZ_TYPES; i++)
        wished[i] = bytes[0] >> i & 1;
    if (bytes[0])
        wish.types = wished;
    if (bytes[1]) {
        uint64_t span = header.last_ticks - header.first_ticks;

        wish.from_ticks = header.first_ticks + span / 16 * (bytes[1] & 15);
        wish.to_ticks = header.last_ticks - span / 16 * (bytes[1] >> 4);
    }
    if (block_decode(&decoder, &header, &known, &wish, bytes + FRONT_BYTES, size - FRONT_BYTES,
                     &decoded, &unknown) == 0)
        block_check(&decoded.block, &header, &wish);
    column_decoder_fini(&decoder);
    decoded_block_fini(&decoded);
    return 0;
}
