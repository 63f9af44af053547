/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/cursor_state.h"

/*
 * A merge of all threads: one head per thread, in a binary heap by the time of its next event.
 * A head holds one unpacked block, and only while its thread takes part: until then its key is the
 * first_ticks of its next block. Within a thread the order is that of the file, whatever the ticks
 * say: a head's key never goes back.
 */

/* ---- heap ---- */

static bool head_is_before(const struct head *a, const struct head *b)
{
    return a->key != b->key ? a->key < b->key : a->thread < b->thread;
}

static void heap_sift_down(struct trace_cursor *c, size_t at)
{
    struct head *moving = c->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= c->heap_count)
            break;
        if (child + 1 < c->heap_count && head_is_before(c->heap[child + 1], c->heap[child]))
            child++;
        if (!head_is_before(c->heap[child], moving))
            break;
        c->heap[at] = c->heap[child];
        at = child;
    }
    c->heap[at] = moving;
}

static void heap_pop(struct trace_cursor *c)
{
    c->heap[0] = c->heap[--c->heap_count];
    if (c->heap_count)
        heap_sift_down(c, 0);
}

/* ---- heads ---- */

static void held_destroy(struct held *held)
{
    if (held)
        decoded_block_fini(&held->decoded);
    free(held);
}

static void held_spare(struct trace_cursor *c, struct held *held)
{
    held->retired = false;
    held->next_spare = c->spare;
    c->spare = held;
}

static void held_give_back(struct trace_cursor *c, struct head *head)
{
    if (head->held->pins)
        head->held->retired = true;
    else
        held_spare(c, head->held);
    head->held = NULL;
}

static struct held *held_take(struct trace_cursor *c)
{
    struct held *held = c->spare;

    if (!held)
        return calloc(1, sizeof(*held));
    c->spare = held->next_spare;
    return held;
}

/* Too much unpacked at once: forget the blocks that are needed last. They are unpacked again when
 * their time comes. */
static void held_bound(struct trace_cursor *c, const struct head *needed)
{
    while (c->held_bytes > c->trace->held_bytes_max) {
        struct head *last = NULL;
        struct held *victim;

        for (size_t i = 0; i < c->heap_count && !c->spare; i++) {
            struct head *head = c->heap[i];

            if (head != needed && head->held && !head->held->pins &&
                (!last || head_is_before(last, head)))
                last = head;
        }
        if (last)
            held_give_back(c, last);
        if (!c->spare)
            break;
        victim = held_take(c);
        c->held_bytes -= decoded_block_bytes(&victim->decoded);
        held_destroy(victim);
    }
}

/* Where each run stands when the block's events before `record` are done. */
static void held_place(struct held *held, uint32_t record)
{
    const struct trace_block *b = &held->decoded.block;

    memset(held->next, 0, b->run_count * sizeof(held->next[0]));
    for (uint32_t i = 0; i < record; i++)
        held->next[b->run_of[i]]++;
}

/* Unpack the head's block (again). 0 or negative. */
static int head_load(struct trace_cursor *c, struct head *head)
{
    struct held *held = held_take(c);
    int status;

    if (!held)
        return -ENOMEM;
    held->batch = 0;
    c->held_bytes -= decoded_block_bytes(&held->decoded);
    status =
        trace_ahead_take(c->ahead, c->trace, c->blocks[head->next_block], &c->wish, &held->decoded);
    c->held_bytes += decoded_block_bytes(&held->decoded);
    head->held = held;
    if (status < 0) {
        held_give_back(c, head);
        return status;
    }
    held_place(held, head->record);
    held_bound(c, head);
    return 0;
}

static bool head_is_at_gap(const struct head *head)
{
    const struct trace_block *b = &head->held->decoded.block;

    return head->gap < b->gap_count && b->gap_position[head->gap] <= head->record;
}

/* The head stands at an event of its block: take its time as key. False: the block is used up. */
static bool head_key_take(struct head *head)
{
    const struct trace_block *b = &head->held->decoded.block;
    uint64_t ticks;

    if (head_is_at_gap(head))
        ticks = b->gaps[head->gap].first_ticks;
    else if (head->record < b->records)
        ticks = b->ticks[head->record];
    else
        return false;
    if (ticks > head->key)
        head->key = ticks;
    return true;
}

