/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "format/cursor_state.h"

/* ---- which blocks, thread by thread ---- */

static bool entry_is_wished(const struct trace_cursor *c, const struct trace_filter *filter,
                            const struct index_entry *entry)
{
    const struct thread_row *rows = c->trace->threads.rows;

    return trace_entry_is_wished(entry, &c->wish) &&
           trace_filter_has_thread(filter,
                                   &rows[trace_thread_place(c->trace, entry->thread)].thread);
}

/* A counting sort. */
int cursor_blocks_sort(struct trace_cursor *c, const struct trace_filter *filter)
{
    const struct trace_index *index = &c->trace->blocks;
    size_t threads = c->trace->threads.count, wished = 0;
    uint32_t *start = calloc(threads + 1, sizeof(*start));
    int status = -ENOMEM;

    c->blocks = malloc((index->count + 1) * sizeof(*c->blocks));
    c->heads = calloc(threads + 1, sizeof(*c->heads));
    c->heap = calloc(threads + 1, sizeof(*c->heap));
    if (!start || !c->blocks || !c->heads || !c->heap)
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

int cursor_ahead_start(struct trace_cursor *c)
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
