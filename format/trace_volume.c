/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_volume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "format/items.h"

enum {
    INDEX_ENTRIES_PER_BLOCK = 65536,
    META_BLOCK_BYTES = 64 * 1024, /* items of one block, unless a single one is larger */
};

/* Tells this file's blocks from those of another trace that happens to stand inside its data. */
static uint32_t recording_number(void)
{
    uint32_t number;
    struct timespec now;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number))
        return number;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 10 ^ (uint32_t)getpid();
}

void trace_volume_open(struct trace_volume *v, int fd, uint64_t reserve_bytes)
{
    *v = (struct trace_volume){.recording = recording_number(), .output.fd = -1};
    if (fd >= 0)
        trace_output_open(&v->output, fd, reserve_bytes);
}

void trace_volume_free(struct trace_volume *v)
{
    if (v->output.fd >= 0)
        (void)trace_output_close(&v->output);
    trace_index_free(&v->index);
}

/* ---- blocks ---- */

int trace_volume_put(struct trace_volume *v, struct block_header *header, unsigned char *bytes,
                     bool last)
{
    size_t size = BLOCK_HEADER_BYTES + (size_t)header->frame_bytes;
    struct index_entry entry = index_entry_of(header, v->output.written);
    int status = trace_index_reserve(&v->index); /* first: what is in the file counts as stored */

    if (status != 0)
        return status;
    header->sequence = v->sequence;
    header->recording = v->recording;
    block_header_encode(header, bytes);
    CRASH_POINT("block.begun");
    status = trace_output_write(&v->output, bytes, size, last);
    if (status != 0)
        return status;
    CRASH_POINT("block.written");
    v->sequence++;
    return trace_index_append(&v->index, &entry);
}

int trace_volume_write(struct trace_volume *v, struct block_encoder *encoder,
                       struct block_header *header, const void *content, size_t size, int level,
                       bool last)
{
    int status = block_pack(encoder, header, level, content, size);

    return status ? status : trace_volume_put(v, header, encoder->block.bytes, last);
}

/* ---- metadata ---- */

int trace_volume_items(struct trace_volume *v, struct block_encoder *encoder, const void *bytes,
                       size_t size, int level, bool last)
{
    const unsigned char *at = bytes;
    struct item_view view;
    int status = 0;

    while (size && status == 0) {
        struct block_header header = {.kind = BLOCK_META};
        size_t part = 0;

        while (part < size && part < META_BLOCK_BYTES) {
            int64_t length = item_next(at + part, size - part, &view);

            if (length < 0)
                return (int)length;
            part += (size_t)length;
            header.records++;
        }
        status = trace_volume_write(v, encoder, &header, at, part, level, last);
        at += part;
        size -= part;
    }
    return status;
}

int trace_volume_begin(struct trace_volume *v, struct block_encoder *encoder,
                       const struct byte_buffer *recording, const struct byte_buffer *items,
                       int level)
{
    struct block_header header = {.kind = BLOCK_START, .records = 1};
    int status =
        trace_volume_write(v, encoder, &header, recording->bytes, recording->size, level, false);

    return status ? status
                  : trace_volume_items(v, encoder, items->bytes, items->size, level, false);
}

/* ---- the end ---- */

/* The errno why. Where no write had failed there was no memory to stage them in. */
static int loss_error(const struct trace_volume *v)
{
    return v->error             ? -v->error
           : v->inherited_error ? v->inherited_error
           : v->lost_records    ? ENOMEM
                                : 0;
}

int trace_volume_loss_append(const struct trace_volume *v, struct byte_buffer *items,
                             uint32_t *count)
{
    char text[160];
    struct trace_note note = {.kind = TRACE_NOTE_WARNING, .text = text};
    int status;

    if (v->lost_records == 0)
        return 0;
    snprintf(text, sizeof(text), "%llu records could not be written: %s",
             (unsigned long long)v->lost_records, strerrordesc_np(loss_error(v)));
    for (size_t i = 0; i < v->index.count; i++)
        if (v->index.entries[i].last_ticks > note.ticks)
            note.ticks = v->index.entries[i].last_ticks;
    status = item_append(items, ITEM_NOTE, &note); /* the end block carries the count as well */
    *count += status == 0;
    return status;
}