static void head_block_next(struct trace_cursor *c, struct head *head)
{
    if (head->held)
        held_give_back(c, head);
    head->next_block++;
    head->blocks--;
    head->record = head->gap = 0;
    if (head->blocks) {
        const struct index_entry *entry = &c->trace->blocks.entries[c->blocks[head->next_block]];

        if (entry->first_ticks > head->key)
            head->key = entry->first_ticks;
    }
}

/* Make heap[0] a head that stands at an event. 1, 0: there is none left, or negative. -EAGAIN: not
 * while batches hold on to so much. */
static int top_prepare(struct trace_cursor *c)
{
    while (c->heap_count) {
        struct head *head = c->heap[0];
        uint64_t key = head->key;
        int status = 0;

        if (!head->held && c->pins && c->held_bytes > c->trace->held_bytes_max)
            return -EAGAIN;
        if (!head->held)
            status = head_load(c, head);
        if (status < 0)
            return status;
        if (head_key_take(head)) {
            if (head->key == key)
                return 1;
            heap_sift_down(c, 0); /* its first event is later than it seemed */
            if (c->heap[0] == head)
                return 1;
            continue;
        }
        head_block_next(c, head);
        if (head->blocks == 0)
            heap_pop(c);
        else
            heap_sift_down(c, 0);
    }
    return 0;
}

/* ---- events ---- */

static void value_fill(const struct trace_column *column, size_t record, struct trace_value *value)
{
    value->field = column->field;
    if (column->offsets) {
        value->bytes = column->bytes + column->offsets[record];
        value->size = column->offsets[record + 1] - column->offsets[record];
    } else {
        value->size = (uint32_t)column->field->count * column->field->width;
        value->bytes = column->bytes + record * value->size;
    }
}

void trace_record_event(const struct trace *t, const struct trace_record *record,
                        struct trace_event *event)
{
    const struct trace_run *run = record->run;

    event->ns = trace_ns(t, record->ticks);
    event->ticks = record->ticks;
    event->thread = record->thread;
    event->type = NULL;
    event->value_count = 0;
    if (!run) {
        event->gap = *record->gap;
        return;
    }
    event->type = run->type;
    event->value_count = run->type->schema.field_count;
    for (unsigned f = 0; f < event->value_count; f++)
        value_fill(&run->columns[f], record->record, &event->values[f]);
}

/* The gap or the record that the head stands at. */
static void head_take_one(struct head *head, struct trace_record *out)
{
    const struct trace_block *b = &head->held->decoded.block;

    out->thread = b->thread;
    if (head_is_at_gap(head)) {
        out->gap = &b->gaps[head->gap++];
        out->run = NULL;
        out->ticks = out->gap->first_ticks;
    } else {
        uint32_t place = b->run_of[head->record];

        out->run = &b->runs[place];
        out->record = head->held->next[place]++;
        out->ticks = b->ticks[head->record++];
    }
}

/* An event is taken: where does its head stand now? The block stays as it is until the next call:
 * what was handed out points into it. */
static void top_advance(struct trace_cursor *c)
{
    if (head_key_take(c->heap[0]))
        heap_sift_down(c, 0);
}

int trace_cursor_next(struct trace_cursor *c, struct trace_event *event)
{
    struct trace_record record;
    int status = top_prepare(c);

    if (status != 1)
        return status;
    head_take_one(c->heap[0], &record);
    trace_record_event(c->trace, &record, event);
    top_advance(c);
    return 1;
}

/* ---- events in bulk ---- */

static int held_pin(struct trace_cursor *c, struct held *held, struct trace_batch *batch)
{
    if (held->batch == c->batches)
        return 0;
    if (batch->pin_count == batch->pin_capacity) {
        size_t capacity = batch->pin_capacity ? 2 * batch->pin_capacity : 16;
        struct held **pins = realloc(batch->pins, capacity * sizeof(*pins));

        if (!pins)
            return -ENOMEM;
        batch->pins = pins;
        batch->pin_capacity = capacity;
    }
    batch->pins[batch->pin_count++] = held;
    held->batch = c->batches;
    held->pins++;
    c->pins++;
    return 0;
}

static size_t record_bytes(const struct trace_record *record)
{
    const struct trace_run *run = record->run;
    size_t bytes;

    if (!run)
        return 0;
    bytes = run->type->fixed_bytes;
    for (unsigned f = 0; run->type->variable_count && f < run->type->schema.field_count; f++)
        if (run->columns[f].offsets)
            bytes += run->columns[f].offsets[record->record + 1] -
                     run->columns[f].offsets[record->record];
    return bytes;
}

