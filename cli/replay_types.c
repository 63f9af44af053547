/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADA_NEVER_UNLOADED
#include <adatrace/adatrace.h>

#include "base/clock_source.h"

/* ---- types ---- */

/* A format without arguments: the tracer looks into it for itself, and wants room for them. */
static struct ada_field *format_room(void)
{
    return calloc(ADA_PRINTF_ARGUMENTS_MAX, sizeof(struct ada_field));
}

static bool type_register(struct ada_event *event, const struct schema *schema)
{
    bool bare_format = schema->phase == ADA_PHASE_FORMAT && !schema->field_count;

    *event = (struct ada_event){
        .provider = schema->provider,
        .name = schema->name,
        .format = schema->format && *schema->format ? schema->format : NULL,
        .file = schema->file,
        .fields = bare_format ? format_room() : schema->fields,
        .field_count = schema->field_count,
        .line = schema->line,
        .phase = schema->phase,
        .level = schema->level,
    };
    /* A format that asks for more than the trace has would be another type. */
    return ada_event_register(event) == 0 && event->field_count == schema->field_count;
}

int replay_types_make(struct replay_types *types, const struct trace *trace)
{
    size_t count = trace_type_count(trace);

    *types = (struct replay_types){
        .events = calloc(count + 1, sizeof(*types->events)),
        .usable = calloc(count + 1, sizeof(*types->usable)),
        .count = count,
        .ticks_per_second = clock_source_rate(clock_source_choose(0)),
    };
    if (!types->events || !types->usable)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        types->usable[i] = type_register(&types->events[i], &trace_type_at(trace, i)->schema);
    return 0;
}

void replay_types_free(struct replay_types *types)
{
    for (size_t i = 0; types->events && i < types->count; i++)
        ada_event_unregister(&types->events[i]);
    free(types->events);
    free(types->usable);
    *types = (struct replay_types){0};
}

/* ---- payloads: fixed-width fields, then the others with their lengths ---- */

size_t replay_payload_bytes(const struct trace_event *event)
{
    size_t bytes = 0;

    for (unsigned f = 0; f < event->value_count; f++)
        bytes += event->values[f].size + (event->values[f].field->width ? 0 : sizeof(uint32_t));
    return bytes;
}

static void duration_put(const struct replay_types *types, const struct trace *trace,
                         const struct trace_value *value, unsigned char *out)
{
    unsigned width = value->field->width;
    uint64_t most = UINT64_MAX >> (64 - 8 * width);

    for (unsigned i = 0; i < value->field->count; i++, out += width) {
        uint64_t ns = trace_duration_ns(trace, trace_value_unsigned(value, i));
        double ticks = (double)ns * (double)types->ticks_per_second / 1e9 + 1; /* not less */
        uint64_t number = ticks < (double)most ? (uint64_t)ticks : most;

        memcpy(out, &number, width); /* the tracer's order is the machine's, little-endian */
    }
}

void replay_payload_put(const struct replay_types *types, const struct trace *trace,
                        const struct trace_event *event, unsigned char *out)
{
    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_value *value = &event->values[f];

        if (!value->field->width)
            continue;
        if (value->field->kind == ADA_KIND_DURATION)
            duration_put(types, trace, value, out);
        else
            memcpy(out, value->bytes, value->size);
        out += value->size;
    }
    for (unsigned f = 0; f < event->value_count; f++) {
        const struct trace_value *value = &event->values[f];

        if (value->field->width)
            continue;
        memcpy(out, &value->size, sizeof(value->size));
        memcpy(out + sizeof(value->size), value->bytes, value->size);
        out += sizeof(value->size) + value->size;
    }
}
