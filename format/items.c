/* SPDX-License-Identifier: Apache-2.0 */
#include "format/items.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/le.h"
#include "format/block_header.h"

enum value_kind {
    VALUE_END = 0,
    VALUE_U32,
    VALUE_U64,
    VALUE_BOOL,
    VALUE_STRING,
    VALUE_SCHEMA,
    VALUE_LATER, /* a string that the first version did not have: left out while it is empty */
};

/* Where a value of the body lives in its struct. */
struct value {
    uint8_t kind;
    uint16_t offset;
};

#define U32(type, member)                        \
    {                                            \
        VALUE_U32, offsetof(struct type, member) \
    }
#define U64(type, member)                        \
    {                                            \
        VALUE_U64, offsetof(struct type, member) \
    }
#define BOOL(type, member)                        \
    {                                             \
        VALUE_BOOL, offsetof(struct type, member) \
    }
#define STRING(type, member)                        \
    {                                               \
        VALUE_STRING, offsetof(struct type, member) \
    }

#define LATER(type, member)                        \
    {                                              \
        VALUE_LATER, offsetof(struct type, member) \
    }

enum { VALUES_MAX = 16 };

/* The order of the file. Later versions append; nothing is ever moved or taken out. */
static const struct value layouts[ITEM_KIND_LAST + 1][VALUES_MAX] = {
    [ITEM_RECORDING] = {U32(trace_recording, cpu_count), U32(trace_recording, page_bytes),
                        U64(trace_recording, ticks_per_second),
                        STRING(trace_recording, adatrace_version), STRING(trace_recording, host),
                        STRING(trace_recording, kernel), STRING(trace_recording, cpu),
                        STRING(trace_recording, command), STRING(trace_recording, directory),
                        STRING(trace_recording, clock_source), STRING(trace_recording, policy),
                        LATER(trace_recording, boot_id), LATER(trace_recording, session)},
    [ITEM_CLOCK] = {U64(trace_clock_pair, ticks), U64(trace_clock_pair, monotonic_ns),
                    U64(trace_clock_pair, realtime_ns), U64(trace_clock_pair, uncertainty_ns)},
    [ITEM_PROCESS] = {U32(trace_process, process), U32(trace_process, parent),
                      U32(trace_process, pid), U64(trace_process, start_ticks),
                      U64(trace_process, start_time), U64(trace_process, image),
                      STRING(trace_process, executable), STRING(trace_process, command)},
    [ITEM_PROCESS_END] = {U32(trace_process_end, process), U32(trace_process_end, status),
                          U64(trace_process_end, end_ticks)},
    [ITEM_THREAD] = {U32(trace_thread, thread), U32(trace_thread, process), U32(trace_thread, tid),
                     U64(trace_thread, start_ticks), U64(trace_thread, ring_bytes),
                     STRING(trace_thread, name)},
    [ITEM_LEDGER] = {U32(trace_ledger, thread), BOOL(trace_ledger, final),
                     U64(trace_ledger, written), U64(trace_ledger, written_bytes),
                     U64(trace_ledger, dropped), U64(trace_ledger, dropped_bytes),
                     U64(trace_ledger, overwritten), U64(trace_ledger, overwritten_bytes),
                     U64(trace_ledger, damaged), U64(trace_ledger, nested),
                     U64(trace_ledger, high_water_bytes), U64(trace_ledger, stored)},
    [ITEM_TYPE] = {U32(item_type, type), {VALUE_SCHEMA, 0}},
    [ITEM_MODULE] = {U32(trace_module, module), U32(trace_module, process), U64(trace_module, base),
                     U64(trace_module, end), U64(trace_module, bias), U64(trace_module, from_ticks),
                     U64(trace_module, to_ticks), STRING(trace_module, path),
                     STRING(trace_module, build_id)},
    [ITEM_SYMBOL] = {U32(trace_symbol, process), U32(trace_symbol, module), U32(trace_symbol, line),
                     U64(trace_symbol, address), U64(trace_symbol, start),
                     U64(trace_symbol, from_ticks), U64(trace_symbol, to_ticks),
                     STRING(trace_symbol, name), STRING(trace_symbol, file)},
    [ITEM_NOTE] = {U32(trace_note, kind), U32(trace_note, process), U64(trace_note, ticks),
                   STRING(trace_note, text)},
};

/* ---- encoding ---- */

static int number_append(struct byte_buffer *out, uint64_t number, unsigned width)
{
    unsigned char bytes[8];

    le64_store(bytes, number);
    return byte_buffer_append(out, bytes, width);
}

static int text_append(struct byte_buffer *out, const void *text, size_t size)
{
    int status = number_append(out, size, 4);

    return status ? status : byte_buffer_append(out, text, size);
}

