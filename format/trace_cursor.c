/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/trace_ahead.h"

/*
 * A merge of all threads: one head per thread, in a binary heap by the time of its next event.
 * A head holds one unpacked block, and only while its thread takes part: until then its key is the
 * first_ticks of its next block. Within a thread the order is that of the file, whatever the ticks
 * say: a head's key never goes back.
 */

/* An unpacked block, and how far the events have come in it. */
struct held {
    struct decoded_block decoded;
    uint32_t next[BLOCK_RUNS_MAX]; /* next record of each run */
};

struct head {
    uint64_t key;
    uint32_t thread;             /* number: decides between equal keys */
    uint32_t next_block, blocks; /* in cursor->blocks */
    struct held *held;           /* the block it stands in, or NULL */
    uint32_t record, gap;        /* next ones in it */
};

struct trace_cursor {
    struct trace *trace;
    struct block_wish wish;
    uint32_t *blocks; /* places in the index, thread by thread, each in file order */
    struct head *heads;
    struct head **heap;
    size_t heap_count, head_count;
    size_t held_bytes;
    struct held **spare; /* not in use, kept for the next head */
    size_t spare_count;
    struct trace_ahead *ahead;
};

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

static void held_give_back(struct trace_cursor *c, struct head *head)
{
    c->spare[c->spare_count++] = head->held;
    head->held = NULL;
}

static struct held *held_take(struct trace_cursor *c)
{
    return c->spare_count ? c->spare[--c->spare_count] : calloc(1, sizeof(struct held));
}

/* Too much unpacked at once: forget the blocks that are needed last. They are unpacked again when
 * their time comes. */
