/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as JSON Lines: one object a line, valid whatever the trace holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/decode_scalar.h"
#include "cli/phase.h"

enum { LINE_ROOM = 256 };

/* ---- before the first line ---- */

/* `text` inside a JSON string, between two literals. */
static struct decode_text text_around(const char *before, const char *text, const char *after)
{
    size_t size = strlen(text);
    char *escaped = malloc(TEXT_ESCAPED_MAX * size + 1);
    struct decode_text made = {0};

    if (escaped) {
        *text_json(escaped, text, size) = 0;
        made = decode_text_make("%s%s%s", before, escaped, after);
    }
    free(escaped);
    return made;
}

static int json_thread_add(struct decode *decode, size_t n)
{
    const struct trace_thread *thread = trace_thread_at(decode->trace, n);
    struct decode_text *label = &decode->labels[n];
    const struct trace_process *process = trace_process_by_number(decode->trace, thread->process);
    char before[96];

    snprintf(before, sizeof(before), ",\"pid\":%u,\"tid\":%u,\"thread\":\"",
             process ? process->pid : 0, thread->tid);
    *label = text_around(before, thread->name, "\",\"event\":\"");
    return label->bytes ? 0 : -ENOMEM;
}

static int json_type_add(struct decode *decode, size_t n)
{
    struct decode_type *type = &decode->types[n];
    const struct schema *schema = &type->type->schema;
    const char *phase = phase_identifier(schema->phase);
    char after[64];

    snprintf(after, sizeof(after), "\"%s%s%s,\"fields\":{", phase ? ",\"phase\":\"" : "",
             phase ? phase : "", phase ? "\"" : "");
    type->head = text_around("", type->type->full_name, after);
    if (!type->head.bytes)
        return -ENOMEM;
    for (unsigned f = 0; f < schema->field_count; f++) {
        type->fields[f] = text_around(f ? ",\"" : "\"", schema->fields[f].name, "\":");
        if (!type->fields[f].bytes)
            return -ENOMEM;
    }
    return 0;
}

static int json_begin(struct decode *decode)
{
    int status = 0;

    for (size_t n = 0; !status && trace_thread_at(decode->trace, n); n++)
        status = json_thread_add(decode, n);
    for (size_t n = 0; !status && n < decode->type_count; n++)
        status = json_type_add(decode, n);
    return status;
}

/* ---- values ---- */

static void put_string(struct out_buffer *out, const char *text, size_t size)
{
    out_put_char(out, '"');
    out_put_escaped(out, text_json, text, size);
    out_put_char(out, '"');
}

static void put_element(struct decode *decode, const struct trace_value *v, unsigned element)
{
    const char *label = scalar_label(v, element);
    struct out_buffer *out = &decode->out;
    char *at;

    if (label) {
        put_string(out, label, strlen(label));
        return;
    }
    at = out_room(out, SCALAR_ROOM);
    if (scalar_is_word(v, element)) {
        *at++ = '"';
        at = scalar_write(decode, at, v, element);
        *at++ = '"';
        out->at = at;
    } else {
        out->at = scalar_write(decode, at, v, element);
    }
}

static void put_value(struct decode *decode, const struct trace_value *v)
{
    struct out_buffer *out = &decode->out;

    if (v->field->kind == ADA_KIND_STRING) {
        put_string(out, (const char *)v->bytes, v->size);
    } else if (v->field->kind == ADA_KIND_BYTES) {
        out_put_char(out, '"');
        out_put_hex(out, v->bytes, v->size);
        out_put_char(out, '"');
    } else if (v->field->count == 1) {
        put_element(decode, v, 0);
    } else {
        for (unsigned i = 0; i < v->field->count; i++) {
            out_put_char(out, i ? ',' : '[');
            put_element(decode, v, i);
        }
        out_put_char(out, ']');
    }
}

static void put_symbol(struct decode *decode, const struct symbol_text *symbol)
{
    out_put_char(&decode->out, '"');
    decode_put_symbol(decode, symbol);
    out_put_char(&decode->out, '"');
}

static void put_line(struct decode *decode, const struct symbol_text *symbol)
{
    struct out_buffer *out = &decode->out;

    out_put_char(out, '"');
    out_put_escaped(out, text_json, symbol->symbol->file, strlen(symbol->symbol->file));
    out_put_char(out, ':');
    out->at = text_u64(out_room(out, TEXT_U64_MAX), symbol->symbol->line);
    out_put_char(out, '"');
}

