/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as CSV (RFC 4180, but lines end in a newline alone): a column for every field name that
 * the selected event types have, empty where an event has no such field. No two columns have one
 * name: a field called as another column is gets "field." in front.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/decode_scalar.h"
#include "cli/live_map.h"
#include "cli/phase.h"

#define HEADER_FIXED "ts_ns,pid,tid,thread,event,phase,text"
#define OWN_PREFIX   "field."
#define SYMBOL_END   "_symbol"

enum { LINE_ROOM = 256, OWN_PREFIX_BYTES = sizeof(OWN_PREFIX) - 1 };

static const char *const gap_columns[] = {"gap_kind", "gap_records", "gap_bytes", "gap_first_ns",
                                          "gap_last_ns"};
enum { GAP_COLUMNS = sizeof(gap_columns) / sizeof(*gap_columns) };

struct csv_column {
    char *name;        /* owned */
    unsigned prefixes; /* times OWN_PREFIX that it begins with */
    bool is_symbol;
};

struct csv_columns {
    struct csv_column *list; /* owned */
    uint32_t count, capacity;
    struct live_map by_hash; /* of the name */
    bool stale;              /* there are more than the last header line said */
    uint32_t gap_first;      /* GAP_COLUMNS of them; UINT32_MAX: there can be no gap */
};

/* What stands in a cell: nothing, a field's value, or what the address in it means. */
enum { CELL_EMPTY = 0, CELL_FIELDS = 1, CELL_SYMBOLS = CELL_FIELDS + SCHEMA_FIELDS_MAX };

/* ---- before the first line ---- */

/* A field's column before it is there: where it stands decides about the prefixes. */
struct csv_wish {
    const char *field;
    bool is_symbol;
    unsigned prefixes;
};

static char *name_make(const struct csv_wish *wish)
{
    size_t front = (size_t)wish->prefixes * OWN_PREFIX_BYTES;
    size_t bytes = front + strlen(wish->field) + sizeof(SYMBOL_END);
    char *name = malloc(bytes);

    for (size_t at = 0; name && at < front; at += OWN_PREFIX_BYTES)
        memcpy(name + at, OWN_PREFIX, OWN_PREFIX_BYTES);
    if (name)
        snprintf(name + front, bytes - front, "%s%s", wish->field,
                 wish->is_symbol ? SYMBOL_END : "");
    return name;
}

/* A new column, which takes `name`. UINT32_MAX without memory, or without a name. */
static uint32_t column_add(struct csv_columns *columns, const struct csv_wish *wish, char *name)
{
    if (name && columns->count == columns->capacity) {
        uint32_t capacity = columns->capacity ? 2 * columns->capacity : 32;
        struct csv_column *list = reallocarray(columns->list, capacity, sizeof(*list));

        if (!list) {
            free(name);
            return UINT32_MAX;
        }
        columns->list = list;
        columns->capacity = capacity;
    }
    if (!name)
        return UINT32_MAX;
    columns->list[columns->count] =
        (struct csv_column){.name = name, .prefixes = wish->prefixes, .is_symbol = wish->is_symbol};
    return columns->count++;
}

static uint64_t hash_of(const char *text) /* FNV-1a */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* Do all events, or all gaps, have a column of this name? */
static bool name_is_reserved(const char *name)
{
    size_t size = strlen(name);

    for (const char *at = HEADER_FIXED; *at; at += *at == ',') {
        size_t length = strcspn(at, ",");

        if (length == size && memcmp(at, name, size) == 0)
            return true;
        at += length;
    }
    for (unsigned i = 0; i < GAP_COLUMNS; i++)
        if (strcmp(gap_columns[i], name) == 0)
            return true;
    return false;
}

/* The place of this name: an entry whose `extra` is the column's number + 1, or 0 where there is no
 * such column yet. NULL without memory. Who makes a file can make names of the same hash: the later
 * one stands under the next that is free. */
static struct live_entry *name_place(struct csv_columns *columns, const char *name)
{
    uint64_t hash = hash_of(name);
    struct live_entry *entry;

    while ((entry = live_map_put(&columns->by_hash, 0, hash)) && entry->extra &&
           strcmp(columns->list[entry->extra - 1].name, name) != 0)
        hash++;
    return entry;
}

