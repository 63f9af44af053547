/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/items.h"
#include "format/trace_state.h"
#include "format/xxh64.h"

enum {
    /* Metadata that a file may unpack to: generous for honest ones (they shrink to a fifth), and
     * the end of a bomb. */
    METADATA_BYTES_LEAST = 16 << 20,
    METADATA_BYTES_PER_FILE_BYTE = 64,
    SCHEMA_ID_BYTES = 2, /* an encoded schema begins with its id, which is of no use here */
};

void *table_add(struct table *table, size_t row_bytes)
{
    char *row;

    if (table->count == table->capacity && table->fixed)
        return NULL;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 8;
        void *rows = realloc(table->rows, capacity * row_bytes);

        if (!rows)
            return NULL;
        table->rows = rows;
        table->capacity = capacity;
    }
    row = (char *)table->rows + table->count * row_bytes;
    memset(row, 0, row_bytes);
    table->count++;
    return row;
}

/* The row of a number, made if need be. NULL: out of memory. */
static void *row_find(struct table *table, struct number_map *places, uint64_t number,
                      size_t row_bytes)
{
    uint32_t place = number_map_find(places, number);
    void *row;

    if (place != NUMBER_MAP_NONE)
        return (char *)table->rows + place * row_bytes;
    row = table_add(table, row_bytes);
    if (!row)
        return NULL;
    if (number_map_set(places, number, (uint32_t)table->count - 1) == 0)
        return row;
    table->count--; /* nobody is to meet a row that says nothing */
    return NULL;
}

/* A process that nobody described still has a number and strings. */
static struct process_row *process_row(struct trace *t, uint32_t number)
{
    struct process_row *row = row_find(&t->processes, &t->process_of_number, number, sizeof(*row));

    if (row && !row->process.executable) {
        row->process.process = number;
        row->process.executable = row->process.command = "";
        row->image = NUMBER_MAP_NONE; /* until it is known: trace_image_number() */
    }
    return row;
}

static struct thread_row *thread_row(struct trace *t, uint32_t number)
{
    struct thread_row *row = row_find(&t->threads, &t->thread_of_number, number, sizeof(*row));

    if (row && !row->thread.name) {
        row->thread.thread = number;
        row->thread.name = "";
    }
    return row;
}

uint32_t trace_thread_place(const struct trace *t, uint32_t thread)
{
    return number_map_find(&t->thread_of_number, thread);
}

/* ---- types ---- */

static const char *full_name_make(struct trace *t, const struct schema *schema)
{
    size_t provider = strlen(schema->provider), name = strlen(schema->name);
    char text[2 * SCHEMA_NAME_MAX + 2];

    memcpy(text, schema->provider, provider);
    text[provider] = ':';
    memcpy(text + provider + 1, schema->name, name);
    return string_arena_copy(&t->strings, text, provider + 1 + name);
}

static int type_fill(struct trace *t, struct type_row *row, const struct item_type *item)
{
    row->bytes =
        (const unsigned char *)string_arena_copy(&t->strings, item->schema, item->schema_bytes);
    row->size = item->schema_bytes;
    row->type.index = (uint32_t)t->types.count - 1;
    row->type.schema = row->owned.schema;
    row->type.full_name = full_name_make(t, &row->owned.schema);
    row->type.fixed_bytes = schema_fixed_bytes(&row->owned.schema, &row->type.variable_count);
    return row->bytes && row->type.full_name ? 0 : -ENOMEM;
}

