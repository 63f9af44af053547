/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/live_map.h"
#include "cli/value.h"

int report_spans_init(struct report_spans *spans, uint32_t name_count)
{
    *spans = (struct report_spans){.name_count = name_count};
    spans->stats = calloc(name_count + 1u, sizeof(*spans->stats));
    spans->steps = calloc(name_count + 1u, sizeof(*spans->steps));
    return spans->stats && spans->steps ? 0 : -ENOMEM;
}

void report_spans_fini(struct report_spans *spans)
{
    for (uint32_t n = 0; spans->stats && n < spans->name_count; n++)
        histogram_fini(&spans->stats[n].durations);
    free(spans->stats);
    free(spans->steps);
    timeline_fini(&spans->timeline);
    *spans = (struct report_spans){0};
}

/* Strings and bytes serve as ids through their hash (FNV-1a). */
static uint64_t id_of_bytes(const unsigned char *bytes, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The first field of the n-th record; a span without fields is the only one of its name. */
static uint64_t span_id(const struct trace_run *run, uint32_t n)
{
    const struct trace_column *column = &run->columns[0];

    if (!run->type->schema.field_count)
        return 0;
    if (column->offsets)
        return id_of_bytes(column->bytes + column->offsets[n],
                           column->offsets[n + 1] - column->offsets[n]);
    return value_load(column->bytes + (size_t)n * column->field->count * column->field->width,
                      column->field->width);
}

int report_spans_feed(struct report_spans *spans, const struct trace_block *block,
                      const struct trace_run *run, uint32_t name)
{
    unsigned phase = run->type->schema.phase;

    if (phase == ADA_PHASE_SPAN_STEP) {
        spans->steps[name] += run->records;
        return 0;
    }
    for (uint32_t n = 0; n < run->records; n++) {
        struct timeline_entry entry = {
            .ticks = block->ticks[run->position[n]],
            .key = span_id(run, n),
            .value = name,
            .space = block->thread->process,
            .kind = phase == ADA_PHASE_SPAN_BEGIN,
        };

        if (timeline_add(&spans->timeline, &entry))
            return -ENOMEM;
    }
    return 0;
}

/* ---- following ---- */

/* Open spans of one name and id: the newest stands in the map, with the older ones behind it. */
struct older_span {
    uint64_t start_ticks;
    uint32_t next; /* place + 1 of the one before it; or of the next that is free */
};

struct open_spans {
    struct live_map newest; /* value: start_ticks, extra: place + 1 of the one before it */
    struct older_span *older;
    uint32_t count, capacity, free;
};

/* Keep a span that another one covers. Its place + 1, or 0 without memory. */
static uint32_t older_keep(struct open_spans *open, uint64_t start_ticks, uint32_t next)
{
    uint32_t place = open->free;

    if (place) {
        open->free = open->older[place - 1].next;
    } else {
        if (open->count == open->capacity) {
            uint32_t capacity = open->capacity ? 2 * open->capacity : 64;
            struct older_span *older = reallocarray(open->older, capacity, sizeof(*older));

            if (!older)
                return 0;
            open->older = older;
            open->capacity = capacity;
        }
        place = ++open->count;
    }
    open->older[place - 1] = (struct older_span){start_ticks, next};
    return place;
}

static int span_begin(struct report_spans *spans, struct open_spans *open, uint64_t space,
                      const struct timeline_entry *entry)
{
    size_t before = open->newest.count;
    struct live_entry *live = live_map_put(&open->newest, space, entry->key);

    if (!live)
        return -ENOMEM;
    if (open->newest.count == before) {
        uint32_t kept = older_keep(open, live->value, live->extra);

        if (!kept)
            return -ENOMEM;
        live->extra = kept;
        spans->stats[entry->value].nested++;
    }
    live->value = entry->ticks;
    return 0;
}

/* An end belongs to the newest. */
static int span_end(struct report_spans *spans, struct open_spans *open, uint64_t space,
                    const struct timeline_entry *entry)
{
    struct call_stats *stats = &spans->stats[entry->value];
    struct live_entry *live = live_map_find(&open->newest, space, entry->key);
    uint64_t duration;
    uint32_t place;

    if (!live) {
        spans->unmatched++;
        return 0;
    }
    duration = entry->ticks - live->value;
    place = live->extra;
    if (place) {
        struct older_span *older = &open->older[place - 1];

        live->value = older->start_ticks;
        live->extra = older->next;
        older->next = open->free;
        open->free = place;
    } else {
        live_map_remove(&open->newest, live);
    }
    stats->total_ticks += duration;
    return call_stats_add(stats, duration, duration) ? -ENOMEM : 0;
}

static void unfinished_count(struct report_spans *spans, const struct open_spans *open)
{
    for (size_t n = 0; n <= open->newest.mask; n++) {
        const struct live_entry *live = &open->newest.entries[n];

        if (!live->used)
            continue;
        spans->stats[live->space >> 32].unfinished++;
        for (uint32_t place = live->extra; place; place = open->older[place - 1].next)
            spans->stats[live->space >> 32].unfinished++;
    }
}

int report_spans_finish(struct report_spans *spans)
{
    struct open_spans open = {0};
    int status = timeline_sort(&spans->timeline);

    if (!status)
        status = live_map_init(&open.newest);
    if (status)
        return status;
    for (size_t n = 0; !status && n < spans->timeline.count; n++) {
        const struct timeline_entry *entry = &spans->timeline.entries[n];
        uint64_t space = entry->value << 32 | entry->space;

        status = entry->kind ? span_begin(spans, &open, space, entry)
                             : span_end(spans, &open, space, entry);
    }
    unfinished_count(spans, &open);
    live_map_fini(&open.newest);
    free(open.older);
    return status;
}