static void held_bound(struct trace_cursor *c, const struct head *needed)
{
    while (c->held_bytes > c->trace->held_bytes_max) {
        struct head *last = NULL;
        struct held *victim;

        for (size_t i = 0; i < c->heap_count && !c->spare_count; i++) {
            struct head *head = c->heap[i];

            if (head != needed && head->held && (!last || head_is_before(last, head)))
                last = head;
        }
        if (last)
            held_give_back(c, last);
        if (!c->spare_count)
            break;
        victim = c->spare[--c->spare_count];
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

/* Unpack the head's block (again). 1, 0: it cannot be read, or negative. */
static int head_load(struct trace_cursor *c, struct head *head)
{
    struct held *held = held_take(c);
    int status;

    if (!held)
        return -ENOMEM;
    c->held_bytes -= decoded_block_bytes(&held->decoded);
    status =
        trace_ahead_take(c->ahead, c->trace, c->blocks[head->next_block], &c->wish, &held->decoded);
    c->held_bytes += decoded_block_bytes(&held->decoded);
    head->held = held;
    if (status != 0) {
        held_give_back(c, head);
        return status == -EBADMSG ? 0 : status;
    }
    held_place(held, head->record);
    held_bound(c, head);
    return 1;
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

/* Make heap[0] a head that stands at an event. 1, 0: there is none left, or negative. */
static int top_prepare(struct trace_cursor *c)
{
    while (c->heap_count) {
        struct head *head = c->heap[0];
        uint64_t key = head->key;
        int status = head->held ? 1 : head_load(c, head);

        if (status < 0)
            return status;
        if (status == 1 && head_key_take(head)) {
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

static void gap_fill(struct head *head, struct trace_event *event)
{
    event->gap = head->held->decoded.block.gaps[head->gap++];
    event->ticks = event->gap.first_ticks;
    event->type = NULL;
    event->value_count = 0;
}

static void value_fill(const struct trace_column *column, uint32_t record,
                       struct trace_value *value)
{
    value->field = column->field;
    if (column->offsets) {
        value->bytes = column->bytes + column->offsets[record];
        value->size = column->offsets[record + 1] - column->offsets[record];
    } else {
        value->size = (uint32_t)column->field->count * column->field->width;
        value->bytes = column->bytes + (size_t)record * value->size;
    }
}

static void record_fill(struct head *head, struct trace_event *event)
{
    const struct trace_block *b = &head->held->decoded.block;
    uint32_t place = b->run_of[head->record];
    const struct trace_run *run = &b->runs[place];
    uint32_t record = head->held->next[place]++;

    event->ticks = b->ticks[head->record++];
    event->type = run->type;
    event->value_count = run->type->schema.field_count;
    for (unsigned f = 0; f < event->value_count; f++)
        value_fill(&run->columns[f], record, &event->values[f]);
}

int trace_cursor_next(struct trace_cursor *c, struct trace_event *event)
{
    struct head *head;
    int status = top_prepare(c);

    if (status != 1)
        return status;
    head = c->heap[0];
    event->thread = head->held->decoded.block.thread;
    if (head_is_at_gap(head))
        gap_fill(head, event);
    else
        record_fill(head, event);
    event->ns = trace_ns(c->trace, event->ticks);

    /* The block stays as it is until the next call: the event points into it. */
    if (head_key_take(head))
        heap_sift_down(c, 0);
    return 1;
}

/* ---- open and close ---- */

static bool entry_is_wished(const struct trace_cursor *c, const struct trace_filter *filter,
                            const struct index_entry *entry)
{
    const struct thread_row *rows = c->trace->threads.rows;

    return trace_entry_is_wished(entry, &c->wish) &&
           trace_filter_has_thread(filter,
                                   &rows[trace_thread_place(c->trace, entry->thread)].thread);
}

/* Sort the wished blocks by thread with a counting sort: file order stays. */
static int blocks_sort(struct trace_cursor *c, const struct trace_filter *filter)
{
    const struct trace_index *index = &c->trace->blocks;
    size_t threads = c->trace->threads.count, wished = 0;
    uint32_t *start = calloc(threads + 1, sizeof(*start));
    int status = -ENOMEM;

    c->blocks = malloc((index->count + 1) * sizeof(*c->blocks));
    c->heads = calloc(threads + 1, sizeof(*c->heads));
    c->heap = calloc(threads + 1, sizeof(*c->heap));
    c->spare = calloc(threads + 1, sizeof(*c->spare));
    if (!start || !c->blocks || !c->heads || !c->heap || !c->spare)
        goto out;
    for (size_t i = 0; i < index->count; i++)
        if (entry_is_wished(c, filter, &index->entries[i]))
            c->heads[trace_thread_place(c->trace, index->entries[i].thread)].blocks++;
    for (size_t t = 0; t < threads; t++) {
        start[t] = c->heads[t].next_block = (uint32_t)wished;
        wished += c->heads[t].blocks;
    }
    for (size_t i = 0; i < index->count; i++)
        if (entry_is_wished(c, filter, &index->entries[i]))
            c->blocks[start[trace_thread_place(c->trace, index->entries[i].thread)]++] =
                (uint32_t)i;
    status = 0;
out:
    free(start);
    return status;
}

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

/* ---- which blocks will be needed when ---- */

struct need {
    uint64_t ticks; /* the head's key when it comes to this block, if no event disturbs it */
    uint32_t thread, number;
};

static int need_compare(const void *a, const void *b)
{
    const struct need *left = a, *right = b;

    if (left->ticks != right->ticks)
        return left->ticks < right->ticks ? -1 : 1;
    if (left->thread != right->thread)
        return left->thread < right->thread ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static size_t needs_list(const struct trace_cursor *c, struct need *needs)
{
    const struct index_entry *entries = c->trace->blocks.entries;
    size_t count = 0;

    for (size_t h = 0; h < c->head_count; h++) {
        const struct head *head = &c->heads[h];
        uint64_t ticks = 0;

        for (uint32_t i = 0; i < head->blocks; i++) {
            uint32_t number = head->next_block + i;
            uint64_t first = entries[c->blocks[number]].first_ticks;

            ticks = first > ticks ? first : ticks;
            needs[count++] = (struct need){ticks, head->thread, number};
        }
    }
    qsort(needs, count, sizeof(*needs), need_compare);
    return count;
}

static int ahead_start(struct trace_cursor *c)
{
    size_t count = 0;
    struct need *needs;
    uint32_t *places;
    int status;

    if (c->trace->jobs < 2)
        return 0;
    for (size_t h = 0; h < c->head_count; h++)
        count += c->heads[h].blocks;
    needs = malloc((count + 1) * sizeof(*needs));
    places = malloc((count + 1) * sizeof(*places));
    status = needs && places ? 0 : -ENOMEM;
    if (status == 0) {
        count = needs_list(c, needs);
        for (size_t i = 0; i < count; i++)
            places[i] = c->blocks[needs[i].number];
        status = trace_ahead_open(&c->ahead, c->trace, &c->wish, places, count);
    }
    free(needs);
    free(places);
    return status;
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
        status = blocks_sort(c, filter);
    if (status != 0) {
        trace_cursor_close(c);
        return status;
    }
    c->head_count = t->threads.count;
    heap_build(c);
    status = ahead_start(c);
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
    while (c->spare_count)
        held_destroy(c->spare[--c->spare_count]);
    trace_wish_free(&c->wish);
    free(c->blocks);
    free(c->heads);
    free(c->heap);
    free(c->spare);
    free(c);
}
