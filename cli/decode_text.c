/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as lines for people: time, thread, what happened, indented by the depth of open calls.
 */
#include "cli/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out_text.h"
#include "cli/phase.h"
#include "cli/units.h"
#include "cli/value.h"

enum {
    SECONDS_WIDTH = 4,
    TIME_DIGITS = 4,
    TIME_SPAN_NS = 10000, /* that so many digits tell apart */
    LABEL_WIDTH_MAX = 26,
    INDENT_STEP = 2,
    INDENT_MAX = 40 * INDENT_STEP,        /* deeper calls stay in this column */
    LINE_ROOM = 512,                      /* time, label and indentation */
    FIELD_ROOM = 64,                      /* one number */
    NAME_BYTES = 2 * SCHEMA_NAME_MAX + 1, /* provider:name */
};

#define DIM   "\033[2m"
#define CYAN  "\033[36m"
#define BOLD  "\033[1m"
#define RED   "\033[31m"
#define RESET "\033[0m"

/* ---- before the first line ---- */

/* A name of the file's for a label: no control characters, not too long. */
static int name_escape(char *text, size_t capacity, const char *name)
{
    char escaped[TEXT_ESCAPED_MAX * NAME_BYTES];
    size_t size = strnlen(name, NAME_BYTES);

    return snprintf(text, capacity, "%.*s", (int)(text_plain(escaped, name, size) - escaped),
                    escaped);
}

static int label_format(char *text, size_t capacity, const struct trace_thread *thread)
{
    char name[64];

    name_escape(name, sizeof(name), thread->name);
    return snprintf(text, capacity, "%s/%u", name, thread->tid);
}

/* Wide enough for all that are known. */
static void width_widen(struct decode *decode, const struct trace_thread *thread)
{
    char label[128];
    unsigned size = (unsigned)label_format(label, sizeof(label), thread);

    if (size > LABEL_WIDTH_MAX)
        size = LABEL_WIDTH_MAX;
    if (size > decode->label_width)
        decode->label_width = size;
}

static int text_thread_add(struct decode *decode, size_t n)
{
    const struct trace_thread *thread = trace_thread_at(decode->trace, n);
    char label[128];

    width_widen(decode, thread);
    label_format(label, sizeof(label), thread);
    decode->labels[n] = decode_text_make("%s  %s%-*s%s  %*s", decode->colour ? RESET : "",
                                         decode->colour ? CYAN : "", (int)decode->label_width,
                                         label, decode->colour ? RESET : "", INDENT_MAX, "");
    if (!decode->labels[n].bytes)
        return -ENOMEM;
    decode->labels[n].size -= INDENT_MAX; /* a line takes as much of that as it needs */
    return 0;
}

static int text_type_add(struct decode *decode, size_t n)
{
    struct decode_type *type = &decode->types[n];
    const struct schema *schema = &type->type->schema;
    /* Scopes show by their arrows. */
    bool scope = schema->phase == ADA_PHASE_BEGIN || schema->phase == ADA_PHASE_END;
    const char *label = scope ? "" : phase_label(schema->phase);
    char name[TEXT_ESCAPED_MAX * NAME_BYTES + 1];

    name_escape(name, sizeof(name), type->type->full_name);
    type->head = decode_text_make("%s%s%s%s%s", decode->colour ? BOLD : "", name, *label ? " " : "",
                                  label, decode->colour ? RESET : "");
    if (!type->head.bytes)
        return -ENOMEM;
    for (unsigned f = 0; f < schema->field_count; f++) {
        name_escape(name, sizeof(name), schema->fields[f].name);
        type->fields[f] = decode->colour ? decode_text_make("  " DIM "%s=" RESET, name)
                                         : decode_text_make("  %s=", name);
        if (!type->fields[f].bytes)
            return -ENOMEM;
    }
    return 0;
}

static int text_begin(struct decode *decode)
{
    const struct trace_thread *thread;
    int status = 0;

    for (size_t n = 0; (thread = trace_thread_at(decode->trace, n)); n++)
        width_widen(decode, thread);
    for (size_t n = 0; !status && trace_thread_at(decode->trace, n); n++)
        status = text_thread_add(decode, n);
    for (size_t n = 0; !status && n < decode->type_count; n++)
        status = text_type_add(decode, n);
    return status;
}

/* ---- calls: depth, and how long a call took ---- */

struct call_end {
    struct decode_calls *calls;
    uint64_t start_ticks;
};

