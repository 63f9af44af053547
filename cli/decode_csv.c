/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as CSV (RFC 4180, but lines end in a newline alone): a column for every field name that
 * the selected event types have, empty where an event has no such field.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/decode_scalar.h"
#include "cli/live_map.h"
#include "cli/phase.h"

enum { LINE_ROOM = 256 };

static const char *const gap_columns[] = {"gap_kind", "gap_records", "gap_bytes", "gap_first_ns",
                                          "gap_last_ns"};
enum { GAP_COLUMNS = sizeof(gap_columns) / sizeof(*gap_columns) };

struct csv_columns {
    char **names; /* owned */
    uint32_t count, capacity;
    struct live_map by_hash;
    bool stale;         /* there are more than the last header line said */
    uint32_t gap_first; /* GAP_COLUMNS of them; UINT32_MAX: there can be no gap */
};

/* What stands in a cell: nothing, a field's value, or what the address in it means. */
enum { CELL_EMPTY = 0, CELL_FIELDS = 1, CELL_SYMBOLS = CELL_FIELDS + SCHEMA_FIELDS_MAX };

/* ---- before the first line ---- */

/* A new column. UINT32_MAX without memory. */
static uint32_t column_add(struct csv_columns *columns, const char *name, const char *suffix)
{
    size_t bytes = strlen(name) + strlen(suffix) + 1;

    if (columns->count == columns->capacity) {
        uint32_t capacity = columns->capacity ? 2 * columns->capacity : 32;
        char **names = reallocarray(columns->names, capacity, sizeof(*names));

        if (!names)
            return UINT32_MAX;
        columns->names = names;
        columns->capacity = capacity;
    }
    columns->names[columns->count] = malloc(bytes);
    if (!columns->names[columns->count])
        return UINT32_MAX;
    snprintf(columns->names[columns->count], bytes, "%s%s", name, suffix);
    return columns->count++;
}

static bool column_is(const char *column, const char *name, const char *suffix)
{
    size_t size = strlen(name);

    return strncmp(column, name, size) == 0 && strcmp(column + size, suffix) == 0;
}

static uint64_t hash_on(uint64_t hash, const char *text) /* FNV-1a */
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* The column of this name, made when it is new. UINT32_MAX without memory. Who makes a file can
 * make names of the same hash: the later one stands under the next that is free. */
static uint32_t column_of(struct csv_columns *columns, const char *name, const char *suffix)
{
    uint64_t hash = hash_on(hash_on(UINT64_C(0xcbf29ce484222325), name), suffix);
    struct live_entry *entry;

    /* extra: the column's number + 1 */
    while ((entry = live_map_put(&columns->by_hash, 0, hash)) && entry->extra &&
           !column_is(columns->names[entry->extra - 1], name, suffix))
        hash++;
    if (!entry)
        return UINT32_MAX;
    if (!entry->extra)
        entry->extra = column_add(columns, name, suffix) + 1;
    return entry->extra - 1;
}

/* Every name gets its column first: gaps have theirs under names of their own. */
static int type_columns_make(struct csv_columns *columns, const struct schema *schema)
{
    for (unsigned f = 0; f < schema->field_count; f++) {
        const struct ada_field *field = &schema->fields[f];

        if (column_of(columns, field->name, "") == UINT32_MAX)
            return -ENOMEM;
        if (field->kind == ADA_KIND_CODE && field->count == 1 &&
            column_of(columns, field->name, "_symbol") == UINT32_MAX)
            return -ENOMEM;
    }
    return 0;
}

static int type_cells_make(struct csv_columns *columns, struct decode_type *type)
{
    const struct schema *schema = &type->type->schema;

    free(type->cells);
    type->cells = calloc(columns->count + 1, sizeof(*type->cells));
    if (!type->cells)
        return -ENOMEM;
    for (unsigned f = 0; f < schema->field_count; f++) {
        const struct ada_field *field = &schema->fields[f];

        type->cells[column_of(columns, field->name, "")] = (uint8_t)(CELL_FIELDS + f);
        if (field->kind == ADA_KIND_CODE && field->count == 1)
            type->cells[column_of(columns, field->name, "_symbol")] = (uint8_t)(CELL_SYMBOLS + f);
    }
    return 0;
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
        uint32_t column = column_add(columns, gap_columns[i], "");

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
    out_put_text(&decode->out, "ts_ns,pid,tid,thread,event,phase,text");
    for (uint32_t i = 0; i < columns->count; i++) {
        const char *name = columns->names[i];

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
        free(columns->names[i]);
    free(columns->names);
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
