/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_state.h"

enum {
    SEARCH_BYTES = 256 * 1024,         /* looked through at a time for the next header */
    START_BYTES_MAX = 64 << 10,        /* of a file's first block, and more */
    FIRST_SEARCH_BYTES_MAX = 16 << 20, /* a file without a header so far is not a trace */
};

/* ---- finding blocks: by the index ---- */

static int end_read(struct trace *t, uint64_t *end_offset)
{
    struct block_header header;
    struct index_entry entry;
    uint64_t bytes = BLOCK_HEADER_BYTES + frame_stored_bytes(BLOCK_END_BYTES);
    int status;

    if (t->size < bytes)
        return -ENOENT;
    *end_offset = t->size - bytes;
    status = trace_header_read(t, *end_offset, &header);
    if (status != 0 || header.kind != BLOCK_END || header.flags || header.recording != t->recording)
        return status == -EIO ? status : -ENOENT;
    entry = index_entry_of(&header, *end_offset);
    status = trace_entry_read(t, &entry, &header);
    if (status != 0)
        return status;
    if (t->loader.content.size != BLOCK_END_BYTES)
        return -EBADMSG;
    trace_end_decode(t->loader.content.bytes, &t->end);
    return 0;
}

/* One index block's entries. They have to follow one another without a hole from the start of the
 * file to the index, or the index is not believed. */
