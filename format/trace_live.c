/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format/items.h"
#include "format/trace_state.h"

/*
 * Rows must not move, so every table gets all its addresses at the beginning. Memory comes with
 * the first touch: what is never used costs nothing but addresses.
 */
static int table_fix(struct table *table, size_t rows, size_t row_bytes)
{
    table->rows = malloc(rows * row_bytes);
    table->capacity = rows;
    table->fixed = true;
    return table->rows ? 0 : -ENOMEM;
}

int trace_live_create(struct trace **out)
{
    struct trace *t = calloc(1, sizeof(*t));
    int status;

    *out = NULL;
    if (!t)
        return -ENOMEM;
    t->fd = -1;
    t->grows = true;
    t->jobs = 1;
    trace_about_begin(t);
    status = table_fix(&t->processes, TRACE_LIVE_THREADS_MAX, sizeof(struct process_row));
    status |= table_fix(&t->threads, TRACE_LIVE_THREADS_MAX, sizeof(struct thread_row));
    status |= table_fix(&t->modules, TRACE_LIVE_THREADS_MAX, sizeof(struct trace_module));
    status |= table_fix(&t->types, TRACE_LIVE_TYPES_MAX, sizeof(struct type_row));
    status |= table_fix(&t->symbols, TRACE_LIVE_SYMBOLS_MAX, sizeof(struct symbol_row));
    status |= table_fix(&t->images, TRACE_LIVE_THREADS_MAX, sizeof(struct image_row));
    status |= table_fix(&t->clocks, TRACE_LIVE_CLOCKS_MAX, sizeof(struct trace_clock_pair));
    t->type_list = calloc(TRACE_LIVE_TYPES_MAX, sizeof(*t->type_list));
    if (status || !t->type_list || trace_clock_prepare(t) != 0) {
        trace_close(t);
        return -ENOMEM;
    }
    *out = t;
    return 0;
}

void trace_live_told(struct trace *t, uint64_t ticks)
{
    if (ticks > t->told_ticks)
        t->told_ticks = ticks;
}

/* ---- items ---- */

static void types_list(struct trace *t, size_t from)
{
    struct type_row *rows = t->types.rows;

    for (size_t i = from; i < t->types.count; i++)
        t->type_list[i] = &rows[i].type;
}

/* A process is of an image from its first item on: what follows may be about its symbols. */
static int item_take(struct trace *t, const unsigned char *at, size_t size,
                     const struct item_view *view)
{
    int status = trace_items_take(t, at, size, 1);
    uint32_t process;

    if (status || view->kind != ITEM_PROCESS)
        return status;
    process = number_map_find(&t->process_of_number, le32_load(view->body));
    return process == NUMBER_MAP_NONE ? 0 : trace_image_number(t, process);
}

/* Who looks at what happens now needs time 0 and the newest pairs. */
static void clocks_thin(struct table *clocks)
{
    struct trace_clock_pair *pairs = clocks->rows;
    size_t kept = TRACE_LIVE_CLOCKS_MAX / 2;

    if (clocks->count < TRACE_LIVE_CLOCKS_MAX - 1)
        return;
    memmove(pairs + 1, pairs + clocks->count - kept, kept * sizeof(*pairs));
    clocks->count = kept + 1;
}

int trace_live_items(struct trace *t, const void *bytes, size_t size)
{
    size_t types = t->types.count, clocks = t->clocks.count, left = size;
    const unsigned char *at = bytes;
    struct item_view view;
    int64_t item;
    int status = 0;

    while (left && !status) {
        item = item_next(at, left, &view);
        if (item < 0) {
            status = (int)item;
            break;
        }
        status = item_take(t, at, (size_t)item, &view);
        at += item;
        left -= (size_t)item;
    }
    /* Also when it ended in the middle: what came before counts. */
    types_list(t, types);
    if (t->clocks.count != clocks && trace_clock_go_on(t, t->told_ticks) != 0)
        status = -ENOMEM;
    clocks_thin(&t->clocks);
    return status;
}