/* The column of a field, or of the symbol in it, made when it is new. UINT32_MAX without memory.
 * Columns stay, so a field goes the same way past those that are not its own every time. */
static uint32_t column_of(struct csv_columns *columns, const char *field, bool is_symbol)
{
    struct csv_wish wish = {.field = field, .is_symbol = is_symbol};

    for (;; wish.prefixes++) {
        char *name = name_make(&wish);
        struct live_entry *place;

        if (name && name_is_reserved(name)) {
            free(name);
            continue;
        }
        place = name ? name_place(columns, name) : NULL;
        if (place && !place->extra) {
            place->extra = column_add(columns, &wish, name) + 1;
            return place->extra - 1;
        }
        free(name);
        if (!place)
            return UINT32_MAX;
        if (columns->list[place->extra - 1].prefixes == wish.prefixes &&
            columns->list[place->extra - 1].is_symbol == is_symbol)
            return place->extra - 1;
    }
}

static bool field_has_symbol(const struct ada_field *field)
{
    return field->kind == ADA_KIND_CODE && field->count == 1;
}

/* Every name gets its column first. */
static int type_columns_make(struct csv_columns *columns, const struct schema *schema)
{
    for (unsigned f = 0; f < schema->field_count; f++) {
        const struct ada_field *field = &schema->fields[f];

        if (column_of(columns, field->name, false) == UINT32_MAX)
            return -ENOMEM;
        if (field_has_symbol(field) && column_of(columns, field->name, true) == UINT32_MAX)
            return -ENOMEM;
    }
    return 0;
}

static int cell_set(struct csv_columns *columns, struct decode_type *type, unsigned field,
                    bool is_symbol)
{
    uint32_t column = column_of(columns, type->type->schema.fields[field].name, is_symbol);

    if (column == UINT32_MAX)
        return -ENOMEM;
    type->cells[column] = (uint8_t)((is_symbol ? CELL_SYMBOLS : CELL_FIELDS) + field);
    return 0;
}

static int type_cells_make(struct csv_columns *columns, struct decode_type *type)
{
    const struct schema *schema = &type->type->schema;
    int status = 0;

    free(type->cells);
    type->cells = calloc(columns->count + 1, sizeof(*type->cells));
    if (!type->cells)
        return -ENOMEM;
    for (unsigned f = 0; !status && f < schema->field_count; f++) {
        status = cell_set(columns, type, f, false);
        if (!status && field_has_symbol(&schema->fields[f]))
            status = cell_set(columns, type, f, true);
    }
    return status;
}

/* Columns for gaps only where something was lost, or nobody knows. */
static bool gaps_possible(const struct decode *decode)
{
    const struct trace_thread *thread;

    for (size_t n = 0; (thread = trace_thread_at(decode->trace, n)); n++) {
        const struct trace_ledger *ledger = trace_ledger_of(decode->trace, thread->thread);

        if (!ledger || !ledger->final || ledger->dropped || ledger->overwritten || ledger->damaged)
            return true;
    }
    return decode->grows;
}

static int csv_thread_add(struct decode *decode, size_t n)
{
    const struct trace_thread *thread = trace_thread_at(decode->trace, n);
    struct decode_text *label = &decode->labels[n];
    const struct trace_process *process = trace_process_by_number(decode->trace, thread->process);
    size_t size = strlen(thread->name);
    char *escaped = malloc(TEXT_ESCAPED_MAX * size + 1);

    if (!escaped)
        return -ENOMEM;
    *text_csv(escaped, thread->name, size) = 0;
    *label = decode_text_make(",%u,%u,\"%s\",", process ? process->pid : 0, thread->tid, escaped);
    free(escaped);
    return label->bytes ? 0 : -ENOMEM;
}

static int head_make(struct decode_type *type)
{
    const char *phase = phase_identifier(type->type->schema.phase);
    char name[2 * TEXT_ESCAPED_MAX * (SCHEMA_NAME_MAX + 1)];

    *text_csv(name, type->type->full_name, strnlen(type->type->full_name, 2 * SCHEMA_NAME_MAX)) = 0;
    type->head = strpbrk(name, "\",\n") ? decode_text_make("\"%s\",%s,", name, phase ? phase : "")
                                        : decode_text_make("%s,%s,", name, phase ? phase : "");
    return type->head.bytes ? 0 : -ENOMEM;
}

