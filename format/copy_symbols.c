/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "format/copy_state.h"
#include "format/trace_ahead.h"

/*
 * A slice takes along the symbols of the addresses that occur in it: its blocks are unpacked for
 * that, as far as they have code addresses. Where all symbols together would be little beside the
 * slice's blocks, it takes them all, which costs nothing.
 */

enum {
    SYMBOL_BYTES = 64, /* that one takes in a file, roughly */
    LITTLE = 16,       /* one part in so many */
};

struct selecting {
    const struct trace *trace;
    bool *selected;
    size_t left;    /* symbols that are not selected yet */
    uint32_t image; /* looked up last */
    uint64_t address;
};

static uint32_t image_of_thread(const struct trace *t, const struct trace_thread *thread)
{
    const struct process_row *rows = t->processes.rows;

    return rows[number_map_find(&t->process_of_number, thread->process)].image;
}

/* All symbols of the address, whatever their time: there is hardly ever more than one. */
static void address_select(struct selecting *x, uint32_t image, uint64_t address)
{
    const struct symbol_row *rows = x->trace->symbols.rows;
    const struct image_row *images = x->trace->images.rows;
    uint32_t place;

    if (x->address == address && x->image == image)
        return;
    x->address = address;
    x->image = image;
    place = number_map_find(&images[image].symbols, address);
    if (place == NUMBER_MAP_NONE || x->selected[place])
        return;
    for (size_t i = place;
         i < x->trace->symbols.count && rows[i].image == image && rows[i].symbol.address == address;
         i++) {
        x->selected[i] = true;
        x->left--;
    }
}

static void run_select(struct selecting *x, uint32_t image, const struct trace_run *run)
{
    for (unsigned f = 0; f < run->type->schema.field_count; f++) {
        struct trace_value value = {.field = &run->type->schema.fields[f],
                                    .bytes = run->columns[f].bytes};

        if (value.field->kind != ADA_KIND_CODE)
            continue;
        for (uint64_t i = 0; i < (uint64_t)run->records * value.field->count; i++)
            address_select(x, image, trace_value_unsigned(&value, (unsigned)i));
    }
}

/* The types that have code addresses, of those that are wanted. False: none has. */
static bool types_with_code(const struct copy_source *s, bool *types)
{
    bool any = false;

    for (size_t i = 0; i < s->trace->types.count; i++) {
        const struct schema *schema = &s->trace->type_list[i]->schema;

        for (unsigned f = 0; f < schema->field_count; f++)
            types[i] |= schema->fields[f].kind == ADA_KIND_CODE;
        types[i] &= !s->wish.types || s->wish.types[i];
        any |= types[i];
    }
    return any;
}

/* Blocks that cannot be read are noted, and noticed again when it is their turn. */
static int steps_scan(struct trace_copy *c, const struct copy_source *s, const bool *types,
                      bool *selected)
{
    const struct block_wish wish = {s->wish.from_ticks, s->wish.to_ticks, types, 0};
    struct selecting x = {.trace = s->trace,
                          .selected = selected,
                          .left = s->trace->symbols.count,
                          .image = NUMBER_MAP_NONE};
    uint32_t *places = malloc((c->step_count + 1) * sizeof(*places));
    struct trace_ahead *ahead = NULL;
    int status = places ? 0 : -ENOMEM;

    for (size_t i = 0; i < c->step_count && status == 0; i++)
        places[i] = c->steps[i].place;
    if (status == 0)
        status = trace_ahead_open(&ahead, s->trace, &wish, places, c->step_count);
    for (size_t i = 0; i < c->step_count && status == 0 && x.left; i++) {
        const struct trace_block *block = &c->decoded.block;

        status = trace_ahead_take(ahead, s->trace, places[i], &wish, &c->decoded);
        for (uint32_t r = 0; status == 0 && r < block->run_count; r++)
            run_select(&x, image_of_thread(s->trace, block->thread), &block->runs[r]);
    }
    trace_ahead_close(ahead);
    free(places);
    return status;
}

static bool are_little(const struct trace_copy *c, const struct copy_source *s)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < c->step_count; i++)
        bytes += s->trace->blocks.entries[c->steps[i].place].frame_bytes;
    return s->trace->symbols.count * (uint64_t)SYMBOL_BYTES <= bytes / LITTLE;
}

int copy_symbols_select(struct trace_copy *c, const struct copy_source *s, bool **out)
{
    bool *types, *selected;
    int status;

    *out = NULL;
    if (s->all || are_little(c, s))
        return 0;
    types = calloc(s->trace->types.count + 1, sizeof(*types));
    selected = calloc(s->trace->symbols.count + 1, sizeof(*selected));
    status = types && selected ? 0 : -ENOMEM;
    if (status == 0 && s->trace->symbols.count && types_with_code(s, types))
        status = steps_scan(c, s, types, selected);
    free(types);
    *out = selected;
    return status;
}

/* ---- names of another trace ---- */

static uint32_t first_process(const struct trace *t)
{
    const struct trace_process *process;

    for (size_t n = 0; (process = trace_process_at(t, n)); n++)
        if (process->process != TRACE_PROCESS_NONE)
            return process->process;
    return TRACE_PROCESS_NONE;
}

/* Where its own modules do not count: it has none at such addresses. */
static uint32_t modules_end(const struct trace *t)
{
    const struct trace_module *module;
    uint32_t end = 0;

    for (size_t n = 0; (module = trace_module_at(t, n)); n++)
        if (module->module > end && module->module < INT32_MAX)
            end = module->module;
    return end;
}

/* The other trace's times mean nothing here: each holds for all the time. */
int copy_names_write(struct trace_copy *c)
{
    const struct trace *to = c->sources[0].trace, *from = c->names_of;
    const struct symbol_row *symbols = from->symbols.rows;
    const struct trace_module *module;
    uint32_t process = first_process(to), before = modules_end(to);
    int status = 0;

    for (size_t n = 0; status == 0 && (module = trace_module_at(from, n)); n++) {
        struct trace_module moved = *module;

        moved.module += before;
        moved.process = process;
        moved.from_ticks = 0;
        moved.to_ticks = UINT64_MAX;
        status = trace_writer_module(c->writer, &moved);
    }
    for (size_t i = 0; status == 0 && i < from->symbols.count; i++) {
        struct trace_symbol moved = symbols[i].symbol;

        moved.module += moved.module ? before : 0;
        moved.process = process;
        moved.from_ticks = 0;
        moved.to_ticks = UINT64_MAX;
        status = trace_writer_symbol(c->writer, &moved);
    }
    return status;
}
