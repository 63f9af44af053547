/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_seal.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format/frame.h"
#include "format/trace_index.h"
#include "fuzz_target.h"

enum { SEAL_ALL = 0, SEAL_SUMS = 1, MODE_AT = 70, FRAME_MAGIC = 0xFD2FB528u };

struct sealing {
    struct trace_sealed *out;
    struct trace_index index; /* of the blocks so far */
    struct trace_end end;
    uint32_t recording, salt;
    bool has_recording;
};

static void header_load(const uint8_t *at, struct block_header *h)
{
    *h = (struct block_header){
        .version = le16_load(at + 16),
        .kind = at[18],
        .flags = at[19],
        .thread = le32_load(at + 20),
        .sequence = le64_load(at + 24),
        .first_ticks = le64_load(at + 32),
        .last_ticks = le64_load(at + 40),
        .records = le32_load(at + 48),
        .gaps = le32_load(at + 52),
        .content_bytes = le32_load(at + 56),
        .level = (int16_t)le16_load(at + 68),
        .recording = le32_load(at + 72),
    };
}

/* What an index of all blocks so far holds. */
static void index_make(struct sealing *s, struct block_header *header, struct byte_buffer *content)
{
    size_t bytes = s->index.count * BLOCK_INDEX_BYTES;

    content->size = 0;
    FUZZ_CHECK(byte_buffer_reserve(content, bytes + 1) == 0);
    for (size_t i = 0; i < s->index.count; i++)
        index_entry_encode(&s->index.entries[i], content->bytes + i * BLOCK_INDEX_BYTES);
    content->size = bytes;
    header->records = (uint32_t)s->index.count;
    s->end.index_offset = s->out->file.size;
    s->end.index_blocks = 1;
}

static void end_make(struct sealing *s, struct byte_buffer *content)
{
    content->size = 0;
    FUZZ_CHECK(byte_buffer_reserve(content, BLOCK_END_BYTES) == 0);
    trace_end_encode(&s->end, content->bytes);
    content->size = BLOCK_END_BYTES;
}

static void block_count(struct sealing *s, const struct block_header *h)
{
    const struct index_entry entry = index_entry_of(h, s->out->file.size);

    s->out->records += (uint64_t)h->records + h->gaps;
    if (h->kind == BLOCK_INDEX || h->kind == BLOCK_END)
        return;
    FUZZ_CHECK(trace_index_append(&s->index, &entry) == 0);
    s->end.blocks++;
    if (h->kind == BLOCK_DATA) {
        s->end.data_blocks++;
        s->end.records += h->records;
    }
}

/* `frame` becomes what stands behind the header: the content in a frame, if it is not in one. */
static void frame_make(struct sealing *s, struct block_header *h, const uint8_t *body, size_t size,
                       bool all, struct byte_buffer *frame)
{
    struct byte_buffer content = {0};

    if (size >= 4 && le32_load(body) == FRAME_MAGIC && h->kind != BLOCK_INDEX &&
        h->kind != BLOCK_END) {
        FUZZ_CHECK(byte_buffer_append(frame, body, size) == 0);
        return;
    }
    FUZZ_CHECK(byte_buffer_append(&content, body, size) == 0);
    if (all && h->kind == BLOCK_INDEX)
        index_make(s, h, &content);
    if (all && h->kind == BLOCK_END)
        end_make(s, &content);
    if (all)
        h->content_bytes = (uint32_t)content.size;
    FUZZ_CHECK(frame_append(NULL, FRAME_LEVEL_STORED, content.bytes, content.size, frame) == 0);
    byte_buffer_free(&content);
}

static void block_seal(struct sealing *s, const uint8_t *at, size_t size)
{
    unsigned mode = le16_load(at + MODE_AT);
    unsigned char bytes[BLOCK_HEADER_BYTES];
    struct byte_buffer frame = {0};
    struct block_header h;

    header_load(at, &h);
    if (mode > SEAL_SUMS) {
        FUZZ_CHECK(byte_buffer_append(&s->out->file, at, size) == 0);
        s->out->records += (uint64_t)h.records + h.gaps;
        return;
    }
    h.recording ^= s->salt;
    if (!s->has_recording)
        s->recording = h.recording;
    s->has_recording = true;
    if (mode == SEAL_ALL)
        h.recording = s->recording;
    frame_make(s, &h, at + BLOCK_HEADER_BYTES, size - BLOCK_HEADER_BYTES, mode == SEAL_ALL, &frame);
    h.frame_bytes = (uint32_t)frame.size;
    h.frame_crc = crc32c(frame.bytes, frame.size);
    block_count(s, &h);
    block_header_encode(&h, bytes);
    FUZZ_CHECK(byte_buffer_append(&s->out->file, bytes, sizeof(bytes)) == 0);
    FUZZ_CHECK(byte_buffer_append(&s->out->file, frame.bytes, frame.size) == 0);
    byte_buffer_free(&frame);
}

void trace_seal(const uint8_t *bytes, size_t size, uint32_t salt, struct trace_sealed *out)
{
    struct sealing s = {.out = out, .salt = salt};
    size_t at = block_header_search(bytes, size);

    *out = (struct trace_sealed){0};
    FUZZ_CHECK(byte_buffer_append(&out->file, bytes, at) == 0);
    while (size - at >= BLOCK_HEADER_BYTES) {
        size_t next =
            at + BLOCK_HEADER_BYTES +
            block_header_search(bytes + at + BLOCK_HEADER_BYTES, size - at - BLOCK_HEADER_BYTES);

        block_seal(&s, bytes + at, next - at);
        at = next;
    }
    FUZZ_CHECK(byte_buffer_append(&out->file, bytes + at, size - at) == 0);
    trace_index_free(&s.index);
}
