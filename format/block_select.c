/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_select.h"

/* The decoded block's own memory, which trace_block shows as const. */
struct selection {
    struct trace_block *block;
    uint64_t *ticks;
    uint8_t *run_of;
    struct trace_run *runs;
    struct trace_gap *gaps;
    uint32_t *gap_position;
    uint32_t first, end;            /* records of the wished time: [first, end) */
    int place[BLOCK_RUNS_MAX];      /* run's new number, or -1 */
    uint32_t *next[BLOCK_RUNS_MAX]; /* where the run's next position goes */
};

static uint32_t ticks_search(const uint64_t *ticks, uint32_t count, uint64_t least)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ticks[middle] < least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t position_search(const uint32_t *positions, uint32_t count, uint32_t least)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (positions[middle] < least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool run_is_wished(const struct block_wish *wish, const struct trace_run *run)
{
    return run->type && (!wish->types || wish->types[run->type->index]);
}

static bool all_wished(const struct selection *s, const struct block_wish *wish)
{
    bool all = s->first == 0 && s->end == s->block->records;

    for (uint32_t r = 0; r < s->block->run_count && all; r++)
        all = run_is_wished(wish, &s->runs[r]);
    return all;
}

/* Narrow a run to its records in [first, end): columns just begin later. */
static void run_narrow(const struct selection *s, struct trace_run *run)
{
    uint32_t from = position_search(run->position, run->records, s->first);
    uint32_t to = position_search(run->position, run->records, s->end);

    for (unsigned f = 0; f < run->type->schema.field_count; f++) {
        struct trace_column *column = &run->columns[f];

        if (column->offsets)
            column->offsets += from;
        else
            column->bytes += (size_t)from * column->field->count * column->field->width;
    }
    run->position += from;
    run->records = to - from;
}

static void runs_select(struct selection *s, const struct block_wish *wish)
{
    uint32_t kept = 0;

    for (uint32_t r = 0; r < s->block->run_count; r++) {
        struct trace_run *run = &s->runs[r];

        s->place[r] = -1;
        if (!run_is_wished(wish, run))
            continue;
        run_narrow(s, run);
        if (run->records == 0)
            continue;
        s->place[r] = (int)kept;
        s->next[kept] = (uint32_t *)run->position;
        s->runs[kept++] = *run;
    }
    s->block->run_count = kept;
}

/* Close up the records, number their places anew, and take the gaps' places along. */
static void records_select(struct selection *s, const struct block_wish *wish)
{
    uint32_t kept = 0, gap = 0, gaps_kept = 0, count = s->block->records;

    for (uint32_t i = 0; i <= count; i++) {
        for (; gap < s->block->gap_count && s->gap_position[gap] <= i; gap++) {
            struct trace_gap moved = s->gaps[gap];

            if (moved.last_ticks < wish->from_ticks || moved.first_ticks > wish->to_ticks)
                continue;
            s->gaps[gaps_kept] = moved;
            s->gap_position[gaps_kept++] = kept;
        }
        if (i < s->first || i >= s->end || s->place[s->run_of[i]] < 0)
            continue;
        s->ticks[kept] = s->ticks[i];
        s->run_of[kept] = (uint8_t)s->place[s->run_of[i]];
        *s->next[s->run_of[kept]]++ = kept;
        kept++;
    }
    s->block->records = kept;
    s->block->gap_count = gaps_kept;
}

void block_select(struct decoded_block *decoded, const struct block_wish *wish)
{
    struct trace_block *block = &decoded->block;
    struct selection s = {
        .block = block,
        .ticks = (uint64_t *)block->ticks,
        .run_of = (uint8_t *)block->run_of,
        .runs = (struct trace_run *)block->runs,
        .gaps = (struct trace_gap *)block->gaps,
        .gap_position = (uint32_t *)block->gap_position,
    };
    bool all_gaps = true;

    s.first = ticks_search(s.ticks, block->records, wish->from_ticks);
    s.end = wish->to_ticks == UINT64_MAX
                ? block->records
                : ticks_search(s.ticks, block->records, wish->to_ticks + 1);
    if (s.end < s.first) /* a time that ends before it begins holds nothing */
        s.end = s.first;
    for (uint32_t i = 0; i < block->gap_count; i++)
        all_gaps &=
            s.gaps[i].last_ticks >= wish->from_ticks && s.gaps[i].first_ticks <= wish->to_ticks;
    if (all_gaps && all_wished(&s, wish))
        return;
    runs_select(&s, wish);
    records_select(&s, wish);
}
