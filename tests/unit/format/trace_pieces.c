/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "format/frame.h"
#include "format_fixture.h"
#include "trace_pieces.h"

/* ---- a file in pieces, put together with right checksums ---- */

struct piece pieces[PIECES_MAX];
unsigned piece_count;

void pieces_load(const char *path)
{
    struct frame_decompressor *decompressor = frame_decompressor_create();
    size_t size;
    unsigned char *bytes = fixture_load(path, &size);

    assert_non_null(decompressor);
    piece_count = 0;
    for (size_t at = 0; at < size;) {
        struct piece *piece = &pieces[piece_count++];

        assert_true(piece_count < PIECES_MAX);
        assert_int_equal(block_header_decode(bytes + at, size - at, &piece->header), 0);
        assert_int_equal(frame_decode(decompressor, bytes + at + BLOCK_HEADER_BYTES,
                                      piece->header.frame_bytes, piece->header.content_bytes,
                                      &piece->content),
                         0);
        at += BLOCK_HEADER_BYTES + piece->header.frame_bytes;
    }
    frame_decompressor_destroy(decompressor);
    free(bytes);
}

void piece_append(struct byte_buffer *out, const struct piece *piece, int level)
{
    struct frame_compressor *compressor = frame_compressor_create();
    struct block_header header = piece->header;
    size_t start = out->size;

    assert_non_null(compressor);
    assert_int_equal(byte_buffer_reserve(out, BLOCK_HEADER_BYTES), 0);
    out->size += BLOCK_HEADER_BYTES;
    assert_int_equal(
        frame_append(compressor, level, piece->content.bytes, piece->content.size, out), 0);
    header.content_bytes = (uint32_t)piece->content.size;
    header.frame_bytes = (uint32_t)(out->size - start - BLOCK_HEADER_BYTES);
    header.frame_crc = crc32c(out->bytes + start + BLOCK_HEADER_BYTES, header.frame_bytes);
    block_header_encode(&header, out->bytes + start);
    frame_compressor_destroy(compressor);
}

void pieces_store(const char *path, int level)
{
    struct byte_buffer out = {0};

    for (unsigned i = 0; i < piece_count; i++)
        piece_append(&out, &pieces[i], pieces[i].header.kind == BLOCK_END ? 0 : level);
    fixture_store(path, out.bytes, out.size);
    byte_buffer_free(&out);
}

void pieces_free(void)
{
    for (unsigned i = 0; i < PIECES_MAX; i++)
        byte_buffer_free(&pieces[i].content);
    memset(pieces, 0, sizeof(pieces));
}

struct piece *piece_of_kind(uint8_t kind)
{
    unsigned i = 0;

    while (pieces[i].header.kind != kind)
        i++;
    return &pieces[i];
}

/* ---- the file to start from ---- */

static const struct ada_field mixed_fields[] = {
    {.name = "address", .kind = ADA_KIND_CODE, .width = 8, .count = 1},
    {.name = "text", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
    {.name = "array", .kind = ADA_KIND_SIGNED, .width = 3, .count = 4},
    {.name = "noise", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "few", .kind = ADA_KIND_POINTER, .width = 6, .count = 1},
};
static const struct schema mixed = {
    .id = 8, .provider = "test", .name = "mixed", .fields = mixed_fields, .field_count = 5};
static const struct schema call = {
    .id = 9, .provider = "test", .name = "call", .fields = mixed_fields, .field_count = 1};

static void tables_write(struct trace_writer *w)
{
    struct trace_clock_pair clock[2] = {{1000, 5000, 9000, 10}, {9000, 9000, 13000, 10}};
    struct trace_module module = {1, 1, 0x1000, 0x2000, 0x1000, 0, UINT64_MAX, "/lib/x", "abcd"};
    struct trace_symbol symbol = {1, 1, 0x1000, 0x1000, 0, UINT64_MAX, "main", "main.c", 12};
    struct trace_note note = {TRACE_NOTE_INFO, 1, 1500, "hello"};
    struct trace_process_end end = {1, 9000, 0};
    struct trace_ledger ledger = {.thread = 1, .stored = 60, .written = 60, .dropped = 4};

    assert_int_equal(trace_writer_clock(w, &clock[0]), 0);
    assert_int_equal(trace_writer_clock(w, &clock[1]), 0);
    assert_int_equal(trace_writer_module(w, &module), 0);
    assert_int_equal(trace_writer_symbol(w, &symbol), 0);
    assert_int_equal(trace_writer_note(w, &note), 0);
    assert_int_equal(trace_writer_process_end(w, &end), 0);
    assert_int_equal(trace_writer_ledger(w, &ledger), 0);
}

const char *pieces_start_file(void)
{
    const struct trace_writer_options options = {.level = 1, .block_records = 60};
    const char *path = fixture_path("start.adatrace");
    struct model model = {0};
    struct trace_gap gap = {1, TRACE_GAP_DROPPED, 1100, 1101, 4, 99};
    struct trace_stream *stream;
    struct trace_writer *w;
    unsigned char payload[512];
    uint64_t random = 4;

    assert_int_equal(trace_writer_open(&w, fixture_create(path), &options, &fixture_recording), 0);
    fixture_type(w, 1, &mixed);
    fixture_type(w, 1, &call);
    fixture_process(w, 1, 1);
    fixture_thread(w, 1, 1, "one");
    tables_write(w);
    assert_int_equal(trace_stream_open(w, 1, &stream), 0);
    model_gap(&model, stream, &gap);
    for (uint32_t i = 0; i < 120; i++) {
        const struct schema *type = i % 3 ? &mixed : &call;

        model_record(&model, stream, 1, type, 1200 + 10 * i, payload,
                     model_payload(type, &random, 12, payload));
    }
    assert_int_equal(trace_writer_close(w), 0);
    model_free(&model);
    return path;
}
