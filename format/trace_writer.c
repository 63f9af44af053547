/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "format/crc32c.h"
#include "format/writer_state.h"

enum {
    BLOCK_RECORDS_DEFAULT = 16384,
    RESERVE_BYTES_DEFAULT = 1 << 20,
    INDEX_ENTRIES_PER_BLOCK = 65536,
};

/* ---- blocks ---- */

/* Make room for the header, append the frame, then fill the header in: it has to know the frame. */
static int block_build(struct trace_writer *w, struct block_header *header, const void *content,
                       size_t content_bytes, int level)
{
    struct byte_buffer *block = &w->block;
    int status;

    block->size = 0;
    status = byte_buffer_reserve(block, BLOCK_HEADER_BYTES);
    if (status != 0)
        return status;
    block->size = BLOCK_HEADER_BYTES;
    status = frame_append(w->compressor, level, content, content_bytes, block);
    if (status != 0)
        return status;
    header->version = FORMAT_VERSION;
    header->sequence = w->sequence;
    header->content_bytes = (uint32_t)content_bytes;
    header->frame_bytes = (uint32_t)(block->size - BLOCK_HEADER_BYTES);
    header->frame_crc = crc32c(block->bytes + BLOCK_HEADER_BYTES, header->frame_bytes);
    header->level = (int16_t)level;
    header->recording = w->recording;
    block_header_encode(header, block->bytes);
    return 0;
}

int writer_block_write(struct trace_writer *w, struct block_header *header, const void *content,
                       size_t content_bytes, int level, bool last)
{
    uint64_t start_ns = clock_monotonic_ns(), packed_ns;
    struct index_entry entry;
    int status = block_build(w, header, content, content_bytes, level);

    if (status != 0)
        return status;
    packed_ns = clock_monotonic_ns();
    entry = index_entry_of(header, w->output.written);
    status = trace_output_write(&w->output, w->block.bytes, w->block.size, last);
    w->stats.pack_ns += packed_ns - start_ns;
    w->stats.write_ns += clock_monotonic_ns() - packed_ns;
    if (status != 0) {
        if (w->error == 0)
            w->error = status;
        return status;
    }
    w->sequence++;
    w->stats.blocks++;
    w->stats.content_bytes += content_bytes;
    w->stats.file_bytes = w->output.written;
    return trace_index_append(&w->index, &entry);
}

/* ---- open ---- */

static void options_apply(struct trace_writer *w, const struct trace_writer_options *options)
{
    static const struct trace_writer_options defaults = {.level = 1};

    if (!options)
        options = &defaults;
    (void)trace_writer_set_level(w, options->level);
    w->block_records = options->block_records ? options->block_records : BLOCK_RECORDS_DEFAULT;
    if (w->block_records > BLOCK_RECORDS_MAX)
        w->block_records = BLOCK_RECORDS_MAX;
    trace_output_open(&w->output, w->output.fd,
                      options->reserve_bytes ? options->reserve_bytes : RESERVE_BYTES_DEFAULT);
}

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

static int start_write(struct trace_writer *w, const struct trace_recording *recording)
{
    struct block_header header = {.kind = BLOCK_START, .records = 1};
    int status = item_append(&w->content, ITEM_RECORDING, recording);

    if (status != 0)
        return status;
    return writer_block_write(w, &header, w->content.bytes, w->content.size, w->level, false);
}

static void writer_free(struct trace_writer *w)
{
    while (w->streams)
        stream_free(w->streams);
    if (w->output.fd >= 0)
        (void)trace_output_close(&w->output);
    frame_compressor_destroy(w->compressor);
    column_encoder_fini(&w->encoder);
    trace_index_free(&w->index);
    byte_buffer_free(&w->content);
    byte_buffer_free(&w->block);
    free(w->positions);
    writer_meta_free(w);
    free(w);
}

