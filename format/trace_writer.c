/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/writer_state.h"

enum {
    BLOCK_RECORDS_DEFAULT = 16384,
    RESERVE_BYTES_DEFAULT = 1 << 20,
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
    w->block_bytes = DRAFT_BYTES_MAX;
    w->reserve_bytes = options->reserve_bytes ? options->reserve_bytes : RESERVE_BYTES_DEFAULT;
}

static int start_write(struct trace_writer *w, const struct trace_recording *recording)
{
    struct byte_buffer content = {0};
    int status = catalogue_add(w->catalogue, ITEM_RECORDING, recording);

    if (status == 0)
        status = catalogue_recording(w->catalogue, &content);
    if (status == 0)
        status = trace_volume_begin(&w->volume, &w->encoder, &content, &(struct byte_buffer){0},
                                    w->level);
    if (status == 0)
        writer_block_count(w, &(struct block_header){.content_bytes = (uint32_t)content.size});
    byte_buffer_free(&content);
    return status;
}

static int flight_begin(struct trace_writer *w, const struct trace_writer_options *options,
                        const struct trace_recording *recording)
{
    int status = catalogue_add(w->catalogue, ITEM_RECORDING, recording);

    return status ? status : writer_flight_begin(w, options);
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
    trace_volume_free(&w->volume);
    block_encoder_fini(&w->encoder);
    catalogue_destroy(w->catalogue);
    block_store_destroy(w->store);
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
        if (fd >= 0)
            close(fd);
        return -ENOMEM;
    }
    options_apply(w, options);
    trace_volume_open(&w->volume, fd, w->reserve_bytes);
    w->catalogue = catalogue_create();
    if (!w->catalogue || block_encoder_init(&w->encoder) != 0)
        goto fail;
    status = options && options->flight ? flight_begin(w, options, recording)
                                        : start_write(w, recording);
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
        first = writer_meta_flush(w);
    writer_settle(w);
    if (first == 0)
        first = writer_items_catch_up(w, &w->encoder, w->level);
    return first ? first : writer_error(w);
}

void trace_writer_flush_begin(struct trace_writer *w)
{
    w->unflushed = w->streams;
}

bool trace_writer_flush_next(struct trace_writer *w)
{
    struct trace_stream *s = w->unflushed;

    while (s && !s->draft) /* an idle one costs nothing */
        s = s->next;
    w->unflushed = s ? s->next : NULL;
    if (s)
        (void)!stream_flush(s); /* what cannot be written is counted, and told by the next flush */
    return s != NULL;
}

void trace_writer_stats(const struct trace_writer *w, struct trace_writer_stats *out)
{
    writer_lock(w);
    *out = w->stats;
    writer_unlock(w);
}

/* ---- close ---- */

int trace_writer_close(struct trace_writer *w)
{
    int first = trace_writer_flush(w), status;

    if (w->store) {
        status = writer_outcome(w);
        writer_free(w);
        return first ? first : status;
    }
    w->volume.lost_records = w->stats.lost_records - w->lost_before;
    w->volume.error = writer_outcome(w);
    w->volume.inherited_lost = w->copied_lost;
    w->volume.inherited_error = w->copied_error;
    status = trace_volume_loss_append(&w->volume, &w->meta, &w->meta_items);
    first = first ? first : status;
    status = writer_meta_end(w);
    first = first ? first : status;
    if (w->volume.error == 0) /* so that the end tells that something is missing */
        w->volume.error = first;
    status = trace_volume_end(&w->volume, &w->encoder);
    first = first ? first : status;
    first = w->volume.error ? w->volume.error : first;
    writer_free(w);
    return first;
}
