/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/writer_state.h"

/*
 * A record is appended to the draft's stage of its type: ticks, the run it belongs to, and its
 * fixed-width fields as one row of 8-byte words. Columns are cut out of the rows when the block is
 * full, where the compiler can do it sixteen elements at a time. The fast path is one lookup, two
 * comparisons and three stores; everything that allocates, ends a block or refuses is in
 * record_slowly().
 */

enum {
    TEXT_LENGTH_BYTES = 4,
    UNCOUNTED_BYTES = 1 << 10, /* that a draft may grow by before the writer counts it anew */
};

/* ---- open and close ---- */

int stream_create(struct trace_writer *w, uint32_t thread, struct writer_image *image,
                  struct trace_stream **out)
{
    struct trace_stream *s = calloc(1, sizeof(*s));

    *out = s;
    if (!s)
        return -ENOMEM;
    s->writer = w;
    s->thread = thread;
    s->image = image;
    image->streams++;
    s->next = w->streams;
    if (s->next)
        s->next->previous = s;
    w->streams = s;
    return 0;
}

int trace_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
{
    struct writer_image *image = writer_image_of_thread(w, thread);

    *out = NULL;
    return image ? stream_create(w, thread, image, out) : -ENOENT;
}

void stream_free(struct trace_stream *s)
{
    if (s->previous)
        s->previous->next = s->next;
    else
        s->writer->streams = s->next;
    if (s->next)
        s->next->previous = s->previous;
    if (s->writer->unflushed == s)
        s->writer->unflushed = s->next;
    if (s->draft)
        writer_draft_give(s->writer, s->draft);
    s->image->streams--;
    if (s->image != &s->writer->copied)
        writer_image_settle(s->writer, s->image);
    free(s->stage_of_id);
    free(s);
}

int trace_stream_close(struct trace_stream *s)
{
    int status = trace_stream_flush(s);

    stream_free(s);
    return status;
}

uint64_t trace_stream_stored(const struct trace_stream *s)
{
    uint64_t lost;

    writer_lock(s->writer);
    lost = s->lost;
    writer_unlock(s->writer);
    return s->stored - lost + (s->draft ? s->draft->records : 0);
}

/* ---- room ---- */

int stream_flush(struct trace_stream *s)
{
    int status = s->draft && (s->draft->records || s->draft->gap_count) ? stream_block_write(s) : 0;

    /* A thousand quiet streams do not hold the memory of a thousand full blocks. */
    if (s->draft) {
        writer_draft_give(s->writer, s->draft);
        s->draft = NULL;
        s->room = 0;
    }
    return status;
}

int trace_stream_flush(struct trace_stream *s)
{
    int status = stream_flush(s);

    writer_settle(s->writer);
    return status ? status : writer_error(s->writer);
}

static int stream_draft_make(struct trace_stream *s)
{
    if (s->draft)
        return 0;
    s->draft = writer_draft_take(s->writer);
    if (!s->draft)
        return -ENOMEM;
    s->room = s->draft->capacity;
    return 0;
}

static int stream_grow(struct trace_stream *s)
{
    int status = draft_grow(s->draft, s->writer->block_records);

    s->room = s->draft->capacity < s->writer->block_records ? s->draft->capacity
                                                            : s->writer->block_records;
    return status;
}

/* A thousand busy streams do not hold a thousand full blocks: they write smaller ones. The draft
 * may be gone afterwards. */
static void memory_follow(struct trace_stream *s)
{
    if (draft_bytes(s->draft) > s->draft->counted_bytes + UNCOUNTED_BYTES &&
        writer_draft_count(s->writer, s->draft))
        writer_drafts_relieve(s->writer);
}

/* The type that goes by an id; NULL: none does. */
static struct writer_type *type_find(const struct trace_stream *s, uint16_t id)
{
    const struct writer_image *image = s->image;

    return id < image->id_count ? image->type_of_id[id] : NULL;
}

