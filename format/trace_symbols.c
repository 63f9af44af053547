/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "format/trace_state.h"

/*
 * Symbols are sorted by image, address and time; each image has a map from an address to its first
 * symbol. Decoding looks up an address for every record, so this is three hash look-ups and nothing
 * else in the usual case of one symbol for an address.
 */

static int symbol_compare(const void *a, const void *b)
{
    const struct symbol_row *left = a, *right = b;

    if (left->image != right->image)
        return left->image < right->image ? -1 : 1;
    if (left->symbol.address != right->symbol.address)
        return left->symbol.address < right->symbol.address ? -1 : 1;
    if (left->symbol.from_ticks != right->symbol.from_ticks)
        return left->symbol.from_ticks < right->symbol.from_ticks ? -1 : 1;
    return 0;
}

int trace_image_number(struct trace *t, size_t process)
{
    struct process_row *row = (struct process_row *)t->processes.rows + process;
    uint32_t place = number_map_find(&t->image_of_number, row->process.image);

    if (place == NUMBER_MAP_NONE) {
        struct image_row *image = table_add(&t->images, sizeof(*image));

        if (!image)
            return -ENOMEM;
        image->image = row->process.image;
        place = (uint32_t)t->images.count - 1;
        if (number_map_set(&t->image_of_number, row->process.image, place) != 0) {
            t->images.count--;
            return -ENOMEM;
        }
    }
    row->image = place;
    return 0;
}

static uint32_t process_image(const struct trace *t, uint32_t process)
{
    const struct process_row *rows = t->processes.rows;
    uint32_t place = number_map_find(&t->process_of_number, process);

    return place == NUMBER_MAP_NONE ? NUMBER_MAP_NONE : rows[place].image;
}

int trace_symbols_sort(struct trace *t)
{
    struct symbol_row *rows = t->symbols.rows;
    struct image_row *images;

    for (size_t i = 0; i < t->processes.count; i++)
        if (trace_image_number(t, i) != 0)
            return -ENOMEM;
    images = t->images.rows;
    for (size_t i = 0; i < t->symbols.count; i++)
        rows[i].image = process_image(t, rows[i].symbol.process);
    if (t->symbols.count)
        qsort(rows, t->symbols.count, sizeof(*rows), symbol_compare);
    for (size_t i = 0; i < t->symbols.count; i++) {
        bool first = i == 0 || rows[i].image != rows[i - 1].image ||
                     rows[i].symbol.address != rows[i - 1].symbol.address;

        if (first && rows[i].image != NUMBER_MAP_NONE &&
            number_map_set(&images[rows[i].image].symbols, rows[i].symbol.address, (uint32_t)i))
            return -ENOMEM;
    }
    return 0;
}

const struct trace_symbol *trace_symbol_find(const struct trace *t, uint32_t process,
                                             uint64_t address, uint64_t ticks)
{
    const struct symbol_row *rows = t->symbols.rows;
    const struct image_row *images = t->images.rows;
    uint32_t image = process_image(t, process), place;

    if (image == NUMBER_MAP_NONE)
        return NULL;
    place = number_map_find(&images[image].symbols, address);
    if (place == NUMBER_MAP_NONE)
        return NULL;
    for (size_t i = place; i < t->symbols.count; i++) {
        const struct trace_symbol *symbol = &rows[i].symbol;

        if (rows[i].image != image || symbol->address != address)
            break;
        if (ticks >= symbol->from_ticks &&
            (ticks < symbol->to_ticks || symbol->to_ticks == UINT64_MAX))
            return symbol;
    }
    return NULL;
}
