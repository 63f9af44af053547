/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

struct index_entry index_entry_of(const struct block_header *header, uint64_t offset)
{
    return (struct index_entry){
        .offset = offset,
        .first_ticks = header->first_ticks,
        .last_ticks = header->last_ticks,
        .thread = header->thread,
        .records = header->records,
        .frame_bytes = header->frame_bytes,
        .kind = header->kind,
        .flags = header->flags,
        .level = header->level,
    };
}

int trace_index_reserve(struct trace_index *index)
{
    size_t capacity = index->capacity ? index->capacity * 2 : 64;
    struct index_entry *entries;

    if (index->count < index->capacity)
        return 0;
    entries = realloc(index->entries, capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    index->entries = entries;
    index->capacity = capacity;
    return 0;
}

int trace_index_append(struct trace_index *index, const struct index_entry *entry)
{
    int status = trace_index_reserve(index);

    if (status == 0)
        index->entries[index->count++] = *entry;
    return status;
}

void trace_index_free(struct trace_index *index)
{
    free(index->entries);
    memset(index, 0, sizeof(*index));
}

void index_entry_encode(const struct index_entry *entry, unsigned char out[BLOCK_INDEX_BYTES])
{
    le64_store(out, entry->offset);
    le64_store(out + 8, entry->first_ticks);
    le64_store(out + 16, entry->last_ticks);
    le32_store(out + 24, entry->thread);
    le32_store(out + 28, entry->records);
    le32_store(out + 32, entry->frame_bytes);
    out[36] = entry->kind;
    out[37] = entry->flags;
    le16_store(out + 38, (uint16_t)entry->level);
}

void index_entry_decode(const unsigned char in[BLOCK_INDEX_BYTES], struct index_entry *entry)
{
    entry->offset = le64_load(in);
    entry->first_ticks = le64_load(in + 8);
    entry->last_ticks = le64_load(in + 16);
    entry->thread = le32_load(in + 24);
    entry->records = le32_load(in + 28);
    entry->frame_bytes = le32_load(in + 32);
    entry->kind = in[36];
    entry->flags = in[37];
    entry->level = (int16_t)le16_load(in + 38);
}

void trace_end_encode(const struct trace_end *end, unsigned char out[BLOCK_END_BYTES])
{
    le64_store(out, end->blocks);
    le64_store(out + 8, end->data_blocks);
    le64_store(out + 16, end->records);
    le64_store(out + 24, end->lost_records);
    le64_store(out + 32, end->index_offset);
    le64_store(out + 40, end->first_ticks);
    le64_store(out + 48, end->last_ticks);
    le32_store(out + 56, end->index_blocks);
    le32_store(out + 60, (uint32_t)end->error);
}

void trace_end_decode(const unsigned char in[BLOCK_END_BYTES], struct trace_end *end)
{
    end->blocks = le64_load(in);
    end->data_blocks = le64_load(in + 8);
    end->records = le64_load(in + 16);
    end->lost_records = le64_load(in + 24);
    end->index_offset = le64_load(in + 32);
    end->first_ticks = le64_load(in + 40);
    end->last_ticks = le64_load(in + 48);
    end->index_blocks = le32_load(in + 56);
    end->error = (int32_t)le32_load(in + 60);
}