static int texts_make(struct decode *decode)
{
    int status = 0;

    for (size_t n = 0; !status && trace_thread_at(decode->trace, n); n++)
        status = csv_thread_add(decode, n);
    for (size_t n = 0; !status && n < decode->type_count; n++)
        status = head_make(&decode->types[n]);
    return status;
}

static int columns_make(struct decode *decode, struct csv_columns *columns)
{
    int status = 0;

    for (size_t n = 0; !status && n < decode->type_count; n++)
        if (decode->types[n].selected)
            status = type_columns_make(columns, &decode->types[n].type->schema);
    columns->gap_first = UINT32_MAX;
    for (unsigned i = 0; !status && i < GAP_COLUMNS && gaps_possible(decode); i++) {
        const struct csv_wish gap = {.field = gap_columns[i]};
        uint32_t column = column_add(columns, &gap, name_make(&gap));

        if (!i)
            columns->gap_first = column;
        status = column == UINT32_MAX ? -ENOMEM : 0;
    }
    for (size_t n = 0; !status && n < decode->type_count; n++)
        if (decode->types[n].selected)
            status = type_cells_make(columns, &decode->types[n]);
    return status;
}

static void put_quoted(struct out_buffer *out, const char *text, size_t size)
{
    out_put_char(out, '"');
    out_put_escaped(out, text_csv, text, size);
    out_put_char(out, '"');
}

static void header_print(struct decode *decode, const struct csv_columns *columns)
{
    out_put_text(&decode->out, HEADER_FIXED);
    for (uint32_t i = 0; i < columns->count; i++) {
        const char *name = columns->list[i].name;

        out_put_char(&decode->out, ',');
        if (strpbrk(name, "\",\n\r"))
            put_quoted(&decode->out, name, strlen(name));
        else
            out_put_escaped(&decode->out, text_csv, name, strlen(name));
    }
    out_put_char(&decode->out, '\n');
}

static int csv_begin(struct decode *decode)
{
    struct csv_columns *columns = calloc(1, sizeof(*columns));
    int status;

    decode->state = columns;
    if (!columns || live_map_init(&columns->by_hash))
        return -ENOMEM;
    status = texts_make(decode);
    if (!status)
        status = columns_make(decode, columns);
    if (!status)
        header_print(decode, columns);
    return status;
}

/* Columns are only added, at the end; cells of types that were there stay good for those before. */
static int csv_type_add(struct decode *decode, size_t n)
{
    struct csv_columns *columns = decode->state;
    uint32_t before = columns->count;
    int status = head_make(&decode->types[n]);

    if (status || !decode->types[n].selected)
        return status;
    status = type_columns_make(columns, &decode->types[n].type->schema);
    if (status || columns->count == before)
        return status ? status : type_cells_make(columns, &decode->types[n]);
    columns->stale = true;
    for (size_t i = 0; i <= n && !status; i++)
        if (decode->types[i].selected)
            status = type_cells_make(columns, &decode->types[i]);
    return status;
}

/* In front of a line. Written to only while the trace grows, when there is one printer: several
 * share the columns. */
static void header_refresh(struct decode *decode)
{
    struct csv_columns *columns = decode->state;

    if (!columns->stale)
        return;
    header_print(decode, columns);
    columns->stale = false;
}

static void csv_end(struct decode *decode)
{
    struct csv_columns *columns = decode->state;

    if (!columns)
        return;
    for (uint32_t i = 0; i < columns->count; i++)
        free(columns->list[i].name);
    free(columns->list);
    live_map_fini(&columns->by_hash);
    free(columns);
}

/* ---- cells ---- */

static void put_element(struct decode *decode, const struct trace_value *v, unsigned element)
{
    const char *label = scalar_label(v, element);

    if (label)
        put_quoted(&decode->out, label, strlen(label));
    else
        decode->out.at = scalar_write(decode, out_room(&decode->out, SCALAR_ROOM), v, element);
}

