/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/value.h"

/* ---- life ---- */

int top_calls_init(struct top_calls *c, struct trace *trace)
{
    int err;

    *c = (struct top_calls){.trace = trace};
    live_symbols_init(&c->files, trace);
    err = thread_index_build(&c->thread_index, trace);
    if (!err)
        err = calls_init(&c->calls, c->thread_index.count);
    if (!err)
        err = symbol_cache_init(&c->symbols, trace, text_plain);
    if (!err)
        c->symbols.resolver = &c->files.resolver;
    return err;
}

void top_calls_fini(struct top_calls *c)
{
    calls_fini(&c->calls);
    thread_index_fini(&c->thread_index);
    symbol_cache_fini(&c->symbols);
    live_symbols_fini(&c->files);
    free(c->before);
}

/* ---- threads ---- */

static int threads_grow(struct top_calls *c)
{
    size_t from = c->thread_index.count, count = from;
    struct calls_thread *threads;

    while (trace_thread_at(c->trace, count))
        count++;
    threads = reallocarray(c->calls.threads, count + 1, sizeof(*threads));
    if (!threads)
        return -ENOMEM;
    memset(threads + from, 0, (count + 1 - from) * sizeof(*threads));
    c->calls.threads = threads;
    c->calls.thread_count = count;
    for (size_t n = from; n < count; n++)
        if (thread_index_add(&c->thread_index, c->trace, trace_thread_at(c->trace, n)->thread))
            return -ENOMEM;
    return 0;
}

static struct calls_thread *thread_of(struct top_calls *c, const struct trace_thread *thread)
{
    if (thread != c->last) {
        c->last_index = thread_index_find(&c->thread_index, thread->thread);
        if (c->last_index == THREAD_INDEX_NONE && threads_grow(c) == 0)
            c->last_index = thread_index_find(&c->thread_index, thread->thread);
        c->last = c->last_index == THREAD_INDEX_NONE ? NULL : thread;
    }
    return c->last_index == THREAD_INDEX_NONE ? NULL : &c->calls.threads[c->last_index];
}

/* ---- records ---- */

static uint32_t function_id(struct top_calls *c, uint32_t process, uint64_t address, uint64_t ticks)
{
    struct symbol_text *symbol = symbol_cache_find(&c->symbols, process, address, ticks);
    uint32_t id;

    if (!symbol)
        return UINT32_MAX;
    if (!symbol->user) {
        id = calls_id_make(&c->calls);
        if (id == UINT32_MAX)
            return id;
        symbol->user = id + 1;
    }
    return symbol->user - 1;
}

static bool is_function(const struct schema *schema)
{
    return (schema->phase == ADA_PHASE_FUNCTION_ENTER ||
            schema->phase == ADA_PHASE_FUNCTION_EXIT) &&
           schema->field_count && schema->fields[0].kind == ADA_KIND_CODE &&
           schema->fields[0].count == 1;
}

static bool has_tag(const struct schema *schema)
{
    return schema->field_count > 1 && schema->fields[1].width && schema->fields[1].count == 1;
}

void top_calls_record(struct top_calls *c, const struct trace_thread *thread,
                      const struct trace_type *type, uint64_t ticks, const unsigned char *payload,
                      uint32_t size)
{
    const struct schema *schema = &type->schema;
    struct calls_thread *t;
    uint64_t address;
    uint16_t tag = 0;
    uint32_t id;

    if (!is_function(schema) || size < type->fixed_bytes)
        return;
    t = thread_of(c, thread);
    if (!t)
        return;
    address = value_load(payload, schema->fields[0].width);
    if (schema->phase == ADA_PHASE_FUNCTION_EXIT) {
        calls_exit(&c->calls, t, address, ticks);
        return;
    }
    if (has_tag(schema))
        tag = (uint16_t)value_load(payload + schema->fields[0].width, schema->fields[1].width);
    id = function_id(c, thread->process, address, ticks);
    if (id != UINT32_MAX)
        calls_enter(&c->calls, t, address, id, tag, has_tag(schema) ? 0 : CALL_UNTAGGED, ticks);
}

void top_calls_missed(struct top_calls *c)
{
    for (size_t n = 0; n < c->calls.thread_count; n++) {
        struct calls_thread *t = &c->calls.threads[n];

        t->stack.count = 0;
        t->stack.presumed = 0;
        for (uint32_t id = 0; id < t->local_count; id++)
            t->locals[id].open = 0;
    }
}

void top_calls_reset(struct top_calls *c)
{
    for (uint32_t id = 0; id < c->calls.count; id++) {
        histogram_fini(&c->calls.stats[id].durations);
        c->calls.stats[id] = (struct call_stats){0};
    }
    if (c->before)
        memset(c->before, 0, c->before_count * sizeof(*c->before));
}

/* ---- rows ---- */

static int by_self(const void *a, const void *b)
{
    const struct top_function *left = a, *right = b;

    if (left->self_ns != right->self_ns)
        return left->self_ns < right->self_ns ? 1 : -1;
    return strcmp(left->name, right->name);
}

static int before_grow(struct top_calls *c)
{
    uint64_t *before;

    if (c->before_count >= c->calls.count)
        return 0;
    before = reallocarray(c->before, c->calls.count, sizeof(*before));
    if (!before)
        return -ENOMEM;
    memset(before + c->before_count, 0, (c->calls.count - c->before_count) * sizeof(*before));
    c->before = before;
    c->before_count = c->calls.count;
    return 0;
}

static struct top_function row_of(struct top_calls *c, const struct symbol_text *symbol,
                                  double seconds)
{
    uint32_t id = symbol->user - 1;
    const struct call_stats *stats = &c->calls.stats[id];
    uint64_t fresh = stats->calls - c->before[id];

    c->before[id] = stats->calls;
    return (struct top_function){
        .name = symbol_function_name(symbol),
        .calls = stats->calls,
        .per_second = seconds > 0 ? (double)fresh / seconds : 0,
        .self_ns = trace_duration_ns(c->trace, stats->self_ticks),
        .p50_ns = trace_duration_ns(c->trace, call_stats_quantile(stats, 0.5)),
        .p99_ns = trace_duration_ns(c->trace, call_stats_quantile(stats, 0.99)),
    };
}

int top_calls_rows(struct top_calls *c, uint64_t now_ns, struct top_function **rows)
{
    double seconds = c->turn_ns ? (double)(now_ns - c->turn_ns) / 1e9 : 0;
    int count = 0;

    *rows = calloc(c->calls.count + 1u, sizeof(**rows));
    if (!*rows || before_grow(c))
        return -ENOMEM;
    c->turn_ns = now_ns;
    for (uint32_t slot = 0; slot <= c->symbols.mask; slot++) {
        const struct symbol_text *symbol = &c->symbols.slots[slot];

        if (symbol->text && symbol->user && c->calls.stats[symbol->user - 1].calls)
            (*rows)[count++] = row_of(c, symbol, seconds);
    }
    qsort(*rows, (size_t)count, sizeof(**rows), by_self);
    return count;
}