static int value_append(struct byte_buffer *out, const struct value *value, const void *record)
{
    const void *member = (const char *)record + value->offset;
    const struct item_type *type = record;
    const char *text;
    uint32_t u32;
    uint64_t u64;

    switch (value->kind) {
    case VALUE_U32: /* also int32_t: same size, two's complement */
        memcpy(&u32, member, sizeof(u32));
        return number_append(out, u32, 4);
    case VALUE_U64:
        memcpy(&u64, member, sizeof(u64));
        return number_append(out, u64, 8);
    case VALUE_BOOL:
        return number_append(out, *(const bool *)member, 4);
    case VALUE_STRING:
    case VALUE_LATER:
        memcpy(&text, member, sizeof(text));
        return text_append(out, text, text ? strnlen(text, ITEM_STRING_BYTES_MAX) : 0);
    default:
        return text_append(out, type->schema, type->schema_bytes);
    }
}

/* Is there anything to write from here on, where the first version had ended? */
static bool later_is_empty(const struct value *from, const void *record)
{
    const char *text;

    for (const struct value *v = from; v->kind == VALUE_LATER; v++) {
        memcpy(&text, (const char *)record + v->offset, sizeof(text));
        if (text && *text)
            return false;
    }
    return true;
}

int item_append(struct byte_buffer *out, enum item_kind kind, const void *record)
{
    size_t start = out->size;
    int status = byte_buffer_reserve(out, ITEM_HEADER_BYTES);

    if (status != 0)
        return status;
    out->size += ITEM_HEADER_BYTES;
    for (const struct value *v = layouts[kind]; v->kind != VALUE_END && status == 0; v++) {
        if (v->kind == VALUE_LATER && later_is_empty(v, record))
            break;
        status = value_append(out, v, record);
    }
    if (status != 0) {
        out->size = start;
        return status;
    }
    le16_store(out->bytes + start, (uint16_t)kind);
    le16_store(out->bytes + start + 2, 0);
    le32_store(out->bytes + start + 4, (uint32_t)(out->size - start - ITEM_HEADER_BYTES));
    return 0;
}

/* ---- decoding: untrusted ---- */

int64_t item_next(const void *bytes, size_t size, struct item_view *view)
{
    const unsigned char *at = bytes;

    if (size < ITEM_HEADER_BYTES)
        return -EBADMSG;
    view->kind = le16_load(at);
    view->body_bytes = le32_load(at + 4);
    view->body = at + ITEM_HEADER_BYTES;
    if (view->body_bytes > size - ITEM_HEADER_BYTES)
        return -EBADMSG;
    return (int64_t)view->body_bytes + ITEM_HEADER_BYTES;
}

struct body {
    const unsigned char *at, *end;
};

static const unsigned char *body_take(struct body *body, size_t size)
{
    const unsigned char *at = body->at;

    if ((size_t)(body->end - body->at) < size)
        return NULL;
    body->at += size;
    return at;
}

static int text_take(struct body *body, const unsigned char **text, uint32_t *size)
{
    const unsigned char *at = body_take(body, 4);

    if (!at)
        return -EBADMSG;
    *size = le32_load(at);
    *text = body_take(body, *size);
    return *text ? 0 : -EBADMSG;
}

static int text_decode(struct body *body, const struct value *value, void *record,
                       struct string_arena *arena)
{
    struct item_type *type = record;
    const unsigned char *text;
    const char *copy;
    uint32_t size;
    int status = text_take(body, &text, &size);

    if (status != 0 && value->kind == VALUE_LATER) { /* the first version ended here */
        text = body->at = body->end;
        size = 0;
    } else if (status != 0) {
        return status;
    }
    if (value->kind == VALUE_SCHEMA) {
        type->schema = text;
        type->schema_bytes = size;
        return 0;
    }
    if (size > ITEM_STRING_BYTES_MAX)
        return -EBADMSG;
    copy = string_arena_copy(arena, text, size);
    if (!copy)
        return -ENOMEM;
    memcpy((char *)record + value->offset, &copy, sizeof(copy));
    return 0;
}

static int value_decode(struct body *body, const struct value *value, void *record,
                        struct string_arena *arena)
{
    void *member = (char *)record + value->offset;
    const unsigned char *at;
    uint32_t u32;
    uint64_t u64;

    if (value->kind >= VALUE_STRING)
        return text_decode(body, value, record, arena);
    at = body_take(body, value->kind == VALUE_U64 ? 8 : 4);
    if (!at)
        return -EBADMSG;
    if (value->kind == VALUE_U64) {
        u64 = le64_load(at);
        memcpy(member, &u64, sizeof(u64));
    } else if (value->kind == VALUE_U32) {
        u32 = le32_load(at);
        memcpy(member, &u32, sizeof(u32));
    } else {
        *(bool *)member = le32_load(at) != 0;
    }
    return 0;
}

int item_decode(const struct item_view *view, void *record, struct string_arena *arena)
{
    struct body body = {view->body, view->body + view->body_bytes};
    int status = 0;

    if (view->kind < ITEM_RECORDING || view->kind > ITEM_KIND_LAST)
        return -ENOENT;
    for (const struct value *v = layouts[view->kind]; v->kind != VALUE_END && status == 0; v++)
        status = value_decode(&body, v, record, arena);
    return status;
}
