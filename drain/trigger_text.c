/* SPDX-License-Identifier: Apache-2.0 */
/* What was met, in one line. Payloads are hostile: every length is read once, and what is no plain
 * character shows as a point. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "base/plain_text.h"
#include "drain/trigger_state.h"

enum { FIELDS_SHOWN = 8, TEXT_SHOWN = 60 };

struct text {
    char *at, *end; /* of the room, without the NUL's */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    size_t room = (size_t)(t->end - t->at) + 1;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(t->at, room, format, arguments);
    va_end(arguments);
    if (size > 0)
        t->at += (size_t)size < room ? (size_t)size : room - 1;
}

static uint64_t load(const unsigned char *bytes, unsigned width)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static void put_enum(struct text *t, const struct ada_field *field, int64_t value)
{
    for (unsigned i = 0; i < field->label_count; i++) {
        if (field->labels[i].value == value) {
            put(t, "%.60s", field->labels[i].name);
            return;
        }
    }
    put(t, "%" PRId64, value);
}

static void put_float(struct text *t, uint64_t bits, unsigned width)
{
    uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;

    memcpy(&wide, &bits, sizeof(wide));
    memcpy(&narrow, &low, sizeof(narrow));
    put(t, "%g", width == 4 ? (double)narrow : wide);
}

static void put_number(struct text *t, const struct ada_field *field, const unsigned char *bytes)
{
    unsigned width = field->width, shift = 64 - 8 * width;
    uint64_t bits = load(bytes, width);
    int64_t extended = (int64_t)(bits << shift) >> shift;

    switch ((enum ada_field_kind)field->kind) {
    case ADA_KIND_SIGNED:
        put(t, "%" PRId64, extended);
        break;
    case ADA_KIND_ENUM:
        put_enum(t, field, extended);
        break;
    case ADA_KIND_POINTER:
    case ADA_KIND_CODE:
        put(t, "0x%" PRIx64, bits);
        break;
    case ADA_KIND_FLOAT:
        put_float(t, bits, width);
        break;
    case ADA_KIND_BOOL:
        put(t, "%s", bits ? "true" : "false");
        break;
    default:
        put(t, "%" PRIu64, bits);
        break;
    }
}

static void put_string(struct text *t, const unsigned char *bytes, uint32_t size)
{
    uint32_t shown = size < TEXT_SHOWN ? size : TEXT_SHOWN;

    put(t, "\"");
    for (uint32_t i = 0; i < shown; i++)
        put(t, "%c", bytes[i] ? bytes[i] : '.');
    put(t, shown < size ? "...\"" : "\"");
}

/* Moves *at behind a string or bytes. False: it does not lie in the payload. */
static bool variable_find(const unsigned char *payload, uint32_t size, uint32_t *at,
                          const unsigned char **bytes, uint32_t *length)
{
    if (*at > size || size - *at < sizeof(*length))
        return false;
    *length = le32_load(payload + *at);
    *at += (uint32_t)sizeof(*length);
    if (*length > size - *at)
        return false;
    *bytes = payload + *at;
    *at += *length;
    return true;
}

static void put_fields(struct text *t, const struct schema *schema, const unsigned char *payload,
                       uint32_t size)
{
    uint32_t variable, fixed_at = 0, variable_at = schema_fixed_bytes(schema, &variable);

    for (unsigned i = 0; i < schema->field_count && i < FIELDS_SHOWN; i++) {
        const struct ada_field *field = &schema->fields[i];
        const unsigned char *bytes;
        uint32_t length;

        put(t, "%s%.60s ", i ? ", " : ": ", field->name);
        if (!field->width) {
            if (!variable_find(payload, size, &variable_at, &bytes, &length))
                return;
            put_string(t, bytes, length);
            continue;
        }
        if (fixed_at + (uint32_t)field->width * field->count > size)
            return;
        put_number(t, field, payload + fixed_at);
        put(t, field->count > 1 ? "..." : "");
        fixed_at += (uint32_t)field->width * field->count;
    }
    if (schema->field_count > FIELDS_SHOWN)
        put(t, ", ...");
}

void trigger_event_print(const struct drain *d, const struct trigger_event *event, char *out,
                         size_t size)
{
    const struct expression_event *values = event->values;
    struct text t = {out, out + size - 1};
    int64_t ns = triggers_time_ns(d, event->ticks);

    put(&t, "%s:%s", event->schema->provider, event->schema->name);
    if (event->thread)
        put(&t, " of thread %s/%u", event->thread->name, event->thread->tid);
    if (event->process)
        put(&t, " of process %u", event->process->pid);
    put(&t, " at %" PRId64 ".%06" PRId64 " s", ns / 1000000000, ns % 1000000000 / 1000);
    if (values->has_duration)
        put(&t, ", %safter %" PRIu64 ".%03" PRIu64 " ms", event->is_open ? "still open " : "",
            values->duration_ns / 1000000, values->duration_ns % 1000000 / 1000);
    put_fields(&t, event->schema, values->payload, values->payload_bytes);
    plain_text(out, '.'); /* it goes to terminals */
}
