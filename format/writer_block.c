/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "format/writer_state.h"

enum {
    DRAFTS_KEPT = 8,            /* of those that nobody uses */
    DRAFT_KEPT_BYTES = 1 << 20, /* memory that such a one keeps in its stages */
};

void writer_lock(const struct trace_writer *w)
{
    if (w->queue)
        pthread_mutex_lock(block_queue_lock(w->queue));
}

void writer_unlock(const struct trace_writer *w)
{
    if (w->queue)
        pthread_mutex_unlock(block_queue_lock(w->queue));
}

int writer_error(const struct trace_writer *w)
{
    return load_relaxed(&w->error); /* relaxed: seen late, a block more is lost, and counted */
}

/* Under the lock. */
static void loss_note(struct trace_writer *w, uint64_t records, int error)
{
    w->stats.lost_records += records;
    if (w->loss_error == 0)
        w->loss_error = error;
}

void writer_loss_count(struct trace_writer *w, uint64_t records, int error)
{
    writer_lock(w);
    loss_note(w, records, error);
    writer_unlock(w);
}

int writer_outcome(const struct trace_writer *w)
{
    return w->error ? w->error : w->loss_error;
}

/* ---- drafts ---- */

struct draft *writer_draft_take(struct trace_writer *w)
{
    struct draft *draft;

    writer_lock(w);
    draft = w->drafts;
    if (draft) {
        w->drafts = draft->next;
        w->draft_count--;
    }
    writer_unlock(w);
    return draft ? draft : draft_create();
}

static void bytes_count(struct trace_writer *w, struct draft *draft, size_t bytes)
{
    w->drafts_bytes += bytes - draft->counted_bytes;
    draft->counted_bytes = bytes;
}

bool writer_draft_count(struct trace_writer *w, struct draft *draft)
{
    bool crowded;

    writer_lock(w);
    bytes_count(w, draft, draft_bytes(draft));
    crowded = w->drafts_bytes > DRAFTS_BYTES_MAX;
    writer_unlock(w);
    return crowded;
}

/* Nobody uses them. */
static void drafts_drop(struct trace_writer *w)
{
    struct draft *draft, *next;

    writer_lock(w);
    draft = w->drafts;
    w->drafts = NULL;
    w->draft_count = 0;
    for (next = draft; next; next = next->next)
        bytes_count(w, next, 0);
    writer_unlock(w);
    for (; draft; draft = next) {
        next = draft->next;
        draft_free(draft);
    }
}

/*
 * Each pass takes the drafts that are larger than the mean of all, then half of that, and so on: a
 * draft that has just begun stays where others hold the memory, and whoever is passed over now is
 * above the mean the next time. What they held is not kept for others.
 */
void writer_drafts_relieve(struct trace_writer *w)
{
    const size_t enough = DRAFTS_BYTES_MAX / 2;
    size_t held = 0, count = 0;

    for (const struct trace_stream *s = w->streams; s; s = s->next)
        if (s->draft) {
            held += s->draft->counted_bytes;
            count++;
        }
    for (size_t least = count ? held / count : 0; least && held > enough; least /= 2)
        for (struct trace_stream *s = w->streams; s && held > enough; s = s->next)
            if (s->draft && s->draft->counted_bytes >= least) {
                held -= s->draft->counted_bytes;
                (void)!stream_flush(s); /* what cannot be written is counted, and told by a flush */
            }
    drafts_drop(w);
}

void writer_draft_give(struct trace_writer *w, struct draft *draft)
{
    bool kept;

    draft_empty(draft);
    if (draft_bytes(draft) > DRAFT_KEPT_BYTES)
        draft_trim(draft);
    writer_lock(w);
    kept = w->draft_count < DRAFTS_KEPT;
    bytes_count(w, draft, kept ? draft_bytes(draft) : 0);
    if (kept) {
        draft->next = w->drafts;
        w->drafts = draft;
        w->draft_count++;
    }
    writer_unlock(w);
    if (!kept)
        draft_free(draft);
}