/* The ticks from which on it is somebody else's turn. */
static uint64_t top_limit(const struct trace_cursor *c)
{
    uint64_t limit = UINT64_MAX;

    for (size_t child = 1; child <= 2 && child < c->heap_count; child++)
        if (c->heap[child]->key < limit)
            limit = c->heap[child]->key;
    return limit;
}

/*
 * Records of the top head, up to its next gap, as long as they come before all other heads' events:
 * the usual case, without the heap. False: there is none.
 */
static bool top_take_many(struct trace_cursor *c, struct trace_batch *batch, size_t max)
{
    struct head *head = c->heap[0];
    const struct trace_block *b = &head->held->decoded.block;
    uint32_t *next = head->held->next, at = head->record;
    uint32_t end = head->gap < b->gap_count ? b->gap_position[head->gap] : b->records;
    size_t room = max - batch->count;
    struct trace_record *out = &batch->records[batch->count];
    uint64_t limit = top_limit(c);

    if (end - at > room)
        end = at + (uint32_t)room;
    while (at < end && b->ticks[at] < limit && batch->bytes < TRACE_BATCH_BYTES) {
        uint32_t place = b->run_of[at];

        out->ticks = b->ticks[at++];
        out->thread = b->thread;
        out->run = &b->runs[place];
        out->record = next[place]++;
        batch->bytes += record_bytes(out++);
    }
    if (at == head->record)
        return false;
    batch->count += at - head->record;
    head->record = at;
    return true;
}

int trace_cursor_batch(struct trace_cursor *c, struct trace_batch *batch, size_t max)
{
    int status = 1;

    c->batches++;
    batch->count = batch->bytes = 0;
    while (batch->count < max && batch->bytes < TRACE_BATCH_BYTES) {
        status = top_prepare(c);
        if (status == 1)
            status = held_pin(c, c->heap[0]->held, batch);
        if (status < 0 || c->heap_count == 0)
            break;
        if (head_is_at_gap(c->heap[0]) || !top_take_many(c, batch, max)) {
            head_take_one(c->heap[0], &batch->records[batch->count]);
            batch->bytes += record_bytes(&batch->records[batch->count++]);
        }
        top_advance(c);
    }
    return batch->count ? 1 : status; /* what went wrong goes wrong again */
}

void trace_batch_release(struct trace_cursor *c, struct trace_batch *batch)
{
    for (size_t i = 0; i < batch->pin_count; i++) {
        struct held *held = batch->pins[i];

        c->pins--;
        if (--held->pins == 0 && held->retired)
            held_spare(c, held);
    }
    batch->count = batch->bytes = batch->pin_count = 0;
}

void trace_batch_fini(struct trace_batch *batch)
{
    free(batch->pins);
    batch->pins = NULL;
    batch->pin_count = batch->pin_capacity = 0;
}

/* ---- open and close ---- */

static void heap_build(struct trace_cursor *c)
{
    const struct thread_row *rows = c->trace->threads.rows;

    for (size_t t = 0; t < c->trace->threads.count; t++) {
        struct head *head = &c->heads[t];

        if (head->blocks == 0)
            continue;
        head->thread = rows[t].thread.thread;
        head->key = c->trace->blocks.entries[c->blocks[head->next_block]].first_ticks;
        c->heap[c->heap_count++] = head;
    }
    for (size_t i = c->heap_count / 2; i-- > 0;)
        heap_sift_down(c, i);
}

int trace_cursor_open(struct trace *t, const struct trace_filter *filter, struct trace_cursor **out)
{
    struct trace_cursor *c = calloc(1, sizeof(*c));
    int status;

    *out = NULL;
    if (!c)
        return -ENOMEM;
    c->trace = t;
    status = trace_wish_make(t, filter, &c->wish);
    if (status == 0)
        status = cursor_blocks_sort(c, filter);
    if (status != 0) {
        trace_cursor_close(c);
        return status;
    }
    c->head_count = t->threads.count;
    heap_build(c);
    status = cursor_ahead_start(c);
    if (status != 0) {
        trace_cursor_close(c);
        return status;
    }
    *out = c;
    return 0;
}

void trace_cursor_close(struct trace_cursor *c)
{
    if (!c)
        return;
    trace_ahead_close(c->ahead);
    for (size_t i = 0; i < c->head_count; i++)
        held_destroy(c->heads[i].held);
    while (c->spare)
        held_destroy(held_take(c));
    trace_wish_free(&c->wish);
    free(c->blocks);
    free(c->heads);
    free(c->heap);
    free(c);
}
