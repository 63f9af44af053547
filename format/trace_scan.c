/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "format/trace_ahead.h"

/* ---- filters ---- */

static int types_select(const struct trace *t, const char *events, const bool **out)
{
    bool *types;

    *out = NULL;
    if (!events || !*events)
        return 0;
    types = calloc(t->types.count + 1, sizeof(*types));
    if (!types)
        return -ENOMEM;
    for (size_t i = 0; i < t->types.count; i++)
        types[i] = glob_list_match(events, t->type_list[i]->full_name);
    *out = types;
    return 0;
}

int trace_wish_make(const struct trace *t, const struct trace_filter *filter,
                    struct block_wish *wish)
{
    *wish = (struct block_wish){.from_ticks = 0, .to_ticks = UINT64_MAX};
    if (!filter)
        return 0;
    if (filter->from_ns != INT64_MIN)
        wish->from_ticks = trace_ticks(t, filter->from_ns);
    if (filter->to_ns != INT64_MAX) {
        uint64_t end = trace_ticks(t, filter->to_ns); /* the first that is too late */

        wish->to_ticks = end ? end - 1 : 0;
        if (end == 0 || filter->to_ns <= filter->from_ns)
            wish->from_ticks = UINT64_MAX; /* nothing */
    }
    return types_select(t, filter->events, &wish->types);
}

void trace_wish_free(struct block_wish *wish)
{
    free((bool *)wish->types);
    wish->types = NULL;
}

static bool is_number(const char *text)
{
    for (; *text; text++)
        if (!isdigit((unsigned char)*text))
            return false;
    return true;
}

bool trace_filter_has_thread(const struct trace_filter *filter, const struct trace_thread *thread)
{
    if (!filter || !filter->thread || !*filter->thread)
        return true;
    if (is_number(filter->thread))
        return strtoul(filter->thread, NULL, 10) == thread->tid;
    return glob_list_match(filter->thread, thread->name);
}

bool trace_entry_is_wished(const struct index_entry *entry, const struct block_wish *wish)
{
    return index_entry_is(entry, BLOCK_DATA) && entry->last_ticks >= wish->from_ticks &&
           entry->first_ticks <= wish->to_ticks;
}

/* ---- the scan ---- */

struct trace_scan {
    struct trace *trace;
    struct block_wish wish;
    uint32_t *blocks; /* places in the index, in file order */
    size_t count, next;
    struct trace_ahead *ahead;
    struct decoded_block decoded;
};

/* The wished blocks of the threads that are wished for. */
static int blocks_select(struct trace_scan *s, const struct trace_filter *filter)
{
    const struct trace_index *index = &s->trace->blocks;
    const struct thread_row *rows = s->trace->threads.rows;
    size_t threads = s->trace->threads.count;
    bool *wished = calloc(threads + 1, sizeof(*wished));

    s->blocks = malloc((index->count + 1) * sizeof(*s->blocks));
    if (!wished || !s->blocks) {
        free(wished);
        return -ENOMEM;
    }
    for (size_t i = 0; i < threads; i++)
        wished[i] = trace_filter_has_thread(filter, &rows[i].thread);
    for (size_t i = 0; i < index->count; i++)
        if (trace_entry_is_wished(&index->entries[i], &s->wish) &&
            wished[trace_thread_place(s->trace, index->entries[i].thread)])
            s->blocks[s->count++] = (uint32_t)i;
    free(wished);
    return 0;
}

int trace_scan_open(struct trace *t, const struct trace_filter *filter, struct trace_scan **out)
{
    struct trace_scan *s = calloc(1, sizeof(*s));
    int status;

    *out = NULL;
    if (!s)
        return -ENOMEM;
    s->trace = t;
    status = trace_wish_make(t, filter, &s->wish);
    if (status == 0)
        status = blocks_select(s, filter);
    if (status == 0)
        status = trace_ahead_open(&s->ahead, t, &s->wish, s->blocks, s->count);
    if (status != 0) {
        trace_scan_close(s);
        return status;
    }
    *out = s;
    return 0;
}

int trace_scan_next(struct trace_scan *s, const struct trace_block **block)
{
    while (s->next < s->count) {
        int status =
            trace_ahead_take(s->ahead, s->trace, s->blocks[s->next++], &s->wish, &s->decoded);

        if (status != 0)
            return status;
        if (s->decoded.block.records == 0 && s->decoded.block.gap_count == 0)
            continue;
        *block = &s->decoded.block;
        return 1;
    }
    return 0;
}

void trace_scan_close(struct trace_scan *s)
{
    if (!s)
        return;
    trace_ahead_close(s->ahead);
    trace_wish_free(&s->wish);
    free(s->blocks);
    decoded_block_fini(&s->decoded);
    free(s);
}