/* ---- from a job to a block in the file ---- */

static struct block_tally tally_of(const struct draft *draft)
{
    struct block_tally tally = {.ring_bytes = block_ring_bytes(draft)};

    for (uint32_t i = 0; i < draft->gap_count; i++) {
        const struct trace_gap *gap = &draft->gaps[i].gap;

        if (gap->kind == TRACE_GAP_DROPPED) {
            tally.dropped += gap->records;
            tally.dropped_bytes += gap->bytes;
        } else if (gap->kind == TRACE_GAP_OVERWRITTEN) {
            tally.overwritten += gap->records;
            tally.overwritten_bytes += gap->bytes;
        }
    }
    return tally;
}

void writer_job_encode(struct block_encoder *e, struct block_job *job)
{
    uint64_t start_ns;
    const struct byte_buffer *content = &job->content;
    int status = 0;

    if (job->draft) {
        job->tally = tally_of(job->draft);
        status = block_content_build(e, job->draft);
        content = &e->content;
    }
    start_ns = clock_monotonic_ns();
    if (status == 0)
        status = block_pack(e, &job->header, job->level, content->bytes, content->size);
    job->pack_ns = clock_monotonic_ns() - start_ns;
    job->status = status;
    job->bytes = e->block.bytes;
    job->addresses = e->addresses;
    job->address_count = job->draft ? e->address_count : 0;
}

void writer_block_count(struct trace_writer *w, const struct block_header *header)
{
    w->stats.blocks++;
    w->stats.content_bytes += header->content_bytes;
    w->stats.file_bytes = w->bytes_before + w->volume.output.written;
}

int writer_block_commit(struct trace_writer *w, struct block_header *header, unsigned char *bytes,
                        bool last)
{
    uint64_t start_ns = clock_monotonic_ns(), blocks = w->volume.sequence;
    int status = trace_volume_put(&w->volume, header, bytes, last);

    writer_lock(w);
    w->stats.write_ns += clock_monotonic_ns() - start_ns;
    if (w->volume.sequence != blocks)
        writer_block_count(w, header);
    else if (w->error == 0)
        store_relaxed(&w->error, status); /* relaxed: writer_error() */
    writer_unlock(w);
    return status;
}

/* A flight recorder's block. */
static int block_keep(struct trace_writer *w, const struct block_job *job)
{
    int status =
        block_store_put(w->store, &job->header, job->bytes + BLOCK_HEADER_BYTES, &job->tally);

    if (status != 0)
        return status;
    writer_lock(w);
    w->stats.blocks++;
    w->stats.content_bytes += job->header.content_bytes;
    w->stats.file_bytes += BLOCK_HEADER_BYTES + (uint64_t)job->header.frame_bytes;
    writer_unlock(w);
    return 0;
}

int writer_block_write(struct trace_writer *w, struct block_header *header, const void *content,
                       size_t content_bytes, int level, bool last)
{
    int status = block_pack(&w->encoder, header, level, content, content_bytes);

    return status ? status : writer_block_commit(w, header, w->encoder.block.bytes, last);
}

/* Once the disk is full items are only kept: the end of the file has room for them, data does not.
 * Where there is no memory to keep them, what comes behind them would be of unknown types. */
static void meta_take_back(struct trace_writer *w, struct block_job *job)
{
    int status = 0;

    if (w->meta_back_items == 0) {
        byte_buffer_free(&w->meta_back);
        w->meta_back = job->content;
        job->content = (struct byte_buffer){0};
    } else {
        status = byte_buffer_append(&w->meta_back, job->content.bytes, job->content.size);
    }
    if (status == 0) {
        w->meta_back_items += job->header.records;
        return;
    }
    loss_note(w, 0, status);
    if (w->error == 0)
        store_relaxed(&w->error, status); /* relaxed: writer_error() */
}

