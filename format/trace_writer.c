/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "format/writer_state.h"

enum {
    BLOCK_RECORDS_DEFAULT = 16384,
    RESERVE_BYTES_DEFAULT = 1 << 20,
    INDEX_ENTRIES_PER_BLOCK = 65536,
};

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
    struct byte_buffer content = {0};
    int status = catalogue_add(w->catalogue, ITEM_RECORDING, recording);

    if (status == 0)
        status = catalogue_recording(w->catalogue, &content);
    if (status == 0)
        status = writer_block_write(w, &header, content.bytes, content.size, w->level, false);
    byte_buffer_free(&content);
    return status;
}

static void writer_free(struct trace_writer *w)
{
    block_queue_destroy(w->queue);
    w->queue = NULL;
    while (w->streams)
        stream_free(w->streams);
    while (w->drafts) {
        struct draft *next = w->drafts->next;

        draft_free(w->drafts);
        w->drafts = next;
    }
    if (w->output.fd >= 0)
        (void)trace_output_close(&w->output);
    block_encoder_fini(&w->encoder);
    trace_index_free(&w->index);
    catalogue_destroy(w->catalogue);
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
    w->catalogue = catalogue_create();
    if (!w->catalogue || block_encoder_init(&w->encoder) != 0)
        goto fail;
    status = start_write(w, recording);
    if (status != 0)
        goto fail;
    /* Without threads of its own a writer works as well. */
    if (options && options->threads > 1)
        w->queue = block_queue_create(w, options->threads - 1);
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
        int status = stream_flush(s);

        if (first == 0)
            first = status;
    }
    if (first == 0)
        first = writer_meta_flush(w, false);
    writer_settle(w);
    return first ? first : writer_error(w);
}

void trace_writer_stats(const struct trace_writer *w, struct trace_writer_stats *out)
{
    writer_lock(w);
    *out = w->stats;
    writer_unlock(w);
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
    struct trace_end end = {.lost_records = w->stats.lost_records + w->copied_lost,
                            .error = w->error ? -w->error : w->copied_error};

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
    struct byte_buffer content = {0};
    int status = 0;

    end->index_offset = w->output.written;
    while (done < count && status == 0) {
        size_t part =
            count - done < INDEX_ENTRIES_PER_BLOCK ? count - done : INDEX_ENTRIES_PER_BLOCK;
        struct block_header header = {.kind = BLOCK_INDEX, .records = (uint32_t)part};

        content.size = 0;
        status = byte_buffer_reserve(&content, part * BLOCK_INDEX_BYTES);
        if (status != 0)
            break;
        for (size_t i = 0; i < part; i++)
            index_entry_encode(&w->index.entries[done + i], content.bytes + i * BLOCK_INDEX_BYTES);
        status = writer_block_write(w, &header, content.bytes, part * BLOCK_INDEX_BYTES, 1, true);
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
    first = writer_error(w) ? writer_error(w) : first;
    writer_free(w);
    return first;
}