static bool is_named(const struct symbol_text *symbol)
{
    return symbol->symbol || symbol->module;
}

/* A member of the event's, an object: what is known about its code addresses. */
struct code_member {
    const char *opening;
    bool (*knows)(const struct symbol_text *symbol);
    void (*put)(struct decode *decode, const struct symbol_text *symbol);
};

static const struct code_member code_members[] = {{",\"symbols\":{", is_named, put_symbol},
                                                  {",\"lines\":{", symbol_has_line, put_line}};

static void put_code(struct decode *decode, const struct trace_event *event,
                     const struct decode_type *type, const struct code_member *member)
{
    struct out_buffer *out = &decode->out;
    bool any = false;

    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_value *v = &event->values[f];
        const struct symbol_text *symbol;
        struct decode_text name;

        if (v->field->kind != ADA_KIND_CODE || v->field->count != 1)
            continue;
        symbol = decode_symbol(decode, event->thread, value_bits(v, 0), event->ticks);
        if (!member->knows(symbol))
            continue;
        if (any)
            out_put_char(out, ',');
        else
            out_put_text(out, member->opening);
        /* The name of the field, as it stands in `fields`, but without the comma before it. */
        name =
            (struct decode_text){type->fields[f].bytes + (f > 0), type->fields[f].size - (f > 0)};
        decode_put(decode, &name);
        member->put(decode, symbol);
        any = true;
    }
    if (any)
        out_put_char(out, '}');
}

/* ---- lines ---- */

static void line_start(struct decode *decode, const struct trace_event *event,
                       const struct decode_text *label)
{
    char *at = out_room(&decode->out, LINE_ROOM);

    at = text_bytes(at, "{\"ts_ns\":", 9);
    decode->out.at = text_i64(at, event->ns);
    decode_put(decode, label);
}

static void json_event(struct decode *decode, const struct trace_event *event,
                       const struct decode_type *type, const struct decode_text *label,
                       const struct decode_mark *mark)
{
    struct out_buffer *out = &decode->out;
    bool has_code = false;

    (void)mark;
    line_start(decode, event, label);
    decode_put(decode, &type->head);
    for (unsigned f = 0; f < event->value_count; f++) {
        decode_put(decode, &type->fields[f]);
        put_value(decode, &event->values[f]);
        has_code |= event->values[f].field->kind == ADA_KIND_CODE;
    }
    out_put_char(out, '}');
    for (size_t m = 0; has_code && m < sizeof(code_members) / sizeof(*code_members); m++)
        put_code(decode, event, type, &code_members[m]);
    if (type->type->schema.phase == ADA_PHASE_FORMAT) {
        out_put(out, ",\"text\":", 8);
        put_string(
            out, decode->scratch,
            event_format_render(&type->format, event, decode->scratch, DECODE_SCRATCH_BYTES));
    }
    out->at = text_bytes(out_room(out, 2), "}\n", 2);
}

static void json_gap(struct decode *decode, const struct trace_event *event,
                     const struct decode_text *label)
{
    const struct trace_gap *gap = &event->gap;

    line_start(decode, event, label);
    out_printf(&decode->out,
               "adatrace:gap\",\"fields\":{\"kind\":\"%s\",\"records\":%llu,\"bytes\":%llu,"
               "\"first_ns\":%lld,\"last_ns\":%lld}}\n",
               decode_gap_kind(gap->kind), (unsigned long long)gap->records,
               (unsigned long long)gap->bytes, (long long)trace_ns(decode->trace, gap->first_ticks),
               (long long)trace_ns(decode->trace, gap->last_ticks));
}

static void json_missed(struct decode *decode, int64_t ns, uint64_t records, uint64_t bytes)
{
    out_printf(&decode->out,
               "{\"ts_ns\":%lld,\"event\":\"adatrace:missed\",\"fields\":{\"records\":%llu,"
               "\"bytes\":%llu}}\n",
               (long long)ns, (unsigned long long)records, (unsigned long long)bytes);
}

const struct decode_format decode_format_json = {
    .escape = text_json,
    .begin = json_begin,
    .type_add = json_type_add,
    .thread_add = json_thread_add,
    .missed = json_missed,
    .event = json_event,
    .gap = json_gap,
};
