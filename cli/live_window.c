/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"

enum {
    MARGIN_NS = 1000 * 1000, /* for emits under way */
    CHUNK_BYTES = 256 * 1024,
    ENTRIES_MAX = 1 << 20,
    BYTES_MAX = 256 << 20,
    RUNS_BYTES = TRACE_BATCH_RECORDS * 160, /* of a batch: small types take so much */
};

/* Payloads stand in chunks, which go when nothing in them is waited for. */
struct chunk {
    uint32_t used, users;
    unsigned char bytes[];
};

struct entry {
    uint64_t ticks, order;             /* order: as they came */
    const struct trace_thread *thread; /* NULL: missed */
    const struct trace_type *type;     /* NULL: a gap, or missed */
    struct chunk *chunk;
    uint32_t at, size; /* in the chunk */
};

struct live_window {
    struct live_visitor visitor;
    struct trace *trace;
    const struct trace_filter *filter;
    uint8_t *wanted; /* by type: 0 not looked at yet, 1 no, 2 yes */
    size_t wanted_count;
    const struct trace_thread *last; /* looked at last */
    bool last_is_wanted;
    uint64_t margin_ticks;

    struct entry *entries; /* from `first` on, sorted up to `sorted` */
    size_t first, count, capacity, sorted;
    uint64_t order, newest_ticks, ready_ticks;
    struct chunk *chunk; /* that is being filled */
    size_t chunk_bytes;  /* of all */
    bool failed;
    uint64_t malformed;

    struct trace_batch batch;
    struct chunk *batch_chunks[TRACE_BATCH_RECORDS]; /* users: let go of at the next call */
    unsigned char *runs;
    size_t runs_used, runs_size;
    struct live_missed missed;
};

/* ---- taking in ---- */

static void chunk_leave(struct live_window *w, struct chunk *chunk)
{
    if (!chunk || --chunk->users)
        return;
    w->chunk_bytes -= chunk->used;
    free(chunk);
}

static unsigned char *chunk_take(struct live_window *w, uint32_t size)
{
    uint32_t span = (size + TRACE_COLUMN_SLACK + 7) & ~7u;
    size_t bytes = span > CHUNK_BYTES ? span : CHUNK_BYTES;
    struct chunk *chunk = w->chunk;

    if (!chunk || chunk->used + span > CHUNK_BYTES) {
        chunk = malloc(sizeof(*chunk) + bytes);
        if (!chunk)
            return NULL;
        *chunk = (struct chunk){.users = 1};
        chunk_leave(w, w->chunk);
        w->chunk = chunk;
    }
    chunk->used += span;
    chunk->users++;
    w->chunk_bytes += span;
    return chunk->bytes + chunk->used - span;
}

static struct entry *entry_add(struct live_window *w, uint64_t ticks, const void *bytes,
                               uint32_t size)
{
    struct entry *entry;
    unsigned char *place;

    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 4096;
        struct entry *entries = reallocarray(w->entries, capacity, sizeof(*entries));

        if (!entries) {
            w->failed = true;
            return NULL;
        }
        w->entries = entries;
        w->capacity = capacity;
    }
    place = chunk_take(w, size);
    if (!place) {
        w->failed = true;
        return NULL;
    }
    memcpy(place, bytes, size);
    entry = &w->entries[w->count++];
    *entry = (struct entry){.ticks = ticks, .order = w->order++, .chunk = w->chunk, .size = size};
    entry->at = (uint32_t)(place - w->chunk->bytes);
    if (ticks > w->newest_ticks)
        w->newest_ticks = ticks;
    return entry;
}