/* ---- types ---- */

/* Images are numbers of processes and ids are 14 bits wide. */
static uint64_t declared_key(uint64_t image, uint32_t id)
{
    return image << 16 | (id & UINT16_MAX);
}

int trace_live_declare(struct trace *t, uint64_t image, uint32_t id, uint32_t number)
{
    uint32_t place = number_map_find(&t->type_of_number, number);

    if (place == NUMBER_MAP_NONE || id > UINT16_MAX)
        return 0; /* records of it are of no known type */
    return number_map_set(&t->type_of_declared, declared_key(image, id), place);
}

const struct trace_type *trace_live_type(const struct trace *t, const struct trace_thread *thread,
                                         uint32_t id)
{
    const struct trace_process *process = trace_process_by_number(t, thread->process);
    uint32_t place = process
                         ? number_map_find(&t->type_of_declared, declared_key(process->image, id))
                         : NUMBER_MAP_NONE;

    return place == NUMBER_MAP_NONE ? NULL : t->type_list[place];
}

bool trace_live_wants(const struct trace_filter *filter, const struct trace_thread *thread)
{
    return trace_filter_has_thread(filter, thread);
}

/* ---- symbols ---- */

/* The newest for an address counts: who looks at what happens now asks for nothing older. */
int trace_live_symbol(struct trace *t, const struct trace_symbol *symbol)
{
    const struct process_row *processes = t->processes.rows;
    uint32_t process = number_map_find(&t->process_of_number, symbol->process);
    struct image_row *images = t->images.rows;
    struct symbol_row *row;
    uint32_t image;

    image = process == NUMBER_MAP_NONE ? NUMBER_MAP_NONE : processes[process].image;
    if (image >= t->images.count)
        return 0;
    row = table_add(&t->symbols, sizeof(*row));
    if (!row)
        return -ENOMEM;
    row->symbol = *symbol;
    row->image = image;
    return number_map_set(&images[image].symbols, symbol->address, (uint32_t)t->symbols.count - 1);
}

int trace_live_symbols_open(struct trace *t)
{
    if (t->symbols.count)
        return -EEXIST;
    free(t->symbols.rows);
    return table_fix(&t->symbols, TRACE_LIVE_SYMBOLS_MAX, sizeof(struct symbol_row));
}

int trace_live_symbol_add(struct trace *t, const struct trace_symbol *symbol)
{
    struct trace_symbol own = *symbol;

    own.name = string_arena_copy(&t->strings, symbol->name, strlen(symbol->name));
    own.file = string_arena_copy(&t->strings, symbol->file, strlen(symbol->file));
    return own.name && own.file ? trace_live_symbol(t, &own) : -ENOMEM;
}

/* ---- records ---- */

int trace_live_run(const struct trace_type *type, const unsigned char *payload, size_t size,
                   struct trace_run *run, uint32_t *offsets)
{
    size_t fixed = 0, variable = type->fixed_bytes;

    if (size < type->fixed_bytes)
        return -EBADMSG;
    run->type = type;
    run->records = 1;
    run->position = NULL;
    for (unsigned f = 0; f < type->schema.field_count; f++) {
        const struct ada_field *field = &type->schema.fields[f];
        struct trace_column *column = &run->columns[f];
        uint32_t length;

        column->field = field;
        column->bytes = payload + fixed;
        column->offsets = NULL;
        fixed += (size_t)field->width * field->count;
        if (field->width)
            continue;
        if (size - variable < sizeof(length))
            return -EBADMSG;
        length = le32_load(payload + variable);
        variable += sizeof(length);
        if (length > size - variable)
            return -EBADMSG;
        column->bytes = payload + variable;
        column->offsets = offsets;
        offsets[0] = 0;
        offsets[1] = length;
        offsets += 2;
        variable += length;
    }
    return 0;
}