static void call_ended(void *context, const struct call *call, struct call *parent,
                       uint64_t end_ticks, uint64_t child_ticks, bool by_exit)
{
    struct call_end *end = context;

    (void)parent, (void)end_ticks, (void)child_ticks, (void)by_exit;
    /* One that was presumed ended is not shown as open any more. */
    if (call->presumption != CALL_ENDED)
        end->calls->depth--;
    end->start_ticks = call->start_ticks;
}

static void call_presumed(void *context, struct call *call)
{
    struct call_end *end = context;

    (void)call;
    end->calls->depth--;
}

static void call_revived(void *context, struct call *call)
{
    (void)context, (void)call;
}

static const struct call_observer observer = {
    .ended = call_ended, .presumed = call_presumed, .revived = call_revived};

static void call_enter(struct decode *decode, struct decode_calls *calls, uint64_t key,
                       uint16_t tag, unsigned flags, uint64_t ticks)
{
    struct call_end end = {.calls = calls};

    if (call_stack_enter(&calls->stack, key, 0, tag, flags, ticks, &observer, &end))
        calls->depth++;
    else
        decode->failed = true;
}

/* A scope lives in the frame of the call around it. */
static void scope_enter(struct decode *decode, struct decode_calls *calls, uint64_t key,
                        uint64_t ticks)
{
    const struct call *around = call_stack_top(&calls->stack);
    unsigned flags = around ? around->flags : CALL_UNTAGGED;

    call_enter(decode, calls, key, around ? around->tag : 0, flags, ticks);
}

static void call_leave(struct decode_calls *calls, uint64_t key, uint64_t ticks,
                       struct decode_mark *mark)
{
    struct call_end end = {.calls = calls};

    mark->is_known = call_stack_exit(&calls->stack, key, ticks, &observer, &end);
    mark->start_ticks = end.start_ticks;
    mark->depth = calls->depth;
}

static void text_follow(struct decode *decode, const struct trace_record *record,
                        const struct decode_type *type, struct decode_calls *calls,
                        struct decode_mark *mark)
{
    unsigned phase = type->type->schema.phase;

    mark->is_known = false;
    if (type->is_function && phase == ADA_PHASE_FUNCTION_ENTER) {
        uint16_t tag = type->is_tagged
                           ? (uint16_t)value_load_column(&record->run->columns[1], record->record)
                           : 0;

        call_enter(decode, calls, value_load_column(&record->run->columns[0], record->record), tag,
                   type->is_tagged ? 0 : CALL_UNTAGGED, record->ticks);
        mark->depth = calls->depth - (calls->depth > 0);
    } else if (type->is_function) {
        call_leave(calls, value_load_column(&record->run->columns[0], record->record),
                   record->ticks, mark);
    } else if (phase == ADA_PHASE_END) {
        call_leave(calls, type->scope, record->ticks, mark);
    } else {
        mark->depth = calls->depth;
        if (phase == ADA_PHASE_BEGIN)
            scope_enter(decode, calls, type->scope, record->ticks);
    }
}

/* ---- values ---- */

static void put_code(struct decode *decode, const struct trace_event *event, uint64_t address)
{
    decode_put_symbol(decode, decode_symbol(decode, event->thread, address, event->ticks));
}

static void put_enum(struct decode *decode, const struct ada_field *field, int64_t value)
{
    const char *label = value_label(field, value);

    if (label)
        out_put_escaped(&decode->out, text_plain, label, strlen(label));
    else
        decode->out.at = text_i64(out_room(&decode->out, FIELD_ROOM), value);
}

static void put_element(struct decode *decode, const struct trace_event *event,
                        const struct trace_value *v, unsigned element)
{
    struct out_buffer *out = &decode->out;
    char *at = out_room(out, FIELD_ROOM);

    switch (v->field->kind) {
    case ADA_KIND_UNSIGNED:
        out->at = text_u64(at, value_bits(v, element));
        break;
    case ADA_KIND_SIGNED:
        out->at = text_i64(at, value_signed(v, element));
        break;
    case ADA_KIND_BOOL:
        out->at = value_bits(v, element) ? text_bytes(at, "true", 4) : text_bytes(at, "false", 5);
        break;
    case ADA_KIND_POINTER:
        out->at = text_hex(at, value_bits(v, element));
        break;
    case ADA_KIND_CODE:
        put_code(decode, event, value_bits(v, element));
        break;
    case ADA_KIND_ENUM:
        put_enum(decode, v->field, value_signed(v, element));
        break;
    case ADA_KIND_DURATION:
        out->at = text_duration(at, trace_duration_ns(decode->trace, value_bits(v, element)), "");
        break;
    default: /* ADA_KIND_FLOAT: the reader lets no other kind pass */
        out->at = v->field->width == 4 ? text_float(at, (float)value_double(v, element))
                                       : text_double(at, value_double(v, element));
        break;
    }
}