static void addresses_merge(struct address_set *set, const struct block_job *job)
{
    for (size_t i = 0; i < job->address_count; i++) /* out of memory costs a symbol */
        (void)!address_set_add(set, job->addresses[i].address, job->addresses[i].first_ticks,
                               job->addresses[i].last_ticks);
}

int writer_items_catch_up(struct trace_writer *w, struct block_encoder *e, int level)
{
    struct block_header header = {.kind = BLOCK_META, .records = w->meta_back_items};
    int status;

    if (header.records == 0)
        return 0;
    status = block_pack(e, &header, level, w->meta_back.bytes, w->meta_back.size);
    if (status == 0)
        status = writer_block_commit(w, &header, e->block.bytes, false);
    if (status != 0)
        return status;
    writer_lock(w);
    w->meta_back.size = 0;
    w->meta_back_items = 0;
    writer_unlock(w);
    return 0;
}

void writer_job_write(struct trace_writer *w, struct block_encoder *e, struct block_job *job)
{
    bool is_data = job->header.kind == BLOCK_DATA;
    int status = writer_error(w);

    if (status == 0)
        status = writer_items_catch_up(w, e, job->level);
    if (status == 0)
        status = job->status;
    if (status == 0 && w->store)
        status = block_keep(w, job);
    else if (status == 0)
        status = writer_block_commit(w, &job->header, job->bytes, false);
    if (is_data)
        addresses_merge(&job->stream->image->addresses, job);
    writer_lock(w);
    w->stats.pack_ns += job->pack_ns;
    if (is_data && status == 0) {
        w->stats.records += job->header.records;
        w->stats.raw_bytes += job->tally.ring_bytes;
    } else if (is_data) {
        loss_note(w, job->header.records, status);
        job->stream->lost += job->header.records;
    } else if (status != 0) {
        meta_take_back(w, job);
    }
    writer_unlock(w);
    job->status = status;
}

/* ---- a stream's draft ---- */

static int draft_write(struct trace_stream *s, struct draft *draft)
{
    struct block_job job = {
        .header = block_header_of(draft, s->thread),
        .draft = draft,
        .stream = s,
        .level = s->writer->level,
    };

    writer_job_encode(&s->writer->encoder, &job);
    writer_job_write(s->writer, &s->writer->encoder, &job);
    return job.status;
}

void stream_draft_lose(struct trace_stream *s, struct draft *draft, int error)
{
    writer_lock(s->writer);
    loss_note(s->writer, draft->records, error);
    s->lost += draft->records;
    writer_unlock(s->writer);
    writer_draft_give(s->writer, draft);
}

/* The draft is on its way: the stream begins another one. */
static struct draft *draft_detach(struct trace_stream *s)
{
    struct draft *draft = s->draft;

    for (uint32_t i = 0; i < draft->run_count; i++)
        s->stage_of_id[draft->stages[i]->id] = NULL;
    s->stored += draft->records;
    s->draft = NULL;
    s->room = 0;
    if (s->gap_ticks > s->last_ticks)
        s->last_ticks = s->gap_ticks;
    s->block_ticks = s->last_ticks;
    /* Of these the queue bounds the number. */
    writer_lock(s->writer);
    bytes_count(s->writer, draft, 0);
    writer_unlock(s->writer);
    return draft;
}

int stream_block_write(struct trace_stream *s)
{
    struct trace_writer *w = s->writer;
    struct draft *draft = draft_detach(s);
    int status = writer_error(w);

    if (status == 0 && w->meta_urgent)
        status = writer_meta_flush(w);
    if (status == 0 && w->queue)
        return block_queue_data(w->queue, draft, s);
    if (status != 0) {
        stream_draft_lose(s, draft, status);
        return status;
    }
    status = draft_write(s, draft);
    writer_draft_give(w, draft);
    return status;
}