static struct stage *stage_find(const struct trace_stream *s, uint16_t id)
{
    return id < s->id_count ? s->stage_of_id[id] : NULL;
}

static int stage_make(struct trace_stream *s, const struct writer_type *type, uint16_t id,
                      struct stage **out)
{
    *out = stage_find(s, id);
    if (*out)
        return 0;
    if (id >= s->id_count) {
        uint32_t count = s->image->id_count;
        struct stage **grown = realloc(s->stage_of_id, count * sizeof(struct stage *));

        if (!grown)
            return -ENOMEM;
        memset(grown + s->id_count, 0, (count - s->id_count) * sizeof(struct stage *));
        s->stage_of_id = grown;
        s->id_count = count;
    }
    *out = draft_stage(s->draft, type, id);
    return *out ? 0 : -ENOMEM;
}

/* End the block if this record, with `text_bytes` of strings, does not fit into it any more. */
static int block_end_if_full(struct trace_stream *s, const struct writer_type *type, uint16_t id,
                             size_t text_bytes)
{
    const struct stage *stage = stage_find(s, id);
    struct draft *d = s->draft;
    bool full = d->records == s->writer->block_records;

    full |= !stage && d->run_count == BLOCK_RUNS_MAX;
    full |= d->staged_bytes + draft_growth(d, stage, type, text_bytes) > s->writer->block_bytes;
    if (full && d->records) {
        int status = stream_block_write(s);

        if (status == 0)
            status = stream_draft_make(s);
        if (status != 0)
            return status;
        d = s->draft;
    }
    /* What is staged for types that this block may not even have. */
    if (d->records == 0 &&
        d->staged_bytes + draft_growth(d, NULL, type, text_bytes) > s->writer->block_bytes)
        draft_trim(d);
    return 0;
}

static bool has_room(const struct trace_stream *s, const struct stage *stage, size_t text_bytes)
{
    return stage && s->draft->records < s->room && stage->records < stage->capacity &&
           s->draft->staged_bytes + text_bytes <= s->writer->block_bytes;
}

/* For one record of this type: in this block, or at the beginning of the next. */
static int room_make(struct trace_stream *s, const struct writer_type *type, uint16_t id,
                     size_t text_bytes, struct stage **stage)
{
    int status = writer_error(s->writer);

    if (status == 0)
        status = stream_draft_make(s);
    if (status == 0)
        status = block_end_if_full(s, type, id, text_bytes);
    if (status == 0 && s->draft->records >= s->room)
        status = stream_grow(s);
    if (status == 0)
        status = stage_make(s, type, id, stage);
    return status ? status : draft_row_make(s->draft, *stage);
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- records ---- */

static unsigned char *row_next(const struct stage *stage)
{
    return stage->rows + (size_t)stage->records * stage->row_words * 8;
}

/* The row is in its place: the record counts. */
static void record_commit(struct trace_stream *s, struct stage *stage, uint64_t ticks)
{
    struct draft *d = s->draft;

    stage->records++;
    d->ticks[d->records] = ticks;
    d->sequence[d->records] = (uint8_t)stage->place;
    d->records++;
    s->last_ticks = ticks;
}

/* Read the lengths of a payload's strings, once each: the payload may change under our eyes.
 * Returns their sum, or -EBADMSG. */
static int64_t texts_measure(const struct writer_type *type, const unsigned char *payload,
                             size_t size, uint32_t lengths[SCHEMA_FIELDS_MAX])
{
    size_t at = type->fixed_bytes, sum = 0;

    if (size < at)
        return -EBADMSG;
    for (uint32_t i = 0; i < type->variable_count; i++) {
        if (size - at < TEXT_LENGTH_BYTES)
            return -EBADMSG;
        lengths[i] = le32_load(payload + at);
        at += TEXT_LENGTH_BYTES;
        if (lengths[i] > size - at)
            return -EBADMSG;
        at += lengths[i];
        sum += lengths[i];
    }
    /* What follows can only be the padding to whole words. */
    return size - at < 8 ? (int64_t)sum : -EBADMSG;
}

static int texts_put(struct trace_stream *s, struct stage *stage, const unsigned char *payload,
                     const uint32_t lengths[SCHEMA_FIELDS_MAX])
{
    uint32_t count = stage->type->variable_count;
    size_t at = stage->type->fixed_bytes;

    if (draft_texts_reserve(s->draft, stage, lengths) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        at += TEXT_LENGTH_BYTES;
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): texts_measure() has filled as many */
        draft_text_put(s->draft, &stage->texts[i], payload + at, lengths[i]);
        stage->texts[i].lengths[stage->records] = lengths[i];
        at += lengths[i];
    }
    return 0;
}

