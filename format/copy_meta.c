/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/copy_state.h"
#include "format/items.h"
#include "format/writer_state.h"
#include "format/xxh64.h"

/* ---- which processes are needed ---- */

struct needs {
    bool *processes; /* by place */
    bool *images;    /* by place */
};

static void needs_free(struct needs *needs)
{
    free(needs->processes);
    free(needs->images);
}

/* The process, and those that it stems from: their tree stays whole. */
static void process_need(const struct trace *t, struct needs *needs, uint32_t process)
{
    const struct process_row *rows = t->processes.rows;
    uint32_t place = number_map_find(&t->process_of_number, process);

    while (place != NUMBER_MAP_NONE && !needs->processes[place]) {
        needs->processes[place] = true;
        place = number_map_find(&t->process_of_number, rows[place].process.parent);
    }
}

static bool is_in_time(const struct copy_source *s, uint64_t from, uint64_t to)
{
    return s->all || (from <= s->wish.to_ticks && to >= s->wish.from_ticks);
}

static int needs_find(const struct copy_source *s, struct needs *needs)
{
    const struct trace *t = s->trace;
    const struct process_row *processes = t->processes.rows;
    const struct thread_row *threads = t->threads.rows;
    const struct trace_note *notes = t->notes.rows;

    needs->processes = calloc(t->processes.count + 1, sizeof(bool));
    needs->images = calloc(t->images.count + 1, sizeof(bool));
    if (!needs->processes || !needs->images)
        return -ENOMEM;
    for (size_t i = 0; i < t->threads.count; i++)
        if (s->parts[i].wanted)
            process_need(t, needs, threads[i].thread.process);
    for (size_t i = 0; i < t->notes.count; i++)
        if (is_in_time(s, notes[i].ticks, notes[i].ticks))
            process_need(t, needs, notes[i].process);
    for (size_t i = 0; i < t->processes.count; i++) {
        needs->processes[i] |= s->all;
        needs->images[processes[i].image] |= needs->processes[i];
    }
    return 0;
}

static bool image_is_needed(const struct trace *t, const struct needs *needs, uint32_t process)
{
    const struct process_row *rows = t->processes.rows;
    uint32_t place = number_map_find(&t->process_of_number, process);

    return place != NUMBER_MAP_NONE && needs->images[rows[place].image];
}

/* ---- what can come from several inputs comes once ---- */

static int item_put(struct trace_copy *c, enum item_kind kind, const void *record)
{
    uint64_t hash;

    if (c->source_count > 1) {
        c->item.size = 0;
        if (item_append(&c->item, kind, record) != 0)
            return -ENOMEM;
        hash = xxh64(c->item.bytes, c->item.size);
        if (number_map_find(&c->items_seen, hash) != NUMBER_MAP_NONE)
            return 0;
        if (number_map_set(&c->items_seen, hash, 1) != 0)
            return -ENOMEM;
    }
    return writer_item_append(c->writer, kind, record, kind == ITEM_MODULE);
}

/* ---- processes and threads ---- */

static int process_put(struct trace_copy *c, const struct copy_source *s,
                       const struct process_row *row)
{
    struct trace_process process = row->process;
    struct trace_process_end end = row->end;
    int status = 0;

    if (process.process == TRACE_PROCESS_NONE)
        return 0;
    process.process = copy_process(s, process.process);
    process.parent = copy_process(s, process.parent);
    process.image = copy_image(s, process.image);
    process.start_ticks = copy_ticks(&s->clock, process.start_ticks);
    /* One that is not described is none here, either. */
    if (process.pid || process.image || *process.executable || *process.command)
        status = trace_writer_process(c->writer, &process);
    if (status != 0 || !row->ended)
        return status;
    end.process = process.process;
    end.end_ticks = copy_ticks(&s->clock, end.end_ticks);
    return trace_writer_process_end(c->writer, &end);
}

static int thread_put(struct trace_copy *c, const struct copy_source *s,
                      const struct thread_row *row)
{
    struct trace_thread thread = row->thread;

    /* Of a process that nobody knows, in a damaged file: it has its name all the same. */
    if (thread.thread == TRACE_THREAD_NONE ||
        (thread.process == TRACE_PROCESS_NONE && !thread.tid && !*thread.name))
        return 0;
    thread.thread = copy_thread_number(s, thread.thread);
    thread.process = copy_process(s, thread.process);
    thread.start_ticks = copy_ticks(&s->clock, thread.start_ticks);
    return trace_writer_thread(c->writer, &thread);
}