static struct trace_end end_summary(const struct trace_volume *v)
{
    struct trace_end end = {.lost_records = v->lost_records + v->inherited_lost,
                            .error = loss_error(v)};

    for (size_t i = 0; i < v->index.count; i++) {
        const struct index_entry *entry = &v->index.entries[i];

        end.blocks++;
        if (entry->kind != BLOCK_DATA)
            continue;
        if (end.data_blocks == 0 || entry->first_ticks < end.first_ticks)
            end.first_ticks = entry->first_ticks;
        if (entry->last_ticks > end.last_ticks)
            end.last_ticks = entry->last_ticks;
        end.data_blocks++;
        end.records += entry->records;
    }
    return end;
}

/* The index of everything so far, in as many blocks as it takes. On failure the file goes without:
 * readers then walk the headers. */
static int index_write(struct trace_volume *v, struct block_encoder *encoder, struct trace_end *end)
{
    size_t count = v->index.count, done = 0;
    struct byte_buffer content = {0};
    int status = 0;

    end->index_offset = v->output.written;
    while (done < count && status == 0) {
        size_t part =
            count - done < INDEX_ENTRIES_PER_BLOCK ? count - done : INDEX_ENTRIES_PER_BLOCK;
        struct block_header header = {.kind = BLOCK_INDEX, .records = (uint32_t)part};

        content.size = 0;
        status = byte_buffer_reserve(&content, part * BLOCK_INDEX_BYTES);
        if (status != 0)
            break;
        for (size_t i = 0; i < part; i++)
            index_entry_encode(&v->index.entries[done + i], content.bytes + i * BLOCK_INDEX_BYTES);
        status = trace_volume_write(v, encoder, &header, content.bytes, part * BLOCK_INDEX_BYTES, 1,
                                    true);
        end->index_blocks++;
        done += part;
    }
    byte_buffer_free(&content);
    if (status != 0) {
        end->index_offset = 0;
        end->index_blocks = 0;
    }
    return status;
}

static int end_write(struct trace_volume *v, struct block_encoder *encoder,
                     const struct trace_end *end)
{
    struct block_header header = {.kind = BLOCK_END};
    unsigned char content[BLOCK_END_BYTES];

    /* Stored: the block's size is then always the same, and a reader finds it from the end. */
    trace_end_encode(end, content);
    return trace_volume_write(v, encoder, &header, content, sizeof(content), FRAME_LEVEL_STORED,
                              true);
}

/* An end that found no room has the index's, and the end whose write failed is tried once more. A
 * file without an index is read all the same; one without an end was never closed, to its reader.
 */
static void end_write_again(struct trace_volume *v, struct block_encoder *encoder,
                            struct trace_end *end, uint64_t offset, uint64_t sequence)
{
    if (trace_output_cut(&v->output, offset) != 0)
        return;
    v->sequence = sequence;
    end->index_offset = 0;
    end->index_blocks = 0;
    (void)!end_write(v, encoder, end); /* why the first one failed is told already */
}

int trace_volume_end(struct trace_volume *v, struct block_encoder *encoder)
{
    const uint64_t offset = v->output.written, sequence = v->sequence; /* of the index */
    struct trace_end end = end_summary(v);
    int first = index_write(v, encoder, &end), status;

    CRASH_POINT("file.indexed");
    status = end_write(v, encoder, &end);
    if (status != 0)
        end_write_again(v, encoder, &end, offset, sequence);
    first = first ? first : status;
    CRASH_POINT("file.ended");
    status = trace_output_close(&v->output);
    return first ? first : status;
}
