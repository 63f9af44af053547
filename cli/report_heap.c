/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of every process, followed in the order of time: what is alive, how much at most, who
 * allocated it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_memory.h"

/* ---- one process ---- */

static void block_free(struct report_memory *memory, struct memory_process *process,
                       struct live_entry *entry)
{
    process->freed_bytes += entry->value;
    process->live_bytes -= entry->value;
    process->live_blocks--;
    live_map_remove(&memory->live, entry);
}

/* One end of a block's life, in the order of time within its process. */
static int entry_follow(struct report_memory *memory, const struct timeline_entry *entry)
{
    struct memory_process *process = &memory->processes[entry->space];
    struct live_entry *live = live_map_find(&memory->live, entry->space, entry->key);

    if (entry->kind == MEMORY_FREE) {
        process->frees++;
        if (live)
            block_free(memory, process, live);
        else
            process->unknown_frees++;
        return 0;
    }
    if (live) {
        process->missed_frees++;
        block_free(memory, process, live);
    }
    live = live_map_put(&memory->live, entry->space, entry->key);
    if (!live)
        return -ENOMEM;
    live->value = entry->value;
    live->extra = entry->number;
    process->allocations++;
    process->allocated_bytes += entry->value;
    process->live_blocks++;
    process->live_bytes += entry->value;
    if (process->live_bytes > process->peak_bytes) {
        process->peak_bytes = process->live_bytes;
        process->peak_ticks = entry->ticks;
    }
    return 0;
}

int report_memory_take(struct report_memory *memory, const struct timeline_entry *entry)
{
    if (memory->processes[entry->space].threads > 1)
        return timeline_add(&memory->timeline, entry) ? -ENOMEM : 0;
    return entry_follow(memory, entry);
}

/* ---- following several threads: as far as all of them have come ---- */

static uint64_t horizon_of(const struct report_memory *memory)
{
    uint64_t horizon = UINT64_MAX;

    for (size_t n = 0; n < memory->thread_count; n++)
        if (memory->threads[n].records_left && memory->threads[n].seen_ticks < horizon)
            horizon = memory->threads[n].seen_ticks;
    return horizon > memory->slack_ticks ? horizon - memory->slack_ticks : 0;
}

static int timeline_follow(struct report_memory *memory, uint64_t horizon)
{
    struct timeline *timeline = &memory->timeline;
    int status = timeline_sort(timeline);
    size_t done = 0;

    while (!status && done < timeline->count && timeline->entries[done].ticks < horizon)
        status = entry_follow(memory, &timeline->entries[done++]);
    timeline->count -= done;
    if (timeline->count)
        memmove(timeline->entries, timeline->entries + done,
                timeline->count * sizeof(*timeline->entries));
    return status;
}

int report_memory_advance(struct report_memory *memory)
{
    int status;

    if (memory->timeline.count < memory->advance_at)
        return 0;
    status = timeline_follow(memory, horizon_of(memory));
    /* A thread that sleeps holds the others up: then look again when there is twice as much. */
    memory->advance_at = 2 * memory->timeline.count + REPORT_MEMORY_ADVANCE;
    return status;
}

void report_memory_note(struct report_memory *memory, const struct trace_block *block,
                        size_t thread)
{
    struct memory_thread *noted = &memory->threads[thread];

    if (!block->records)
        return;
    noted->seen_ticks = block->ticks[block->records - 1];
    if (noted->records_left != UINT64_MAX)
        noted->records_left -=
            block->records < noted->records_left ? block->records : noted->records_left;
}

/* ---- the end ---- */

static int by_function(const void *a, const void *b)
{
    return symbol_function_compare(&((const struct memory_caller *)a)->symbol,
                                   &((const struct memory_caller *)b)->symbol);
}

static int by_bytes(const void *a, const void *b)
{
    const struct memory_caller *left = a, *right = b;

    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return by_function(a, b);
}

static int by_place(const void *a, const void *b)
{
    const struct symbol_text *left = &((const struct memory_caller *)a)->symbol;
    const struct symbol_text *right = &((const struct memory_caller *)b)->symbol;
    int order = by_function(a, b);

    if (order || !symbol_has_line(left) || !symbol_has_line(right))
        return order ? order : symbol_has_line(left) - symbol_has_line(right);
    order = strcmp(left->symbol->file, right->symbol->file);
    if (order || left->symbol->line == right->symbol->line)
        return order;
    return left->symbol->line < right->symbol->line ? -1 : 1;
}

static int by_function_and_bytes(const void *a, const void *b)
{
    int order = by_function(a, b);

    if (!order)
        order = by_bytes(a, b);
    return order ? order : by_place(a, b);
}

/* Neighbours that are equal by `compare` become the first of them. */
static void callers_fold(struct report_memory *memory, int (*compare)(const void *, const void *))
{
    uint32_t kept = 0;

    for (uint32_t n = 1; n < memory->caller_count; n++) {
        struct memory_caller *into = &memory->callers[kept], *from = &memory->callers[n];

        if (compare(into, from) != 0) {
            memory->callers[++kept] = *from;
            continue;
        }
        into->places += from->places;
        into->calls += from->calls;
        into->bytes += from->bytes;
        into->live_bytes += from->live_bytes;
        into->live_blocks += from->live_blocks;
    }
    memory->caller_count = kept + 1;
}

/* First the addresses of one line become one, then the lines of one function. */
static void callers_merge(struct report_memory *memory)
{
    const size_t size = sizeof(*memory->callers);

    qsort(memory->callers, memory->caller_count, size, by_place);
    callers_fold(memory, by_place);
    for (uint32_t n = 0; n < memory->caller_count; n++)
        memory->callers[n].places = symbol_has_line(&memory->callers[n].symbol);
    qsort(memory->callers, memory->caller_count, size, by_function_and_bytes);
    callers_fold(memory, by_function);
    for (uint32_t n = 1; n < memory->caller_count; n++)
        symbol_twins_note(&memory->callers[n - 1].symbol, &memory->callers[n].symbol);
    qsort(memory->callers, memory->caller_count, size, by_bytes);
    while (memory->caller_count && !memory->callers[memory->caller_count - 1].calls)
        memory->caller_count--;
}

int report_memory_finish(struct report_memory *memory)
{
    int status = timeline_follow(memory, UINT64_MAX);

    if (status)
        return status;
    for (size_t n = 0; n <= memory->live.mask; n++) {
        const struct live_entry *live = &memory->live.entries[n];

        if (live->used) {
            memory->callers[live->extra].live_bytes += live->value;
            memory->callers[live->extra].live_blocks++;
        }
    }
    callers_merge(memory);
    return 0;
}

struct memory_process report_memory_total(const struct report_memory *memory)
{
    struct memory_process total = {0};

    for (size_t n = 0; n < memory->process_count; n++) {
        const struct memory_process *process = &memory->processes[n];

        total.allocations += process->allocations;
        total.allocated_bytes += process->allocated_bytes;
        total.frees += process->frees;
        total.freed_bytes += process->freed_bytes;
        total.live_bytes += process->live_bytes;
        total.live_blocks += process->live_blocks;
        total.unknown_frees += process->unknown_frees;
        total.missed_frees += process->missed_frees;
        if (process->peak_bytes > total.peak_bytes) {
            total.peak_bytes = process->peak_bytes;
            total.peak_ticks = process->peak_ticks;
        }
    }
    return total;
}
