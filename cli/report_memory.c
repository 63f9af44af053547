/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

enum {
    CALLER_NONE = 0,       /* callers[0] stands for "not known" */
    SLACK_PER_SECOND = 10, /* 100 ms */
};

/* ---- which events, which fields ---- */

static int field_find(const struct trace_type *type, const char *name)
{
    const struct schema *schema = &type->schema;

    for (int f = 0; f < schema->field_count; f++)
        if (strcmp(schema->fields[f].name, name) == 0 && schema->fields[f].width &&
            schema->fields[f].count == 1)
            return f;
    return -1;
}

/* Where the new block's address stands: posix_memalign's result is a status. */
static int result_find(const struct trace_type *type)
{
    int result = field_find(type, "result");

    if (result >= 0 && type->schema.fields[result].kind != ADA_KIND_POINTER &&
        field_find(type, "address") >= 0)
        return field_find(type, "address");
    return result;
}

enum memory_effect report_memory_effect(const struct trace_type *type)
{
    const char *name = type->schema.name;

    if (strcmp(type->schema.provider, "memory") != 0)
        return MEMORY_NONE;
    if (strncmp(name, "free", 4) == 0)
        return field_find(type, "address") >= 0 ? MEMORY_FREE : MEMORY_NONE;
    if (result_find(type) < 0 || field_find(type, "size") < 0)
        return MEMORY_NONE;
    if (strncmp(name, "realloc", 7) == 0)
        return field_find(type, "address") >= 0 ? MEMORY_REALLOCATE : MEMORY_NONE;
    return MEMORY_ALLOCATE;
}

/* The columns of a run that matter, and how far we are. */
struct memory_run {
    enum memory_effect effect;
    struct memory_function *function;
    uint32_t next;
    struct memory_field {
        const unsigned char *bytes; /* NULL: there is no such field */
        unsigned width;
    } size, result, address, caller, duration;
};

static struct memory_field field_of(const struct trace_run *run, int field)
{
    if (field < 0)
        return (struct memory_field){0};
    return (struct memory_field){.bytes = run->columns[field].bytes,
                                 .width = run->columns[field].field->width};
}

static uint64_t field_value(const struct memory_field *field, uint32_t n)
{
    return field->bytes ? value_load_slack(field->bytes + (size_t)n * field->width, field->width)
                        : 0;
}

static void run_prepare(struct memory_run *prepared, struct report_memory *memory,
                        const struct trace_run *run)
{
    *prepared = (struct memory_run){.effect = report_memory_effect(run->type)};
    if (prepared->effect == MEMORY_NONE)
        return;
    prepared->function = &memory->functions[run->type->index];
    prepared->size = field_of(run, field_find(run->type, "size"));
    prepared->result = field_of(run, result_find(run->type));
    prepared->caller = field_of(run, field_find(run->type, "caller"));
    prepared->duration = field_of(run, field_find(run->type, "duration"));
    if (prepared->effect != MEMORY_ALLOCATE)
        prepared->address = field_of(run, field_find(run->type, "address"));
}

/* ---- set-up ---- */

static int caller_add(struct report_memory *memory, const struct symbol_text *symbol)
{
    if (memory->caller_count == memory->caller_capacity) {
        uint32_t capacity = memory->caller_capacity ? 2 * memory->caller_capacity : 256;
        struct memory_caller *callers = reallocarray(memory->callers, capacity, sizeof(*callers));

        if (!callers)
            return -ENOMEM;
        memory->callers = callers;
        memory->caller_capacity = capacity;
    }
    memory->callers[memory->caller_count++] = (struct memory_caller){.symbol = *symbol};
    return 0;
}

static struct memory_process *process_find(const struct report_memory *memory, uint32_t number)
{
    const struct live_entry *entry = live_map_find(&memory->process_index, 0, number);

    return entry ? &memory->processes[entry->value] : NULL;
}

static int threads_prepare(struct report_memory *memory, const struct trace *trace, bool whole)
{
    const struct trace_thread *thread;

    while (trace_thread_at(trace, memory->thread_count))
        memory->thread_count++;
    memory->threads = calloc(memory->thread_count + 1, sizeof(*memory->threads));
    if (!memory->threads)
        return -ENOMEM;
    for (size_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        struct memory_process *process = process_find(memory, thread->process);
        const struct trace_ledger *ledger = trace_ledger_of(trace, thread->thread);

        if (process)
            process->threads++;
        memory->threads[n].seen_ticks = thread->start_ticks;
        memory->threads[n].records_left = ledger ? ledger->stored : UINT64_MAX;
    }
    memory->slack_ticks = trace_recording(trace)->ticks_per_second / SLACK_PER_SECOND;
    memory->advance_at = whole ? REPORT_MEMORY_ADVANCE : SIZE_MAX;
    return 0;
}

