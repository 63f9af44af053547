/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/units.h"

enum { NAME_MAX_BYTES = 4096 }; /* of a name; the rest is not shown */

/* Characters, not bytes: block characters and names may be UTF-8. */
static unsigned width_of(const char *text)
{
    unsigned width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static bool is_left(const struct text_table *table, unsigned column)
{
    return table->headings[column][0] == '<';
}

static const char *heading_of(const struct text_table *table, unsigned column)
{
    return table->headings[column] + is_left(table, column);
}

void text_table_init(struct text_table *table, const char *const *headings, unsigned column_count)
{
    *table = (struct text_table){.headings = headings, .column_count = column_count};
    for (unsigned i = 0; i < column_count; i++)
        table->widths[i] = width_of(heading_of(table, i));
}

static bool room_make(struct text_table *table)
{
    size_t capacity = table->capacity ? 2 * table->capacity : 256;
    char **cells;

    if (table->count < table->capacity)
        return true;
    cells = reallocarray(table->cells, capacity, sizeof(*cells));
    if (!cells)
        return false;
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

void text_table_add(struct text_table *table, const char *text)
{
    unsigned column = (unsigned)(table->count % table->column_count), width = width_of(text);

    if (table->failed || !room_make(table) || !(table->cells[table->count] = strdup(text))) {
        table->failed = true;
        return;
    }
    table->count++;
    if (width > table->widths[column])
        table->widths[column] = width;
}

void text_table_add_name(struct text_table *table, const char *name)
{
    size_t size = strnlen(name, NAME_MAX_BYTES);
    char *text = malloc(TEXT_ESCAPED_MAX * size + 1);

    if (!text) {
        table->failed = true;
        return;
    }
    *text_plain(text, name, size) = 0;
    text_table_add(table, text);
    free(text);
}

void text_table_add_number(struct text_table *table, uint64_t number)
{
    char text[TEXT_U64_MAX + 1];

    *text_u64(text, number) = 0;
    text_table_add(table, text);
}

void text_table_add_count(struct text_table *table, uint64_t count)
{
    char text[UNITS_MAX];

    text_table_add(table, units_count(text, count));
}

void text_table_add_bytes(struct text_table *table, uint64_t bytes)
{
    char text[UNITS_MAX];

    text_table_add(table, units_bytes(text, bytes));
}

void text_table_add_duration(struct text_table *table, uint64_t ns)
{
    char text[UNITS_MAX];

    text_table_add(table, units_duration(text, ns));
}

static void cell_print(const struct text_table *table, struct out_buffer *out, unsigned column,
                       const char *text)
{
    unsigned padding = table->widths[column] - width_of(text);
    bool left = is_left(table, column), last = column + 1 == table->column_count;

    out_put(out, "  ", 2);
    if (!left)
        out_put_spaces(out, padding);
    out_put_text(out, text);
    if (left && !last)
        out_put_spaces(out, padding);
}

int text_table_print(struct text_table *table, struct out_buffer *out, bool colour)
{
    if (table->failed)
        return -ENOMEM;
    if (colour)
        out_put_text(out, "\033[1m");
    for (unsigned i = 0; i < table->column_count; i++)
        cell_print(table, out, i, heading_of(table, i));
    if (colour)
        out_put_text(out, "\033[0m");
    out_put_char(out, '\n');
    for (size_t i = 0; i < table->count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): without columns there are no cells */
        unsigned column = (unsigned)(i % table->column_count);

        cell_print(table, out, column, table->cells[i]);
        if (column + 1 == table->column_count)
            out_put_char(out, '\n');
    }
    return 0;
}

void text_table_fini(struct text_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct text_table){0};
}