static bool type_is_wanted(struct live_window *w, const struct trace_type *type)
{
    size_t count = trace_type_count(w->trace);

    if (type->index >= w->wanted_count) {
        uint8_t *wanted = realloc(w->wanted, count);

        if (!wanted) {
            w->failed = true;
            return false;
        }
        memset(wanted + w->wanted_count, 0, count - w->wanted_count);
        w->wanted = wanted;
        w->wanted_count = count;
    }
    if (!w->wanted[type->index])
        w->wanted[type->index] =
            !w->filter->events || glob_list_match(w->filter->events, type->full_name) ? 2 : 1;
    return w->wanted[type->index] == 2;
}

static bool thread_is_wanted(struct live_window *w, const struct trace_thread *thread)
{
    if (thread != w->last) {
        w->last = thread;
        w->last_is_wanted = trace_live_wants(w->filter, thread);
    }
    return w->last_is_wanted;
}

static void record_take(void *context, const struct trace_thread *thread,
                        const struct trace_type *type, uint64_t ticks, const unsigned char *payload,
                        uint32_t size)
{
    struct live_window *w = context;
    struct entry *entry;

    if (!thread_is_wanted(w, thread) || !type_is_wanted(w, type))
        return;
    entry = entry_add(w, ticks, payload, size);
    if (!entry)
        return;
    entry->thread = thread;
    entry->type = type;
}

static void gap_take(void *context, const struct trace_thread *thread, const struct trace_gap *gap)
{
    struct live_window *w = context;
    struct entry *entry;

    if (!thread_is_wanted(w, thread))
        return;
    /* Told late, it stands where it is told. */
    entry = entry_add(w, gap->first_ticks > w->ready_ticks ? gap->first_ticks : w->ready_ticks, gap,
                      sizeof(*gap));
    if (entry)
        entry->thread = thread;
}

static void missed_take(void *context, const struct live_missed *missed)
{
    struct live_window *w = context;

    (void)entry_add(w, w->newest_ticks, missed, sizeof(*missed));
}

static void round_take(void *context, uint64_t ticks, uint64_t monotonic_ns)
{
    struct live_window *w = context;

    (void)monotonic_ns;
    w->last = NULL; /* its name may have changed */
    if (ticks > w->margin_ticks && ticks - w->margin_ticks > w->ready_ticks)
        w->ready_ticks = ticks - w->margin_ticks;
}

/* ---- giving out ---- */

static int by_time(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    if (left->ticks != right->ticks)
        return left->ticks < right->ticks ? -1 : 1;
    return left->order < right->order ? -1 : left->order > right->order;
}

static void entries_sort(struct live_window *w)
{
    size_t n = w->sorted > w->first ? w->sorted : w->first + 1;

    while (n < w->count && w->entries[n - 1].ticks <= w->entries[n].ticks)
        n++;
    if (n < w->count)
        qsort(w->entries + w->first, w->count - w->first, sizeof(*w->entries), by_time);
    w->sorted = w->count;
}

static void entries_compact(struct live_window *w)
{
    if (!w->first || w->first < w->count / 2)
        return;
    memmove(w->entries, w->entries + w->first, (w->count - w->first) * sizeof(*w->entries));
    w->count -= w->first;
    w->sorted -= w->sorted > w->first ? w->first : w->sorted;
    w->first = 0;
}

/* Room for a run with so many columns, and for their offsets. NULL: the batch is full. */
static struct trace_run *run_place(struct live_window *w, const struct trace_type *type,
                                   uint32_t **offsets)
{
    unsigned fields = type->schema.field_count;
    size_t columns = offsetof(struct trace_run, columns) + fields * sizeof(struct trace_column);
    size_t bytes = (columns + type->variable_count * 2 * sizeof(uint32_t) + 7) & ~(size_t)7;
    struct trace_run *run;

    if (w->runs_used + bytes > w->runs_size)
        return NULL;
    run = (void *)(w->runs + w->runs_used);
    *offsets = (void *)(w->runs + w->runs_used + columns);
    w->runs_used += bytes;
    return run;
}

