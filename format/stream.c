/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/writer_state.h"

/*
 * A record is appended to the stage of its type: ticks, the run it belongs to, and its fixed-width
 * fields as one row of 8-byte words. Columns are cut out of the rows when the block is full, where
 * the compiler can do it sixteen elements at a time. The fast path is one lookup, two comparisons
 * and three stores; everything that allocates, ends a block or refuses is in record_slowly().
 */

enum {
    FIRST_RECORDS = 64,         /* room that a stream and a stage begin with */
    STAGED_BYTES_MAX = 4 << 20, /* rows and strings of one block, unless one record is larger */
    ROW_SLACK_BYTES = 8,        /* columns are read with 8-byte loads */
    TEXT_LENGTH_BYTES = 4,
};

static int array_resize(void *array, size_t count, size_t element)
{
    void *old, *grown;

    memcpy(&old, array, sizeof(old));
    grown = realloc(old, count * element);
    if (!grown)
        return -ENOMEM;
    memcpy(array, &grown, sizeof(grown));
    return 0;
}

/* ---- stages ---- */

static size_t stage_row_bytes(const struct stage *stage)
{
    return (size_t)stage->row_words * 8;
}

/* What a record of this type takes of the memory that a block may stage, strings not counted. */
static size_t stage_cost_bytes(const struct stage *stage)
{
    return stage_row_bytes(stage) + stage->type->variable_count * sizeof(uint32_t);
}

static struct stage *stage_create(struct writer_type *type)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    if (!stage)
        return NULL;
    stage->type = type;
    stage->row_words = (type->fixed_bytes + 7) / 8;
    stage->plain_bytes = type->variable_count ? SIZE_MAX : stage_row_bytes(stage);
    if (type->variable_count) {
        stage->texts = calloc(type->variable_count, sizeof(*stage->texts));
        if (!stage->texts) {
            free(stage);
            return NULL;
        }
    }
    return stage;
}

/* Give the staging memory back, keep the stage. */
static void stage_trim(struct stage *stage)
{
    free(stage->rows);
    stage->rows = NULL;
    stage->capacity = 0;
    for (uint32_t i = 0; i < stage->type->variable_count; i++) {
        free(stage->texts[i].lengths);
        byte_buffer_free(&stage->texts[i].bytes);
        stage->texts[i].lengths = NULL;
    }
}

static int stage_grow(struct stage *stage, uint32_t capacity)
{
    if (array_resize(&stage->rows, (size_t)capacity * stage_row_bytes(stage) + ROW_SLACK_BYTES,
                     1) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < stage->type->variable_count; i++)
        if (array_resize(&stage->texts[i].lengths, capacity, sizeof(uint32_t)) != 0)
            return -ENOMEM;
    stage->capacity = capacity;
    return 0;
}

/* ---- open and close ---- */

int trace_stream_open(struct trace_writer *w, uint32_t thread, struct trace_stream **out)
{
    struct writer_image *image = writer_image_of_thread(w, thread);
    struct trace_stream *s;

    *out = NULL;
    if (!image)
        return -ENOENT;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->writer = w;
    s->thread = thread;
    s->image = image;
    s->next = w->streams;
    if (s->next)
        s->next->previous = s;
    w->streams = s;
    *out = s;
    return 0;
}

void stream_free(struct trace_stream *s)
{
    if (s->previous)
        s->previous->next = s->next;
    else
        s->writer->streams = s->next;
    if (s->next)
        s->next->previous = s->previous;
    for (uint32_t id = 0; id < s->id_count; id++) {
        if (!s->stage_of_id[id])
            continue;
        stage_trim(s->stage_of_id[id]);
        free(s->stage_of_id[id]->texts);
        free(s->stage_of_id[id]);
    }
    free(s->stage_of_id);
    free(s->ticks);
    free(s->sequence);
    free(s->gaps);
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
    return s->stored + s->records;
}

/* ---- room ---- */