/* Types with the same schema, but for the id, are one. */
static int type_add(struct trace *t, const struct item_type *item)
{
    const unsigned char *schema = item->schema;
    const struct type_row *rows = t->types.rows;
    struct schema_owned owned;
    struct type_row *row;
    uint64_t hash;
    uint32_t place;
    int status = schema_decode(item->schema, item->schema_bytes, &owned);

    if (status != 0)
        return status;
    hash = xxh64(schema + SCHEMA_ID_BYTES, item->schema_bytes - SCHEMA_ID_BYTES);
    place = number_map_find(&t->type_of_hash, hash);
    if (place != NUMBER_MAP_NONE && rows[place].size == item->schema_bytes &&
        memcmp(rows[place].bytes + SCHEMA_ID_BYTES, schema + SCHEMA_ID_BYTES,
               item->schema_bytes - SCHEMA_ID_BYTES) == 0) {
        schema_free(&owned);
        return number_map_set(&t->type_of_number, item->type, place);
    }
    row = table_add(&t->types, sizeof(*row));
    if (!row) {
        schema_free(&owned);
        return -ENOMEM;
    }
    row->owned = owned;
    place = (uint32_t)t->types.count - 1;
    status = type_fill(t, row, item);
    if (status != 0) {
        schema_free(&row->owned);
        t->types.count--;
        return status;
    }
    status = number_map_set(&t->type_of_hash, hash, place);
    return status ? status : number_map_set(&t->type_of_number, item->type, place);
}

/* ---- items ---- */

/* Room for any of them: decoded here, then copied to where it belongs. */
union item {
    struct trace_recording recording;
    struct trace_clock_pair clock;
    struct trace_process process;
    struct trace_process_end process_end;
    struct trace_thread thread;
    struct trace_ledger ledger;
    struct item_type type;
    struct trace_module module;
    struct trace_symbol symbol;
    struct trace_note note;
};

static int row_append(struct table *table, const void *row, size_t row_bytes)
{
    void *added = table_add(table, row_bytes);

    if (!added)
        return -ENOMEM;
    memcpy(added, row, row_bytes);
    return 0;
}

static int process_take(struct trace *t, const struct trace_process *process)
{
    struct process_row *row = process_row(t, process->process);

    if (!row)
        return -ENOMEM;
    row->process = *process;
    return 0;
}

static int process_end_take(struct trace *t, const struct trace_process_end *end)
{
    struct process_row *row = process_row(t, end->process);

    if (!row)
        return -ENOMEM;
    row->end = *end;
    row->ended = true;
    return 0;
}

static int thread_take(struct trace *t, const struct trace_thread *thread)
{
    struct thread_row *row = thread_row(t, thread->thread);

    if (!row)
        return -ENOMEM;
    row->thread = *thread;
    return process_row(t, thread->process) ? 0 : -ENOMEM;
}

static int ledger_take(struct trace *t, const struct trace_ledger *ledger)
{
    struct thread_row *row = thread_row(t, ledger->thread);

    if (!row)
        return -ENOMEM;
    row->ledger = *ledger;
    row->has_ledger = true;
    return 0;
}

/* Told when it is mapped, and once more when it is unmapped; joined files may tell that first. */
static int module_take(struct trace *t, const struct trace_module *module)
{
    struct trace_module *row =
        row_find(&t->modules, &t->module_of_number, module->module, sizeof(*row));

    if (!row)
        return -ENOMEM;
    if (!row->path || module->to_ticks != UINT64_MAX)
        *row = *module;
    return 0;
}

static int symbol_take(struct trace *t, const struct trace_symbol *symbol)
{
    struct symbol_row *row = table_add(&t->symbols, sizeof(*row));

    if (!row)
        return -ENOMEM;
    row->symbol = *symbol;
    return 0;
}

static int item_take(struct trace *t, uint16_t kind, const union item *item)
{
    switch (kind) {
    case ITEM_RECORDING:
        t->about = item->recording;
        return 0;
    case ITEM_CLOCK:
        return row_append(&t->clocks, &item->clock, sizeof(item->clock));
    case ITEM_PROCESS:
        return process_take(t, &item->process);
    case ITEM_PROCESS_END:
        return process_end_take(t, &item->process_end);
    case ITEM_THREAD:
        return thread_take(t, &item->thread);
    case ITEM_LEDGER:
        return ledger_take(t, &item->ledger);
    case ITEM_TYPE:
        return type_add(t, &item->type);
    case ITEM_MODULE:
        return module_take(t, &item->module);
    case ITEM_SYMBOL:
        return t->grows ? trace_live_symbol(t, &item->symbol) : symbol_take(t, &item->symbol);
    case ITEM_NOTE:
        return t->grows ? 0 : row_append(&t->notes, &item->note, sizeof(item->note));
    default:
        return 0;
    }
}