/* Whatever is not the plain case: a type met for the first time, no room, strings, refusals. Not
 * inlined, so that the plain case has no stack frame to set up. */
__attribute__((noinline)) static int record_slowly(struct trace_stream *s, uint16_t id,
                                                   uint64_t ticks, const unsigned char *payload,
                                                   size_t size)
{
    const struct writer_type *type = type_find(s, id);
    uint32_t lengths[SCHEMA_FIELDS_MAX];
    struct stage *stage;
    int64_t text_bytes;
    int status;

    if (!type)
        return -ENOENT;
    if (size > RECORD_BYTES_MAX)
        return -EBADMSG;
    text_bytes = texts_measure(type, payload, size, lengths);
    if (text_bytes < 0)
        return (int)text_bytes;
    stage = stage_find(s, id);
    status = has_room(s, stage, (size_t)text_bytes)
                 ? 0
                 : room_make(s, type, id, (size_t)text_bytes, &stage);
    if (status == 0)
        status = texts_put(s, stage, payload, lengths);
    if (status != 0) {
        writer_loss_count(s->writer, 1, status);
        return status;
    }
    if (stage->records == 0) {
        s->draft->run_count++;
        s->stage_of_id[id] = stage;
    }
    memcpy(row_next(stage), payload, type->fixed_bytes);
    record_commit(s, stage, greater(ticks, s->last_ticks));
    memory_follow(s);
    return 0;
}

int trace_stream_record(struct trace_stream *s, uint16_t id, uint64_t ticks, const void *payload,
                        size_t size)
{
    struct stage *stage = id < s->id_count ? s->stage_of_id[id] : NULL;

    if (stage && s->draft->records < s->room && stage->records < stage->capacity &&
        size == stage->plain_bytes && ticks >= s->last_ticks) {
        unsigned char *row = row_next(stage);

        if (size == 8) /* one number: most events of most traces */
            memcpy(row, payload, 8);
        else
            memcpy(row, payload, size);
        record_commit(s, stage, ticks);
        return 0;
    }
    return record_slowly(s, id, ticks, payload, size);
}

/* Nothing goes back behind the block before. */
static int gap_add(struct trace_stream *s, struct trace_gap gap)
{
    gap.thread = s->thread;
    if (s->writer->listener)
        s->writer->listener->gap(s->writer->listener->context, &gap);
    if (!s->draft)
        return -ENOMEM;
    gap.first_ticks = greater(gap.first_ticks, s->block_ticks);
    gap.last_ticks = greater(gap.last_ticks, gap.first_ticks);
    s->gap_ticks = greater(s->gap_ticks, gap.last_ticks);
    return draft_gap_add(s->draft, &gap);
}

int trace_stream_gaps(struct trace_stream *s, const struct trace_gap *gaps, uint32_t count)
{
    int status = writer_error(s->writer);

    /* Gaps alone can fill a block, too. */
    if (status == 0 && s->draft && s->draft->gap_count + count > s->writer->block_records)
        status = stream_flush(s);
    if (status == 0)
        status = stream_draft_make(s);
    for (uint32_t i = 0; i < count; i++) {
        int added = gap_add(s, gaps[i]);

        status = status ? status : added;
    }
    if (s->draft)
        memory_follow(s);
    return status;
}