static void stream_trim(struct trace_stream *s)
{
    for (uint32_t id = 0; id < s->id_count; id++)
        if (s->stage_of_id[id])
            stage_trim(s->stage_of_id[id]);
    s->staged_bytes = 0;
}

int trace_stream_flush(struct trace_stream *s)
{
    uint32_t records = s->records;
    int status = records || s->gap_count ? stream_block_write(s) : 0;

    /* A stream that is flushed half empty is a quiet one: a thousand of them must not hold the
     * memory of a thousand full blocks. */
    if (records < s->capacity / 4) {
        stream_trim(s);
        free(s->ticks);
        free(s->sequence);
        s->ticks = NULL;
        s->sequence = NULL;
        s->capacity = s->room = 0;
    }
    return status;
}

static int stream_grow(struct trace_stream *s)
{
    uint32_t limit = s->writer->block_records;
    uint32_t capacity = s->capacity ? s->capacity * 2 : FIRST_RECORDS;

    if (capacity > limit)
        capacity = limit;
    if (capacity > s->capacity) {
        if (array_resize(&s->ticks, capacity, sizeof(uint64_t)) != 0 ||
            array_resize(&s->sequence, capacity, 1) != 0)
            return -ENOMEM;
        s->capacity = capacity;
    }
    s->room = s->capacity;
    return 0;
}

/* The stage for an id, made when the id is met for the first time. */
static int stage_find(struct trace_stream *s, uint16_t id, struct stage **out)
{
    const struct writer_image *image = s->image;

    if (id >= image->id_count || !image->type_of_id[id])
        return -ENOENT;
    if (id >= s->id_count) {
        uint32_t count = image->id_count;

        if (array_resize(&s->stage_of_id, count, sizeof(struct stage *)) != 0)
            return -ENOMEM;
        memset(s->stage_of_id + s->id_count, 0, (count - s->id_count) * sizeof(struct stage *));
        s->id_count = count;
    }
    if (!s->stage_of_id[id])
        s->stage_of_id[id] = stage_create(image->type_of_id[id]);
    *out = s->stage_of_id[id];
    return *out ? 0 : -ENOMEM;
}

/* Staging memory that one more record of this type asks for. */
static size_t stage_growth(const struct stage *stage, size_t text_bytes)
{
    uint32_t rows = stage->capacity ? stage->capacity : FIRST_RECORDS;

    if (stage->records < stage->capacity)
        rows = 0;
    return rows * stage_cost_bytes(stage) + text_bytes;
}

/* End the block if this record, with `text_bytes` of strings, does not fit into it any more. */
static int block_end_if_full(struct trace_stream *s, const struct stage *stage, size_t text_bytes)
{
    bool full = s->records == s->writer->block_records;

    full |= stage->records == 0 && s->run_count == BLOCK_RUNS_MAX;
    full |= s->staged_bytes + stage_growth(stage, text_bytes) > STAGED_BYTES_MAX;
    if (full && s->records) {
        int status = stream_block_write(s);

        if (status != 0)
            return status;
    }
    if (s->records == 0 && s->staged_bytes + stage_growth(stage, text_bytes) > STAGED_BYTES_MAX)
        stream_trim(s); /* rows of types that this block may not even have */
    return 0;
}

static int stage_room_make(struct trace_stream *s, struct stage *stage)
{
    size_t cost = stage_cost_bytes(stage), rows_max = cost ? STAGED_BYTES_MAX / cost : UINT32_MAX;
    uint32_t capacity = stage->capacity ? stage->capacity * 2 : FIRST_RECORDS;

    if (stage->records < stage->capacity)
        return 0;
    if (capacity > rows_max)
        capacity = (uint32_t)rows_max; /* at least 63: a row has at most 64 KiB and some */
    if (stage_grow(stage, capacity) != 0)
        return -ENOMEM;
    s->staged_bytes = 0;
    for (uint32_t id = 0; id < s->id_count; id++)
        if (s->stage_of_id[id])
            s->staged_bytes += s->stage_of_id[id]->capacity * stage_cost_bytes(s->stage_of_id[id]);
    for (uint32_t i = 0; i < s->run_count; i++)
        for (uint32_t t = 0; t < s->runs[i]->type->variable_count; t++)
            s->staged_bytes += s->runs[i]->texts[t].bytes.size;
    return 0;
}