int report_memory_init(struct report_memory *memory, const struct trace *trace, bool whole)
{
    static char unknown[] = "(not known)";
    const struct symbol_text nobody = {.text = unknown, .text_size = sizeof(unknown) - 1};
    const struct trace_process *process;

    *memory = (struct report_memory){0};
    memory->function_count = trace_type_count(trace);
    memory->functions = calloc(memory->function_count + 1, sizeof(*memory->functions));
    while (trace_process_at(trace, memory->process_count))
        memory->process_count++;
    memory->processes = calloc(memory->process_count + 1, sizeof(*memory->processes));
    if (!memory->functions || !memory->processes || live_map_init(&memory->live) ||
        live_map_init(&memory->process_index) || caller_add(memory, &nobody))
        return -ENOMEM;
    for (size_t n = 0; n < memory->function_count; n++)
        if (report_memory_effect(trace_type_at(trace, n)) != MEMORY_NONE)
            memory->functions[n].type = trace_type_at(trace, n);
    for (size_t n = 0; (process = trace_process_at(trace, n)); n++) {
        struct live_entry *entry = live_map_put(&memory->process_index, 0, process->process);

        if (!entry)
            return -ENOMEM;
        entry->value = n;
        memory->processes[n].process = process;
    }
    return threads_prepare(memory, trace, whole);
}

void report_memory_fini(struct report_memory *memory)
{
    for (size_t n = 0; memory->functions && n < memory->function_count; n++)
        histogram_fini(&memory->functions[n].durations.durations);
    free(memory->functions);
    free(memory->callers);
    free(memory->processes);
    free(memory->threads);
    live_map_fini(&memory->live);
    live_map_fini(&memory->process_index);
    timeline_fini(&memory->timeline);
    *memory = (struct report_memory){0};
}

/* ---- feeding ---- */

/* Into *caller. 0 or -ENOMEM. */
static int caller_of(struct report_memory *memory, struct symbol_cache *symbols, uint32_t process,
                     uint64_t address, uint64_t ticks, uint32_t *caller)
{
    struct symbol_text *symbol;

    *caller = CALLER_NONE;
    if (!address)
        return 0;
    symbol = symbol_cache_find(symbols, process, address, ticks);
    if (!symbol)
        return -ENOMEM;
    if (!symbol->user) {
        int err = caller_add(memory, symbol);

        if (err)
            return err;
        symbol->user = memory->caller_count - 1;
    }
    *caller = symbol->user;
    return 0;
}

struct memory_feed {
    struct report_memory *memory;
    struct symbol_cache *symbols;
    const struct trace_block *block;
    uint32_t process; /* index */
};

/*
 * A record is stamped when the call has returned. A block is somebody else's from some moment
 * within free(), so it counts as freed when that call began: then the same address handed out to
 * another thread meanwhile comes later, as it did.
 */
static int record_take(const struct memory_feed *feed, struct memory_run *run, uint64_t ticks)
{
    struct report_memory *memory = feed->memory;
    uint32_t n = run->next++;
    uint64_t size = field_value(&run->size, n), old = field_value(&run->address, n);
    uint64_t result = field_value(&run->result, n), duration = field_value(&run->duration, n);
    struct timeline_entry entry = {.space = feed->process};
    uint32_t caller;
    int status = 0;

    run->function->calls++;
    if (run->duration.bytes && call_stats_add(&run->function->durations, duration, duration))
        return -ENOMEM;
    if (run->effect != MEMORY_FREE && !result && (size || !old)) {
        run->function->failed++;
        return 0;
    }
    if (old) {
        entry.kind = MEMORY_FREE;
        entry.key = old;
        entry.ticks = ticks > duration ? ticks - duration : 0;
        status = report_memory_take(memory, &entry);
    }
    if (status || !result)
        return status;
    entry.kind = MEMORY_ALLOCATE;
    entry.key = result;
    entry.value = size;
    entry.ticks = ticks;
    status = caller_of(memory, feed->symbols, feed->block->thread->process,
                       field_value(&run->caller, n), ticks, &caller);
    if (status)
        return status;
    entry.number = caller & 0xfffffff;
    run->function->bytes += size;
    memory->callers[entry.number].calls++;
    memory->callers[entry.number].bytes += size;
    return report_memory_take(memory, &entry);
}

int report_memory_feed(struct report_memory *memory, struct symbol_cache *symbols,
                       const struct trace_block *block)
{
    struct memory_feed feed = {.memory = memory, .symbols = symbols, .block = block};
    const struct memory_process *process = process_find(memory, block->thread->process);
    struct memory_run runs[UINT8_MAX + 1];
    int status = 0;

    if (!process)
        return 0;
    feed.process = (uint32_t)(process - memory->processes);
    for (uint32_t r = 0; r < block->run_count && r <= UINT8_MAX; r++)
        run_prepare(&runs[r], memory, &block->runs[r]);
    for (uint32_t i = 0; !status && i < block->records; i++) {
        struct memory_run *run = &runs[block->run_of[i]];

        if (run->effect != MEMORY_NONE)
            status = record_take(&feed, run, block->ticks[i]);
    }
    return status ? status : report_memory_advance(memory);
}