int trace_items_take(struct trace *t, const unsigned char *at, size_t left, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct item_view view;
        union item item;
        int64_t size = item_next(at, left, &view);
        int status;

        if (size < 0)
            return (int)size;
        memset(&item, 0, sizeof(item));
        status = item_decode(&view, &item, &t->strings);
        if (status == 0)
            status = item_take(t, view.kind, &item);
        if (status != 0 && status != -ENOENT)
            return status;
        at += size;
        left -= (size_t)size;
    }
    return left == 0 ? 0 : -EBADMSG;
}

/* ---- all of it ---- */

static bool metadata_is_credible(struct trace *t, const struct index_entry *entry)
{
    uint64_t limit = METADATA_BYTES_LEAST + t->size * METADATA_BYTES_PER_FILE_BYTE;

    t->metadata_bytes += t->loader.content.size;
    if (t->metadata_bytes <= limit)
        return true;
    trace_damage(t, NULL, entry->offset, "more metadata than a file of this size can have");
    return false;
}

static int block_take(struct trace *t, size_t place)
{
    struct index_entry *entry = &t->blocks.entries[place];
    struct block_header header;
    int status = trace_block_read(t, place, &header);

    if (status == -EBADMSG)
        return 0; /* noted; the rest of the file goes on */
    if (status != 0)
        return status;
    if (!metadata_is_credible(t, entry))
        return -EBADMSG;
    status = trace_items_take(t, t->loader.content.bytes, t->loader.content.size, header.records);
    if (status == -EBADMSG) {
        trace_damage(t, entry, entry->offset, "the metadata at offset %llu is malformed",
                     (unsigned long long)entry->offset);
        return 0;
    }
    return status;
}

/* Whatever blocks refer to is there afterwards, described or not. */
static int references_complete(struct trace *t)
{
    for (size_t i = 0; i < t->blocks.count; i++)
        if (index_entry_is(&t->blocks.entries[i], BLOCK_DATA) &&
            !thread_row(t, t->blocks.entries[i].thread))
            return -ENOMEM;
    for (size_t i = 0; i < t->threads.count; i++)
        if (!process_row(t, ((struct thread_row *)t->threads.rows)[i].thread.process))
            return -ENOMEM;
    t->type_list = calloc(t->types.count + 1, sizeof(*t->type_list));
    if (!t->type_list)
        return -ENOMEM;
    for (size_t i = 0; i < t->types.count; i++)
        t->type_list[i] = &((struct type_row *)t->types.rows)[i].type;
    return 0;
}

/* What the file does not tell. */
static const struct trace_recording unknown = {
    .adatrace_version = "",
    .host = "",
    .kernel = "",
    .cpu = "",
    .command = "",
    .directory = "",
    .clock_source = "",
    .policy = "",
    .boot_id = "",
    .session = "",
};

void trace_about_begin(struct trace *t)
{
    t->about = unknown;
}

int trace_tables_read(struct trace *t)
{
    int status = 0;

    trace_about_begin(t);
    for (size_t i = 0; i < t->blocks.count && status == 0; i++) {
        const struct index_entry *entry = &t->blocks.entries[i];

        if (index_entry_is(entry, BLOCK_START) || index_entry_is(entry, BLOCK_META))
            status = block_take(t, i);
    }
    if (status != 0 && status != -EBADMSG)
        return status;
    return references_complete(t);
}

void trace_tables_free(struct trace *t)
{
    for (size_t i = 0; i < t->types.count; i++)
        schema_free(&((struct type_row *)t->types.rows)[i].owned);
    for (size_t i = 0; i < t->images.count; i++)
        number_map_free(&((struct image_row *)t->images.rows)[i].symbols);
    free(t->processes.rows);
    free(t->threads.rows);
    free(t->types.rows);
    free(t->modules.rows);
    free(t->symbols.rows);
    free(t->notes.rows);
    free(t->clocks.rows);
    free(t->images.rows);
    free(t->type_list);
    number_map_free(&t->process_of_number);
    number_map_free(&t->thread_of_number);
    number_map_free(&t->type_of_number);
    number_map_free(&t->type_of_hash);
    number_map_free(&t->image_of_number);
    number_map_free(&t->module_of_number);
    number_map_free(&t->type_of_declared);
    string_arena_free(&t->strings);
}