/* False: it does not fit into this batch any more. */
static bool entry_give(struct live_window *w, const struct entry *entry)
{
    struct trace_record *record = &w->batch.records[w->batch.count];
    const unsigned char *payload = entry->chunk->bytes + entry->at;
    struct trace_run *run;
    uint32_t *offsets;

    if (w->batch.count == TRACE_BATCH_RECORDS)
        return false;
    *record = (struct trace_record){.ticks = entry->ticks, .thread = entry->thread};
    if (entry->type) {
        run = run_place(w, entry->type, &offsets);
        if (!run)
            return false;
        record->run = run;
        if (trace_live_run(entry->type, payload, entry->size, run, offsets)) {
            w->malformed++;
            chunk_leave(w, entry->chunk);
            return true;
        }
    } else {
        record->gap = (const void *)payload;
    }
    w->batch_chunks[w->batch.count++] = entry->chunk;
    trace_live_told(w->trace, entry->ticks);
    return true;
}

static void batch_clear(struct live_window *w)
{
    for (size_t i = 0; i < w->batch.count; i++)
        chunk_leave(w, w->batch_chunks[i]);
    w->batch.count = 0;
    w->runs_used = 0;
}

static bool is_ready(const struct live_window *w, const struct entry *entry)
{
    return entry->ticks < w->ready_ticks;
}

int live_window_next(struct live_window *w, size_t max, struct live_batch *out)
{
    *out = (struct live_batch){.events = &w->batch};
    batch_clear(w);
    if (w->failed)
        return -ENOMEM;
    entries_sort(w);
    if (w->count - w->first > ENTRIES_MAX || w->chunk_bytes > BYTES_MAX)
        w->ready_ticks = w->newest_ticks;
    while (w->first < w->count && w->batch.count < max && is_ready(w, &w->entries[w->first])) {
        const struct entry *entry = &w->entries[w->first];

        if (!entry->thread) {
            if (w->batch.count)
                break;
            memcpy(&w->missed, entry->chunk->bytes + entry->at, sizeof(w->missed));
            out->missed = &w->missed;
            out->ns = trace_ns(w->trace, entry->ticks);
            chunk_leave(w, entry->chunk);
            w->first++;
            return 1;
        }
        if (!entry_give(w, entry))
            break;
        w->first++;
    }
    entries_compact(w);
    return w->batch.count != 0;
}

void live_window_end(struct live_window *w)
{
    w->ready_ticks = UINT64_MAX;
}

/* ---- life ---- */

int live_window_create(struct live_window **out, struct trace *trace,
                       const struct trace_filter *filter)
{
    struct live_window *w = calloc(1, sizeof(*w));

    *out = NULL;
    if (!w)
        return -ENOMEM;
    w->trace = trace;
    w->filter = filter;
    w->margin_ticks = trace_ticks(trace, MARGIN_NS) - trace_ticks(trace, 0);
    w->runs_size = RUNS_BYTES;
    if (w->runs_size < sizeof(struct trace_run) + SCHEMA_FIELDS_MAX * 2 * sizeof(uint32_t))
        w->runs_size = sizeof(struct trace_run) + SCHEMA_FIELDS_MAX * 2 * sizeof(uint32_t);
    w->runs = malloc(w->runs_size);
    w->visitor = (struct live_visitor){.context = w,
                                       .record = record_take,
                                       .gap = gap_take,
                                       .missed = missed_take,
                                       .round = round_take};
    if (!w->runs) {
        free(w);
        return -ENOMEM;
    }
    *out = w;
    return 0;
}

void live_window_destroy(struct live_window *w)
{
    if (!w)
        return;
    batch_clear(w);
    for (size_t n = w->first; n < w->count; n++)
        chunk_leave(w, w->entries[n].chunk);
    chunk_leave(w, w->chunk);
    free(w->entries);
    free(w->wanted);
    free(w->runs);
    free(w);
}

const struct live_visitor *live_window_visitor(struct live_window *w)
{
    return &w->visitor;
}

uint64_t live_window_malformed(const struct live_window *w)
{
    return w->malformed;
}