/* ---- records ---- */

static unsigned char *row_next(const struct stage *stage)
{
    return stage->rows + (size_t)stage->records * stage_row_bytes(stage);
}

/* The row is in its place: the record counts. */
static void record_commit(struct trace_stream *s, struct stage *stage, uint64_t ticks)
{
    stage->records++;
    s->ticks[s->records] = ticks;
    s->sequence[s->records] = (uint8_t)stage->place;
    s->last_ticks = ticks;
    s->records++;
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

    for (uint32_t i = 0; i < count; i++)
        if (byte_buffer_reserve(&stage->texts[i].bytes, lengths[i]) != 0)
            return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct stage_text *text = &stage->texts[i];

        at += TEXT_LENGTH_BYTES;
        if (lengths[i])
            memcpy(text->bytes.bytes + text->bytes.size, payload + at, lengths[i]);
        text->bytes.size += lengths[i];
        text->lengths[stage->records] = lengths[i];
        at += lengths[i];
        s->staged_bytes += lengths[i];
    }
    return 0;
}

/* Whatever is not the plain case: a type met for the first time, no room, strings, refusals. Not
 * inlined, so that the plain case has no stack frame to set up. */
__attribute__((noinline)) static int record_slowly(struct trace_stream *s, uint16_t id,
                                                   uint64_t ticks, const unsigned char *payload,
                                                   size_t size)
{
    uint32_t lengths[SCHEMA_FIELDS_MAX];
    struct stage *stage;
    int64_t text_bytes;
    int status = stage_find(s, id, &stage);

    if (status != 0)
        return status;
    if (size > RECORD_BYTES_MAX)
        return -EBADMSG;
    text_bytes = texts_measure(stage->type, payload, size, lengths);
    if (text_bytes < 0)
        return (int)text_bytes;
    if (s->writer->error)
        status = s->writer->error;
    else
        status = block_end_if_full(s, stage, (size_t)text_bytes);
    if (status == 0 && s->records >= s->room)
        status = stream_grow(s);
    if (status == 0)
        status = stage_room_make(s, stage);
    if (status == 0)
        status = texts_put(s, stage, payload, lengths);
    if (status != 0) {
        s->writer->stats.lost_records++;
        return status;
    }
    if (stage->records == 0) {
        stage->place = s->run_count;
        s->runs[s->run_count++] = stage;
    }
    memcpy(row_next(stage), payload, stage->type->fixed_bytes);
    record_commit(s, stage, ticks > s->last_ticks ? ticks : s->last_ticks);
    return 0;
}

int trace_stream_record(struct trace_stream *s, uint16_t id, uint64_t ticks, const void *payload,
                        size_t size)
{
    struct stage *stage = id < s->id_count ? s->stage_of_id[id] : NULL;

    /* A stage without records has no place in this block yet: its records - 1 is out of bounds. */
    if (stage && s->records < s->room && stage->records - 1 < stage->capacity - 1 &&
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

int trace_stream_gap(struct trace_stream *s, const struct trace_gap *gap)
{
    if (s->writer->error)
        return s->writer->error;
    if (s->gap_count == s->writer->block_records) { /* gaps alone can fill a block, too */
        int status = stream_block_write(s);

        if (status != 0)
            return status;
    }
    if (s->gap_count == s->gap_capacity) {
        uint32_t capacity = s->gap_capacity ? s->gap_capacity * 2 : 16;

        if (array_resize(&s->gaps, capacity, sizeof(*s->gaps)) != 0)
            return -ENOMEM;
        s->gap_capacity = capacity;
    }
    s->gaps[s->gap_count] = (struct stream_gap){s->records, *gap};
    s->gaps[s->gap_count].gap.thread = s->thread;
    s->gap_count++;
    return 0;
}