static void put_value(struct decode *decode, const struct trace_event *event,
                      const struct trace_value *v)
{
    struct out_buffer *out = &decode->out;

    if (v->field->kind == ADA_KIND_STRING) {
        out_put_char(out, '"');
        out_put_escaped(out, text_escaped, (const char *)v->bytes, v->size);
        out_put_char(out, '"');
    } else if (v->field->kind == ADA_KIND_BYTES) {
        out_put_hex(out, v->bytes, v->size);
    } else if (v->field->count == 1) {
        put_element(decode, event, v, 0);
    } else {
        for (unsigned i = 0; i < v->field->count; i++) {
            out_put_char(out, i ? ',' : '[');
            put_element(decode, event, v, i);
        }
        out_put_char(out, ']');
    }
}

/* ---- lines ---- */

/* Neighbours in time differ in their last four digits only, as a rule: the others are kept. */
static char *text_time_anew(struct decode *decode, char *at, int64_t ns)
{
    char *end = text_seconds(at, ns, SECONDS_WIDTH);

    if (ns >= 0) {
        decode->time_size = (unsigned)(end - at) - TIME_DIGITS;
        memcpy(decode->time, at, decode->time_size);
        decode->time_ns = ns - ns % TIME_SPAN_NS;
    }
    return end;
}

static inline char *text_time(struct decode *decode, char *at, int64_t ns)
{
    uint64_t since = (uint64_t)ns - (uint64_t)decode->time_ns;

    if (__builtin_expect(since >= TIME_SPAN_NS || !decode->time_size, 0))
        return text_time_anew(decode, at, ns);
    at = text_bytes(at, decode->time, sizeof(decode->time)) - sizeof(decode->time);
    at = text_two_digits(at + decode->time_size, (uint32_t)since / 100);
    return text_two_digits(at, (uint32_t)since % 100);
}

/* Time, thread, indentation. Leaves LINE_ROOM for the caller to go on in. */
static char *line_start(struct decode *decode, int64_t ns, const struct decode_text *label,
                        unsigned depth)
{
    char *at = out_room(&decode->out, 2 * LINE_ROOM);

    if (decode->colour)
        at = text_bytes(at, DIM, sizeof(DIM) - 1);
    at = text_time(decode, at, ns);
    depth = depth < INDENT_MAX / INDENT_STEP ? depth : INDENT_MAX / INDENT_STEP;
    return text_copy_piece(at, label->bytes, label->size + INDENT_STEP * depth);
}

static void put_fields(struct decode *decode, const struct trace_event *event,
                       const struct decode_type *type, unsigned first)
{
    for (unsigned f = first; f < event->value_count; f++) {
        decode_put(decode, &type->fields[f]);
        put_value(decode, event, &event->values[f]);
    }
}

/* FIELD_ROOM. */
static char *text_call_end(const struct decode *decode, char *at, uint64_t ticks,
                           const struct decode_mark *mark)
{
    if (!mark->is_known)
        return at;
    at = text_bytes(at, "  ", 2);
    return text_duration(at, trace_duration_ns(decode->trace, ticks - mark->start_ticks), "");
}

/* The symbol, in what line_start() left; the few that are longer than that go the long way. */
static char *text_symbol(struct decode *decode, char *at, const struct symbol_text *symbol)
{
    if (__builtin_expect(symbol->text_size <= LINE_ROOM / 2, 1))
        return text_copy(at, symbol->text, symbol->text_size);
    decode->out.at = at;
    decode_put_symbol(decode, symbol);
    return out_room(&decode->out, LINE_ROOM);
}

