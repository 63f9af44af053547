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

static int span_follow(struct report_spans *spans, struct live_map *open,
                       const struct timeline_entry *entry)
{
    struct call_stats *stats = &spans->stats[entry->value];
    uint64_t space = entry->value << 32 | entry->space;
    struct live_entry *live;
    uint64_t duration;

    if (entry->kind) {
        live = live_map_put(open, space, entry->key);
        if (!live)
            return -ENOMEM;
        live->value = entry->ticks; /* begun again without an end: the old one is forgotten */
        return 0;
    }
    live = live_map_find(open, space, entry->key);
    if (!live) {
        spans->unmatched++;
        return 0;
    }
    duration = entry->ticks - live->value;
    live_map_remove(open, live);
    stats->total_ticks += duration;
    return call_stats_add(stats, duration, duration) ? -ENOMEM : 0;
}

int report_spans_finish(struct report_spans *spans)
{
    struct live_map open;
    int status = timeline_sort(&spans->timeline);

    if (!status)
        status = live_map_init(&open);
    if (status)
        return status;
    for (size_t n = 0; !status && n < spans->timeline.count; n++)
        status = span_follow(spans, &open, &spans->timeline.entries[n]);
    for (size_t n = 0; n <= open.mask; n++)
        if (open.entries[n].used)
            spans->stats[open.entries[n].space >> 32].unfinished++;
    live_map_fini(&open);
    return status;
}
