/* SPDX-License-Identifier: Apache-2.0 */
#include "damaged_parts.h"

#include <stdlib.h>

#include "base/le.h"
#include "format/trace_state.h"
#include "format_fixture.h"

void history_make(struct history *history, uint64_t *random)
{
    uint64_t ticks = 1000;

    for (uint32_t n = 0; n <= DAMAGED_RECORDS; n++) {
        ticks += random && fixture_random(random) % 3 == 0 ? 0 : 10;
        history->ticks[n] = ticks;
    }
}

struct part part_make(uint32_t from, uint32_t to, uint32_t block_records)
{
    struct part part = {.from = from, .to = to};

    for (uint32_t n = from; n < to; n += block_records)
        part.bounds[part.block_count++] = n;
    part.bounds[part.block_count] = to;
    return part;
}

static void block_spoil(unsigned char *bytes, const struct index_entry *entry, enum spoiling how)
{
    unsigned char *at = bytes + entry->offset;
    struct block_header header;

    if (how == FRAME)
        at[BLOCK_HEADER_BYTES + 9] ^= 0xff;
    if (how == HEADER)
        at[21] ^= 0xff;
    if (how == MALFORMED) {
        assert_int_equal(block_header_decode(at, BLOCK_HEADER_BYTES, &header), 0);
        header.content_bytes++;
        block_header_encode(&header, at);
    }
}

static void part_spoil(const struct part *part, const char *path)
{
    struct trace *trace = fixture_open(path);
    uint32_t block = 0;
    size_t size;
    unsigned char *bytes = fixture_load(path, &size);

    for (size_t i = 0; i < trace->blocks.count; i++)
        if (index_entry_is(&trace->blocks.entries[i], BLOCK_DATA))
            block_spoil(bytes, &trace->blocks.entries[i], part->spoilt[block++]);
    assert_int_equal(block, part->block_count);
    trace_close(trace);
    fixture_store(path, bytes, size);
    free(bytes);
}

void part_write(const struct part *part, const struct history *history, const char *path)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 4 * DAMAGED_RECORDS};
    const struct trace_gap gap = {
        1, TRACE_GAP_OVERWRITTEN, 500, history->ticks[part->from], part->from, 8 * part->from};
    bool has_gap = part->snapshot && part->from;
    const struct trace_ledger ledger = {.thread = 1,
                                        .written = part->to - (has_gap ? 0 : part->from),
                                        .stored = part->to - part->from,
                                        .overwritten = has_gap ? part->from : 0};
    struct trace_recording recording = fixture_recording;
    struct trace_stream *stream;
    struct model model = {0};
    struct trace_writer *w;

    recording.session = "snapped";
    recording.policy = "flight";
    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &recording), 0);
    fixture_type(w, 1, &fixture_types[1]);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "worker");
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    if (has_gap)
        model_gap(&model, stream, &gap);
    for (uint32_t block = 0; block < part->block_count; block++) {
        for (uint32_t n = part->bounds[block]; n < part->bounds[block + 1]; n++) {
            unsigned char payload[8];

            le64_store(payload, n);
            model_record(&model, stream, 1, &fixture_types[1], history->ticks[n], payload, 8);
        }
        assert_int_equal(trace_stream_flush(stream), 0);
    }
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
    part_spoil(part, path);
}

void part_say(const struct part *part)
{
    static const char spoilt[] = {[WHOLE] = ' ', [FRAME] = 'f', [HEADER] = 'h', [MALFORMED] = 'm'};

    print_message("%s%u..%u:", part->snapshot ? "snapshot " : "", part->from, part->to);
    for (uint32_t block = 0; block < part->block_count; block++)
        print_message(" %u%c", part->bounds[block], spoilt[part->spoilt[block]]);
    print_message("\n");
}