int trace_writer_open(struct trace_writer **out, int fd, const struct trace_writer_options *options,
                      const struct trace_recording *recording)
{
    struct trace_writer *w = calloc(1, sizeof(*w));
    int status = -ENOMEM;

    *out = NULL;
    if (!w) {
        close(fd);
        return -ENOMEM;
    }
    w->output.fd = fd;
    options_apply(w, options);
    w->recording = recording_number();
    w->compressor = frame_compressor_create();
    if (!w->compressor || column_encoder_init(&w->encoder) != 0)
        goto fail;
    status = start_write(w, recording);
    if (status != 0)
        goto fail;
    *out = w;
    return 0;

fail:
    writer_free(w);
    return status;
}

int trace_writer_set_level(struct trace_writer *w, int level)
{
    if (level < FRAME_LEVEL_MIN || level > FRAME_LEVEL_MAX)
        return -EINVAL;
    w->level = level;
    return 0;
}

/* ---- flush ---- */

int trace_writer_flush(struct trace_writer *w)
{
    int first = 0;

    for (struct trace_stream *s = w->streams; s; s = s->next) {
        int status = trace_stream_flush(s);

        if (first == 0)
            first = status;
    }
    if (first == 0)
        first = writer_meta_flush(w, false);
    return first;
}

void trace_writer_stats(const struct trace_writer *w, struct trace_writer_stats *out)
{
    *out = w->stats;
}

/* ---- close ---- */

/* What the file itself says about records that the disk had no room for. */
static void loss_note(struct trace_writer *w)
{
    char text[160];
    struct trace_note note = {.kind = TRACE_NOTE_WARNING, .text = text};

    if (w->stats.lost_records == 0)
        return;
    snprintf(text, sizeof(text), "%llu records could not be written: %s",
             (unsigned long long)w->stats.lost_records, strerror(-w->error));
    for (size_t i = 0; i < w->index.count; i++)
        if (w->index.entries[i].last_ticks > note.ticks)
            note.ticks = w->index.entries[i].last_ticks;
    (void)trace_writer_note(w, &note); /* the end block carries the count as well */
}

static struct trace_end end_summary(const struct trace_writer *w)
{
    struct trace_end end = {.lost_records = w->stats.lost_records, .error = -w->error};

    for (size_t i = 0; i < w->index.count; i++) {
        const struct index_entry *entry = &w->index.entries[i];

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
static int index_write(struct trace_writer *w, struct trace_end *end)
{
    size_t count = w->index.count, done = 0;
    int status = 0;

    end->index_offset = w->output.written;
    while (done < count && status == 0) {
        size_t part =
            count - done < INDEX_ENTRIES_PER_BLOCK ? count - done : INDEX_ENTRIES_PER_BLOCK;
        struct block_header header = {.kind = BLOCK_INDEX, .records = (uint32_t)part};

        w->content.size = 0;
        status = byte_buffer_reserve(&w->content, part * BLOCK_INDEX_BYTES);
        if (status != 0)
            break;
        for (size_t i = 0; i < part; i++)
            index_entry_encode(&w->index.entries[done + i],
                               w->content.bytes + i * BLOCK_INDEX_BYTES);
        status =
            writer_block_write(w, &header, w->content.bytes, part * BLOCK_INDEX_BYTES, 1, true);
        end->index_blocks++;
        done += part;
    }
    if (status != 0) {
        end->index_offset = 0;
        end->index_blocks = 0;
    }
    return status;
}

static int end_write(struct trace_writer *w, const struct trace_end *end)
{
    struct block_header header = {.kind = BLOCK_END};
    unsigned char content[BLOCK_END_BYTES];

    /* Stored: the block's size is then always the same, and a reader finds it from the end. */
    trace_end_encode(end, content);
    return writer_block_write(w, &header, content, sizeof(content), FRAME_LEVEL_STORED, true);
}

int trace_writer_close(struct trace_writer *w)
{
    struct trace_end end;
    int first = trace_writer_flush(w), status;

    loss_note(w);
    status = writer_meta_flush(w, true);
    first = first ? first : status;
    end = end_summary(w);
    status = index_write(w, &end);
    first = first ? first : status;
    status = end_write(w, &end);
    first = first ? first : status;
    status = trace_output_close(&w->output);
    first = first ? first : status;
    first = w->error ? w->error : first;
    writer_free(w);
    return first;
}