static int index_block_take(struct trace *t, struct trace_index *index, uint64_t *expected)
{
    const unsigned char *at = t->loader.content.bytes;

    if (t->loader.content.size % BLOCK_INDEX_BYTES)
        return -EBADMSG;
    for (size_t i = 0; i < t->loader.content.size / BLOCK_INDEX_BYTES;
         i++, at += BLOCK_INDEX_BYTES) {
        struct index_entry entry = {0};

        index_entry_decode(at, &entry);
        if (entry.offset != *expected || entry.records > BLOCK_RECORDS_MAX ||
            entry.first_ticks > entry.last_ticks)
            return -EBADMSG;
        *expected += BLOCK_HEADER_BYTES + (uint64_t)entry.frame_bytes;
        if (*expected > t->end.index_offset) /* no more entries than the file has room for */
            return -EBADMSG;
        if (trace_index_append(index, &entry) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int index_read(struct trace *t, struct trace_index *index, uint64_t end_offset)
{
    uint64_t at = t->end.index_offset, expected = 0;
    int status = at ? 0 : -ENOENT;

    for (uint32_t i = 0; i < t->end.index_blocks && status == 0; i++) {
        struct block_header header;
        struct index_entry entry;

        status = trace_header_read(t, at, &header);
        if (status == 0 &&
            (header.kind != BLOCK_INDEX || header.flags || header.recording != t->recording))
            status = -EBADMSG;
        if (status != 0)
            break;
        entry = index_entry_of(&header, at);
        status = trace_entry_read(t, &entry, &header);
        if (status == 0)
            status = index_block_take(t, index, &expected);
        at += BLOCK_HEADER_BYTES + (uint64_t)header.frame_bytes;
    }
    if (status == 0 && (at != end_offset || expected != t->end.index_offset))
        status = -EBADMSG;
    return status;
}

static void blocks_count(struct trace *t)
{
    struct trace_condition *c = &t->condition;

    c->blocks = t->blocks.count;
    c->data_blocks = c->records = 0;
    for (size_t i = 0; i < t->blocks.count; i++) {
        if (!index_entry_is(&t->blocks.entries[i], BLOCK_DATA))
            continue;
        c->data_blocks++;
        c->records += t->blocks.entries[i].records;
    }
}

/* Take all blocks from the index. -ENOENT or -EBADMSG: walk instead. */
static int blocks_from_index(struct trace *t)
{
    struct trace_index index = {0};
    struct block_header first;
    uint64_t end_offset;
    int status = trace_header_read(t, 0, &first);

    if (status != 0)
        return status;
    t->recording = first.recording;
    status = end_read(t, &end_offset);
    if (status == 0)
        status = index_read(t, &index, end_offset);
    memset(&t->condition, 0, sizeof(t->condition));
    if (status != 0) {
        trace_index_free(&index);
        return status;
    }
    t->blocks = index;
    t->condition.ended = t->condition.indexed = true;
    blocks_count(t);
    t->condition.blocks += 1 + t->end.index_blocks;
    return 0;
}

/* ---- finding blocks: by walking ---- */

/* The offset of the next good header at or after `from`; the file's size when there is none. */
static int header_search(const struct trace *t, uint64_t from, uint64_t *found)
{
    unsigned char *window = malloc(SEARCH_BYTES);
    uint64_t limit = t->condition.blocks ? t->size : FIRST_SEARCH_BYTES_MAX;
    int status = window ? 0 : -ENOMEM;

    *found = t->size;
    while (status == 0 && from < t->size && from < limit) {
        int64_t got = trace_bytes_read(t, from, window, SEARCH_BYTES);
        size_t at = 0;

        if (got <= 0) {
            status = (int)got;
            break;
        }
        while ((at += block_header_search(window + at, (size_t)got - at)) < (size_t)got) {
            struct block_header header;

            if (trace_header_read(t, from + at, &header) == 0) {
                *found = from + at;
                goto out;
            }
            at++;
        }
        if (got < SEARCH_BYTES)
            break;
        from += SEARCH_BYTES; /* a header across the seam was found by its first bytes */
    }
out:
    free(window);
    return status;
}

/* 1, 0, or a negative errno. */
static int is_all_zero(const struct trace *t, uint64_t from)
{
    unsigned char bytes[4096];
    int64_t got;

    while ((got = trace_bytes_read(t, from, bytes, sizeof(bytes))) > 0) {
        for (int64_t i = 0; i < got; i++)
            if (bytes[i])
                return 0;
        from += (uint64_t)got;
    }
    return got < 0 ? (int)got : 1;
}

/* No header from here to the end. A piece of one, or nothing but zeros (a file system that lost
 * power), is where a recording was cut off; anything else is damage. */
static int tail_judge(struct trace *t, uint64_t offset)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    uint64_t left = t->size - offset;
    int64_t got;

    if (left && t->condition.ended) {
        trace_damage(t, NULL, offset, "something follows the end of the recording at offset %llu",
                     (unsigned long long)offset);
        return 0;
    }
    got = is_all_zero(t, offset);
    if (got != 0)
        return got < 0 ? (int)got : 0;
    if (left < BLOCK_HEADER_BYTES) {
        got = trace_bytes_read(t, offset, bytes, sizeof(bytes));
        if (got < 0)
            return (int)got;
        if (block_header_search(bytes, (size_t)got) == 0)
            return 0;
    }
    trace_damage(t, NULL, offset, "the block header at offset %llu is damaged",
                 (unsigned long long)offset);
    return 0;
}

static int entry_add(struct trace *t, const struct block_header *header, uint64_t offset)
{
    struct index_entry entry = index_entry_of(header, offset);

    if (t->condition.blocks++ == 0)
        t->recording = header->recording;
    if (index_entry_is(&entry, BLOCK_END))
        t->condition.ended = true;
    return trace_index_append(&t->blocks, &entry);
}

int trace_blocks_walk(struct trace *t)
{
    uint64_t offset = 0, after = 0; /* `after`: nothing before it can be the next header */
    bool cut = false;               /* the last header is good, but its frame is not all there */
    int status;

    trace_index_free(&t->blocks);
    memset(&t->condition, 0, sizeof(t->condition));
    while (offset < t->size) {
        struct block_header header;
        uint64_t next, bytes;

        status = trace_header_read(t, offset, &header);
        if (status != 0 && status != -EBADMSG)
            return status;
        cut = status == 0;
        bytes = BLOCK_HEADER_BYTES + (cut ? (uint64_t)header.frame_bytes : 0);
        if (cut || offset == 0)
            after = offset + 1;
        if (cut && bytes <= t->size - offset) {
            status = entry_add(t, &header, offset);
            if (status != 0)
                return status;
            offset += bytes;
            cut = false;
            continue;
        }
        /* The frame before may be what is damaged, so look for the next header from there on. */
        status = header_search(t, after, &next);
        if (status != 0)
            return status;
        if (next == t->size)
            break;
        trace_damage(t, NULL, offset, "the block at offset %llu is damaged",
                     (unsigned long long)offset);
        offset = next;
    }
    blocks_count(t);
    if (t->blocks.count == 0)
        return -EBADMSG;
    status = cut ? 0 : tail_judge(t, offset);
    if (status != 0)
        return status;
    if (!t->condition.ended && t->condition.damaged_blocks == 0) {
        t->condition.damage_offset = offset;
        snprintf(t->condition.message, sizeof(t->condition.message),
                 "the file was cut off at offset %llu", (unsigned long long)offset);
    }
    return 0;
}

/* ---- both ---- */

/* What a recorder leaves that was killed in its first write. */
static bool start_is_torn(const struct trace *t)
{
    unsigned char bytes[BLOCK_HEADER_BYTES];
    int64_t got = trace_bytes_read(t, 0, bytes, sizeof(bytes));

    return got > 0 && t->size < START_BYTES_MAX && block_header_begins(bytes, (size_t)got);
}

int trace_blocks_find(struct trace *t, struct trace_error *error)
{
    struct block_header first;
    int status = trace_header_read(t, 0, &first);

    if (status == -EPROTONOSUPPORT)
        return trace_error_set(
            error, status, 0,
            "this is a trace of format version %u; this adatrace reads version %d", first.version,
            FORMAT_VERSION);
    status = t->walks ? -ENOENT : blocks_from_index(t);
    if (status == -ENOENT || status == -EBADMSG)
        status = trace_blocks_walk(t);
    if (status == -EBADMSG && start_is_torn(t))
        return trace_error_set(
            error, -ENODATA, 0,
            "it was cut off before its first block was whole, and holds nothing");
    if (status == -EBADMSG)
        return trace_error_set(error, status, 0, "this is not an adatrace file");
    if (status != 0)
        return trace_error_set(error, status, 0, "cannot read the file: %s",
                               strerrordesc_np(-status));
    return 0;
}
