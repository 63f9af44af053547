/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block headers, and files whose index and end are made up:
 *
 *     u8 how   80 bytes: a header   64 bytes: an end   the index's content
 *
 * The header is given its magic and checksum unless `how` says otherwise. The file has three blocks
 * in front of its index; bits of `how` make the end's numbers true, so that the index is looked at.
 * An index that is believed has to say where the blocks are.
 */
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "format/frame.h"
#include "format/trace_index.h"
#include "fuzz_target.h"
#include "trace_walk.h"

enum {
    HEADER_AS_IT_IS = 1,
    END_AS_IT_IS = 2,
    OFFSETS_AS_THEY_ARE = 4,
    FRAMES_AS_THEY_ARE = 8,
    PIECES = 3
};

static void header_try(const uint8_t bytes[BLOCK_HEADER_BYTES], bool as_it_is)
{
    static const struct block_header nothing = {.version = FORMAT_VERSION};
    unsigned char header[BLOCK_HEADER_BYTES], again[BLOCK_HEADER_BYTES];
    struct block_header decoded;

    memcpy(header, bytes, sizeof(header));
    if (!as_it_is) {
        block_header_encode(&nothing, again);
        memcpy(header, again, 16);
        le32_store(header + 76, crc32c(header, 76));
    }
    (void)block_header_search(bytes, BLOCK_HEADER_BYTES);
    if (block_header_decode(header, sizeof(header), &decoded) != 0)
        return;
    FUZZ_CHECK(decoded.content_bytes <= BLOCK_CONTENT_BYTES_MAX);
    FUZZ_CHECK(decoded.records <= BLOCK_RECORDS_MAX && decoded.gaps <= BLOCK_RECORDS_MAX);
    FUZZ_CHECK(decoded.first_ticks <= decoded.last_ticks);
    block_header_encode(&decoded, again);
    memcpy(again + 70, header + 70, 2); /* reserved: readers pass over it */
    FUZZ_CHECK(memcmp(header, again, 76) == 0);
}

static void block_add(struct byte_buffer *file, struct block_header *h, const void *content,
                      size_t size)
{
    unsigned char bytes[BLOCK_HEADER_BYTES] = {0};
    size_t at = file->size;

    FUZZ_CHECK(byte_buffer_append(file, bytes, sizeof(bytes)) == 0);
    FUZZ_CHECK(frame_append(NULL, FRAME_LEVEL_STORED, content, size, file) == 0);
    h->version = FORMAT_VERSION;
    h->content_bytes = (uint32_t)size;
    h->frame_bytes = (uint32_t)(file->size - at - sizeof(bytes));
    h->frame_crc = crc32c(file->bytes + at + sizeof(bytes), h->frame_bytes);
    block_header_encode(h, file->bytes + at);
}

/* Entries stand where blocks stand, unless they are to lie. */
static void index_mend(unsigned how, unsigned char *content, size_t size,
                       const struct trace_index *blocks)
{
    for (size_t i = 0; i < blocks->count && (i + 1) * BLOCK_INDEX_BYTES <= size; i++) {
        if (!(how & OFFSETS_AS_THEY_ARE))
            le64_store(content + i * BLOCK_INDEX_BYTES, blocks->entries[i].offset);
        if (!(how & FRAMES_AS_THEY_ARE))
            le32_store(content + i * BLOCK_INDEX_BYTES + 32, blocks->entries[i].frame_bytes);
    }
}

static void file_make(unsigned how, const uint8_t *end_bytes, const uint8_t *index_bytes,
                      size_t size, struct byte_buffer *file, uint64_t offsets[PIECES])
{
    static const enum block_kind kinds[PIECES] = {BLOCK_START, BLOCK_META, BLOCK_DATA};
    static const unsigned char content[BLOCK_DATA_BYTES];
    struct block_header header;
    struct trace_index blocks = {0};
    struct byte_buffer index = {0};
    unsigned char end_content[BLOCK_END_BYTES];
    struct trace_end end;

    for (unsigned i = 0; i < PIECES; i++) {
        struct index_entry entry;
        size_t at = file->size;

        offsets[i] = at;
        header = (struct block_header){.kind = (uint8_t)kinds[i], .sequence = i};
        block_add(file, &header, content, kinds[i] == BLOCK_DATA ? sizeof(content) : 0);
        entry = index_entry_of(&header, at);
        FUZZ_CHECK(trace_index_append(&blocks, &entry) == 0);
    }
    FUZZ_CHECK(byte_buffer_append(&index, index_bytes, size) == 0);
    index_mend(how, index.bytes, index.size, &blocks);
    trace_end_decode(end_bytes, &end);
    if (!(how & END_AS_IT_IS)) {
        end.index_offset = file->size;
        end.index_blocks = 1;
    }
    header = (struct block_header){.kind = BLOCK_INDEX, .records = (uint32_t)(size / 40)};
    block_add(file, &header, index.bytes, index.size);
    trace_end_encode(&end, end_content);
    header = (struct block_header){.kind = BLOCK_END};
    block_add(file, &header, end_content, sizeof(end_content));
    byte_buffer_free(&index);
    trace_index_free(&blocks);
}

static void say(void *context, const struct trace_finding *finding)
{
    (void)context;
    fuzz_touch(finding->text, strlen(finding->text));
}

static void places_check(const struct trace *trace, const uint64_t offsets[PIECES])
{
    struct trace_condition condition;
    struct trace_block_info info;

    trace_condition(trace, &condition);
    for (size_t i = 0; condition.indexed && trace_block_info(trace, i, &info); i++)
        FUZZ_CHECK(i < PIECES && info.offset == offsets[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const size_t front = 1 + BLOCK_HEADER_BYTES + BLOCK_END_BYTES;
    struct byte_buffer file = {0};
    uint64_t offsets[PIECES];
    struct trace_error error;
    struct trace *trace;
    const char *path;

    if (size < front)
        return 0;
    header_try(bytes + 1, bytes[0] & HEADER_AS_IT_IS);
    file_make(bytes[0], bytes + 1 + BLOCK_HEADER_BYTES, bytes + front, size - front, &file,
              offsets);
    path = fuzz_file(0, file.bytes, file.size);
    FUZZ_CHECK(trace_open(&trace, path, &error) == 0); /* whatever its index says */
    places_check(trace, offsets);
    trace_walk_tables(trace);
    trace_walk_events(trace);
    trace_close(trace);
    (void)trace_verify(path, say, NULL);
    byte_buffer_free(&file);
    return 0;
}