/* Calls are nearly everything in most traces: straight from the columns. */
static bool text_quick(struct decode *decode, const struct trace_record *record,
                       const struct decode_type *type, const struct decode_text *label,
                       const struct decode_mark *mark)
{
    const struct symbol_text *symbol;
    bool enters = type->type->schema.phase == ADA_PHASE_FUNCTION_ENTER;
    unsigned shown = type->is_tagged ? 2 : 1; /* fields that the line tells without naming them */
    char *at;

    if (!type->is_function)
        return false;
    symbol =
        decode_symbol(decode, record->thread,
                      value_load_column(&record->run->columns[0], record->record), record->ticks);
    at = line_start(decode, trace_ns(decode->trace, record->ticks), label, mark->depth);
    at = text_symbol(decode, text_bytes(at, enters ? "> " : "< ", 2), symbol);
    at = text_call_end(decode, at, record->ticks, mark);
    if (__builtin_expect(type->type->schema.field_count > shown, 0)) {
        decode->out.at = at;
        trace_record_event(decode->trace, record, &decode->event);
        put_fields(decode, &decode->event, type, shown);
        at = out_room(&decode->out, 1);
    }
    *at++ = '\n';
    decode->out.at = at;
    return true;
}

static void scope_print(struct decode *decode, const struct trace_event *event,
                        const struct decode_type *type, const struct decode_text *label,
                        const struct decode_mark *mark)
{
    const char *arrow = type->type->schema.phase == ADA_PHASE_BEGIN ? "> " : "< ";

    decode->out.at = text_bytes(line_start(decode, event->ns, label, mark->depth), arrow, 2);
    decode_put(decode, &type->head);
    decode->out.at = text_call_end(decode, out_room(&decode->out, FIELD_ROOM), event->ticks, mark);
    put_fields(decode, event, type, 0);
    out_put_char(&decode->out, '\n');
}

static void format_print(struct decode *decode, const struct trace_event *event,
                         const struct decode_type *type)
{
    size_t size = event_format_render(&type->format, event, decode->scratch, DECODE_SCRATCH_BYTES);

    out_put(&decode->out, "  ", 2);
    out_put_escaped(&decode->out, text_plain, decode->scratch, size);
}

static void text_event(struct decode *decode, const struct trace_event *event,
                       const struct decode_type *type, const struct decode_text *label,
                       const struct decode_mark *mark)
{
    unsigned phase = type->type->schema.phase;

    if (phase == ADA_PHASE_BEGIN || phase == ADA_PHASE_END) {
        scope_print(decode, event, type, label, mark);
        return;
    }
    decode->out.at = line_start(decode, event->ns, label, mark->depth);
    decode_put(decode, &type->head);
    if (phase == ADA_PHASE_FORMAT)
        format_print(decode, event, type);
    else
        put_fields(decode, event, type, 0);
    out_put_char(&decode->out, '\n');
}

/* 0 bytes: nobody knows how many. */
static void text_gap(struct decode *decode, const struct trace_event *event,
                     const struct decode_text *label)
{
    const struct trace_gap *gap = &event->gap;
    char from[64], to[64], records[UNITS_MAX], bytes[UNITS_MAX];

    *text_seconds(from, trace_ns(decode->trace, gap->first_ticks), 0) = 0;
    *text_seconds(to, trace_ns(decode->trace, gap->last_ticks), 0) = 0;
    decode->out.at = line_start(decode, event->ns, label, 0);
    out_printf(&decode->out, "%s---- %s record%s %s here%s%s%s, from %s to %s ----%s\n",
               decode->colour ? RED : "", units_count(records, gap->records),
               gap->records == 1 ? "" : "s", decode_gap_kind(gap->kind), gap->bytes ? " (" : "",
               gap->bytes ? units_bytes(bytes, gap->bytes) : "", gap->bytes ? ")" : "", from, to,
               decode->colour ? RESET : "");
}

static void text_missed(struct decode *decode, int64_t ns, uint64_t records, uint64_t bytes)
{
    char count[UNITS_MAX], size[UNITS_MAX];

    decode->out.at = text_time(decode, out_room(&decode->out, LINE_ROOM), ns);
    out_printf(&decode->out, "  %s---- %s event%s (%s) passed while this was too slow ----%s\n",
               decode->colour ? RED : "", units_count(count, records), records == 1 ? "" : "s",
               units_bytes(size, bytes), decode->colour ? RESET : "");
}

const struct decode_format decode_format_text = {
    .escape = text_plain,
    .begin = text_begin,
    .type_add = text_type_add,
    .thread_add = text_thread_add,
    .missed = text_missed,
    .follow = text_follow,
    .quick = text_quick,
    .event = text_event,
    .gap = text_gap,
};