static int lives_write(struct trace_copy *c, const struct copy_source *s, const struct needs *needs)
{
    const struct process_row *processes = s->trace->processes.rows;
    const struct thread_row *threads = s->trace->threads.rows;
    int status = 0;

    for (size_t i = 0; i < s->trace->processes.count && status == 0; i++)
        if (needs->processes[i])
            status = process_put(c, s, &processes[i]);
    for (size_t i = 0; i < s->trace->threads.count && status == 0; i++)
        if (s->parts[i].wanted)
            status = thread_put(c, s, &threads[i]);
    return status;
}

/* ---- modules, symbols, notes ---- */

static uint64_t ticks_to(const struct copy_source *s, uint64_t ticks)
{
    return ticks == UINT64_MAX ? ticks : copy_ticks(&s->clock, ticks); /* "to the end" */
}

static int module_put(struct trace_copy *c, const struct copy_source *s,
                      const struct trace_module *row)
{
    struct trace_module module = *row;

    module.module = copy_module(s, module.module);
    module.process = copy_process(s, module.process);
    module.from_ticks = module.from_ticks ? copy_ticks(&s->clock, module.from_ticks) : 0;
    module.to_ticks = ticks_to(s, module.to_ticks);
    return item_put(c, ITEM_MODULE, &module);
}

static int modules_write(struct trace_copy *c, const struct copy_source *s,
                         const struct needs *needs)
{
    const struct trace_module *rows = s->trace->modules.rows;
    int status = 0;

    for (size_t i = 0; i < s->trace->modules.count && status == 0; i++)
        if (image_is_needed(s->trace, needs, rows[i].process) &&
            is_in_time(s, rows[i].from_ticks, rows[i].to_ticks))
            status = module_put(c, s, &rows[i]);
    return status;
}

static int symbol_put(struct trace_copy *c, const struct copy_source *s,
                      const struct trace_symbol *row)
{
    struct trace_symbol symbol = *row;

    symbol.module = copy_module(s, symbol.module);
    symbol.process = copy_process(s, symbol.process);
    symbol.from_ticks = symbol.from_ticks ? copy_ticks(&s->clock, symbol.from_ticks) : 0;
    symbol.to_ticks = ticks_to(s, symbol.to_ticks);
    return item_put(c, ITEM_SYMBOL, &symbol);
}

static int symbols_write(struct trace_copy *c, const struct copy_source *s,
                         const struct needs *needs)
{
    const struct symbol_row *rows = s->trace->symbols.rows;
    bool *selected;
    int status = copy_symbols_select(c, s, &selected);

    for (size_t i = 0; i < s->trace->symbols.count && status == 0; i++)
        if (selected ? selected[i]
                     : image_is_needed(s->trace, needs, rows[i].symbol.process) &&
                           is_in_time(s, rows[i].symbol.from_ticks, rows[i].symbol.to_ticks))
            status = symbol_put(c, s, &rows[i].symbol);
    free(selected);
    return status;
}

static int notes_write(struct trace_copy *c, const struct copy_source *s)
{
    const struct trace_note *rows = s->trace->notes.rows;
    int status = 0;

    for (size_t i = 0; i < s->trace->notes.count && status == 0; i++) {
        struct trace_note note = rows[i];

        if (!is_in_time(s, note.ticks, note.ticks))
            continue;
        note.process = copy_process(s, note.process);
        note.ticks = copy_ticks(&s->clock, note.ticks);
        status = item_put(c, ITEM_NOTE, &note);
    }
    return status;
}

int copy_note(struct trace_copy *c, uint32_t kind, uint64_t ticks, const char *text)
{
    const struct trace_note note = {.kind = kind, .ticks = ticks, .text = text};

    return trace_writer_note(c->writer, &note);
}

/* ---- all of it ---- */

static int source_write(struct trace_copy *c, const struct copy_source *s)
{
    struct needs needs = {0};
    int status = needs_find(s, &needs);

    if (status == 0)
        status = lives_write(c, s, &needs);
    if (status == 0)
        status = modules_write(c, s, &needs);
    if (status == 0)
        status = symbols_write(c, s, &needs);
    if (status == 0)
        status = notes_write(c, s);
    needs_free(&needs);
    return status;
}

int copy_meta_write(struct trace_copy *c)
{
    const struct copy_type *types = c->types.rows;
    int status = 0;

    for (size_t i = 0; i < c->pair_count && status == 0; i++)
        status = trace_writer_clock(c->writer, &c->pairs[i]);
    for (size_t i = 0; i < c->types.count && status == 0; i++)
        status = writer_type_declare(c->writer, types[i].number, types[i].schema, types[i].size);
    for (size_t i = 0; i < c->source_count && status == 0; i++)
        status = source_write(c, &c->sources[i]);
    if (status == 0 && c->names_of)
        status = copy_names_write(c);
    return status;
}
