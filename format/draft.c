/* SPDX-License-Identifier: Apache-2.0 */
#include "format/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_RECORDS = 64, /* room that a draft and a stage begin with */
    FIRST_GAPS = 16,
    ROW_SLACK_BYTES = 8, /* columns are read with 8-byte loads, numbers written in pairs */
};

static int array_resize(void *array, size_t count, size_t element)
{
    void *old, *grown;

    memcpy(&old, array, sizeof(old));
    grown = realloc(old, count * element);
    if (!grown)
        return -ENOMEM;
    memcpy(array, &grown, sizeof(grown));
    /* cppcheck-suppress memleak ; the caller's pointer is what it was copied into */
    return 0;
}

/* ---- the whole ---- */

struct draft *draft_create(void)
{
    return calloc(1, sizeof(struct draft));
}

void draft_free(struct draft *d)
{
    if (!d)
        return;
    draft_empty(d);
    draft_trim(d);
    for (uint32_t i = 0; i < d->stage_count; i++) {
        free(d->stages[i]->texts);
        free(d->stages[i]);
    }
    free(d->ticks);
    free(d->sequence);
    free(d->gaps);
    free(d);
}

void draft_empty(struct draft *d)
{
    for (uint32_t i = 0; i < d->run_count; i++) {
        struct stage *stage = d->stages[i];

        stage->records = 0;
        for (uint32_t t = 0; t < stage->type->variable_count; t++) {
            d->staged_bytes -= stage->texts[t].bytes.size;
            d->slack_bytes += stage->texts[t].bytes.size;
            stage->texts[t].bytes.size = 0;
        }
    }
    d->records = d->run_count = d->gap_count = 0;
}

void draft_trim(struct draft *d)
{
    for (uint32_t i = 0; i < d->stage_count; i++) {
        struct stage *stage = d->stages[i];

        free(stage->rows);
        stage->rows = NULL;
        stage->rows_bytes = stage->lengths_bytes = 0;
        stage->capacity = 0;
        for (uint32_t t = 0; t < stage->text_count; t++) {
            free(stage->texts[t].lengths);
            byte_buffer_free(&stage->texts[t].bytes);
            stage->texts[t].lengths = NULL;
        }
    }
    d->staged_bytes = d->slack_bytes = 0;
    if (!d->gap_count) {
        free(d->gaps);
        d->gaps = NULL;
        d->gap_capacity = 0;
    }
}

size_t draft_bytes(const struct draft *d)
{
    return sizeof(*d) + d->capacity * (sizeof(*d->ticks) + sizeof(*d->sequence)) +
           d->stage_count * sizeof(struct stage) + d->gap_capacity * sizeof(*d->gaps) +
           d->staged_bytes + d->slack_bytes;
}

int draft_grow(struct draft *d, uint32_t limit)
{
    uint32_t capacity = d->capacity ? d->capacity * 2 : FIRST_RECORDS;

    if (capacity > limit)
        capacity = limit;
    if (capacity <= d->capacity)
        return 0;
    if (array_resize(&d->ticks, capacity, sizeof(uint64_t)) != 0 ||
        array_resize(&d->sequence, capacity, 1) != 0)
        return -ENOMEM;
    d->capacity = capacity;
    return 0;
}

int draft_gap_add(struct draft *d, const struct trace_gap *gap)
{
    if (d->gap_count == d->gap_capacity) {
        uint32_t capacity = d->gap_capacity ? d->gap_capacity * 2 : FIRST_GAPS;

        if (array_resize(&d->gaps, capacity, sizeof(*d->gaps)) != 0)
            return -ENOMEM;
        d->gap_capacity = capacity;
    }
    d->gaps[d->gap_count++] = (struct draft_gap){d->records, *gap};
    return 0;
}

/* ---- stages ---- */

static uint32_t row_words(const struct writer_type *type)
{
    return (type->fixed_bytes + 7) / 8;
}

/* What a record takes of the memory that a block may stage, strings not counted. */
static size_t row_cost(const struct writer_type *type)
{
    return row_words(type) * (size_t)8 + type->variable_count * sizeof(uint32_t);
}

/* Rows of this type that the stage has memory for. */
static uint32_t stage_capacity(const struct stage *stage, const struct writer_type *type)
{
    size_t row_bytes = row_words(type) * (size_t)8;
    size_t rows = row_bytes ? stage->rows_bytes / row_bytes : UINT32_MAX;

    if (type->variable_count > stage->text_count)
        return 0;
    if (type->variable_count && stage->lengths_bytes / sizeof(uint32_t) < rows)
        rows = stage->lengths_bytes / sizeof(uint32_t);
    return rows < UINT32_MAX ? (uint32_t)rows : UINT32_MAX;
}