/* The elements of an array stand in one cell, separated by semicolons. */
static void put_array(struct decode *decode, const struct trace_value *v)
{
    for (unsigned i = 0; i < v->field->count; i++) {
        if (i)
            out_put_char(&decode->out, ';');
        decode->out.at = scalar_write(decode, out_room(&decode->out, SCALAR_ROOM), v, i);
    }
}

static void put_symbol(struct decode *decode, const struct trace_event *event,
                       const struct trace_value *v)
{
    const struct symbol_text *symbol =
        decode_symbol(decode, event->thread, value_bits(v, 0), event->ticks);

    out_put_char(&decode->out, '"');
    decode_put_symbol(decode, symbol);
    out_put_char(&decode->out, '"');
}

static void put_value(struct decode *decode, const struct trace_value *v)
{
    if (v->field->kind == ADA_KIND_STRING)
        put_quoted(&decode->out, (const char *)v->bytes, v->size);
    else if (v->field->kind == ADA_KIND_BYTES)
        out_put_hex(&decode->out, v->bytes, v->size);
    else if (v->field->count == 1)
        put_element(decode, v, 0);
    else
        put_array(decode, v);
}

/* ---- lines ---- */

static void line_start(struct decode *decode, const struct trace_event *event,
                       const struct decode_text *label)
{
    header_refresh(decode);
    decode->out.at = text_i64(out_room(&decode->out, LINE_ROOM), event->ns);
    decode_put(decode, label);
}

static void csv_event(struct decode *decode, const struct trace_event *event,
                      const struct decode_type *type, const struct decode_text *label,
                      const struct decode_mark *mark)
{
    const struct csv_columns *columns = decode->state;

    (void)mark;
    line_start(decode, event, label);
    decode_put(decode, &type->head);
    if (type->type->schema.phase == ADA_PHASE_FORMAT)
        put_quoted(
            &decode->out, decode->scratch,
            event_format_render(&type->format, event, decode->scratch, DECODE_SCRATCH_BYTES));
    for (uint32_t i = 0; i < columns->count; i++) {
        unsigned cell = type->cells[i];

        out_put_char(&decode->out, ',');
        if (cell >= CELL_SYMBOLS)
            put_symbol(decode, event, &event->values[cell - CELL_SYMBOLS]);
        else if (cell != CELL_EMPTY)
            put_value(decode, &event->values[cell - CELL_FIELDS]);
    }
    out_put_char(&decode->out, '\n');
}

static void csv_gap(struct decode *decode, const struct trace_event *event,
                    const struct decode_text *label)
{
    const struct csv_columns *columns = decode->state;
    const struct trace_gap *gap = &event->gap;

    line_start(decode, event, label);
    out_put_text(&decode->out, "adatrace:gap,,");
    for (uint32_t i = 0; i < columns->count; i++) {
        out_put_char(&decode->out, ',');
        if (i != columns->gap_first)
            continue;
        out_printf(&decode->out, "%s,%llu,%llu,%lld,%lld", decode_gap_kind(gap->kind),
                   (unsigned long long)gap->records, (unsigned long long)gap->bytes,
                   (long long)trace_ns(decode->trace, gap->first_ticks),
                   (long long)trace_ns(decode->trace, gap->last_ticks));
        i += GAP_COLUMNS - 1;
    }
    out_put_char(&decode->out, '\n');
}

static void csv_missed(struct decode *decode, int64_t ns, uint64_t records, uint64_t bytes)
{
    const struct csv_columns *columns = decode->state;

    header_refresh(decode);
    out_printf(&decode->out, "%lld,0,0,,adatrace:missed,,%llu events (%llu bytes)", (long long)ns,
               (unsigned long long)records, (unsigned long long)bytes);
    for (uint32_t i = 0; i < columns->count; i++)
        out_put_char(&decode->out, ',');
    out_put_char(&decode->out, '\n');
}

const struct decode_format decode_format_csv = {
    .escape = text_csv,
    .begin = csv_begin,
    .type_add = csv_type_add,
    .thread_add = csv_thread_add,
    .missed = csv_missed,
    .event = csv_event,
    .gap = csv_gap,
    .end = csv_end,
};