size_t draft_growth(const struct draft *d, const struct stage *stage,
                    const struct writer_type *type, size_t text_bytes)
{
    uint32_t records = stage ? stage->records : 0, capacity = stage ? stage->capacity : 0;

    if (!stage && d->run_count < d->stage_count)
        capacity = stage_capacity(d->stages[d->run_count], type);
    if (records < capacity)
        return text_bytes;
    return (capacity ? capacity : FIRST_RECORDS) * row_cost(type) + text_bytes;
}

static int texts_make(struct stage *stage, uint32_t count)
{
    if (count <= stage->text_count)
        return 0;
    if (array_resize(&stage->texts, count, sizeof(*stage->texts)) != 0)
        return -ENOMEM;
    memset(stage->texts + stage->text_count, 0,
           (count - stage->text_count) * sizeof(*stage->texts));
    stage->text_count = count;
    /* The new ones have no lengths yet; all of them have the same room. */
    stage->lengths_bytes = 0;
    return 0;
}

struct stage *draft_stage(struct draft *d, const struct writer_type *type, uint16_t id)
{
    struct stage *stage;
    size_t lengths_bytes;

    if (d->run_count == d->stage_count) {
        stage = calloc(1, sizeof(*stage));
        if (!stage)
            return NULL;
        d->stages[d->stage_count++] = stage;
    }
    stage = d->stages[d->run_count];
    /* Never NULL, also when rows have no bytes. */
    if (!stage->rows && array_resize(&stage->rows, ROW_SLACK_BYTES, 1) != 0)
        return NULL;
    lengths_bytes = stage->lengths_bytes * stage->text_count;
    if (texts_make(stage, type->variable_count) != 0)
        return NULL;
    d->staged_bytes += stage->lengths_bytes * stage->text_count - lengths_bytes;
    stage->type = type;
    stage->id = id;
    stage->place = (uint16_t)d->run_count;
    stage->row_words = row_words(type);
    stage->plain_bytes = type->variable_count ? SIZE_MAX : stage->row_words * (size_t)8;
    stage->capacity = stage_capacity(stage, type);
    stage->records = 0;
    return stage;
}

int draft_row_make(struct draft *d, struct stage *stage)
{
    const struct writer_type *type = stage->type;
    size_t before = stage->rows_bytes + stage->lengths_bytes * stage->text_count;
    size_t cost = row_cost(type), rows_max, bytes, lengths;
    uint32_t capacity = stage->capacity ? stage->capacity * 2 : FIRST_RECORDS;

    if (stage->records < stage->capacity)
        return 0;
    rows_max = cost ? DRAFT_BYTES_MAX / cost : UINT32_MAX;
    if (capacity > rows_max)
        capacity = (uint32_t)rows_max; /* at least 63: a row has at most 64 KiB and some */
    bytes = capacity * (size_t)stage->row_words * 8;
    lengths = type->variable_count ? capacity * sizeof(uint32_t) : 0;
    if (bytes > stage->rows_bytes) {
        if (array_resize(&stage->rows, bytes + ROW_SLACK_BYTES, 1) != 0)
            return -ENOMEM;
        stage->rows_bytes = bytes;
    }
    if (lengths > stage->lengths_bytes) {
        for (uint32_t i = 0; i < stage->text_count; i++)
            if (array_resize(&stage->texts[i].lengths, lengths, 1) != 0)
                return -ENOMEM;
        stage->lengths_bytes = lengths;
    }
    d->staged_bytes += stage->rows_bytes + stage->lengths_bytes * stage->text_count - before;
    stage->capacity = stage_capacity(stage, type);
    return stage->records < stage->capacity ? 0 : -ENOMEM;
}

/* ---- strings ---- */

int draft_texts_reserve(struct draft *d, struct stage *stage, const uint32_t *lengths)
{
    int status = 0;

    for (uint32_t i = 0; i < stage->type->variable_count && status == 0; i++) {
        struct byte_buffer *buffer = &stage->texts[i].bytes;
        size_t before = buffer->capacity;

        status = byte_buffer_reserve(buffer, lengths[i]);
        d->slack_bytes += buffer->capacity - before;
    }
    return status;
}

void draft_text_put(struct draft *d, struct stage_text *text, const void *bytes, uint32_t length)
{
    if (length)
        memcpy(text->bytes.bytes + text->bytes.size, bytes, length);
    text->bytes.size += length;
    d->staged_bytes += length;
    d->slack_bytes -= length;
}
