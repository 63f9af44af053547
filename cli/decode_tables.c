/* SPDX-License-Identifier: Apache-2.0 */
/* What a format copies from: one row per type and per thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "cli/decode.h"
#include "cli/type_names.h"

static int type_prepare(const struct decode *decode, struct decode_type *type)
{
    const struct schema *schema = &type->type->schema;
    const struct ada_field *fields = schema->fields;
    bool enters = schema->phase == ADA_PHASE_FUNCTION_ENTER;

    type->is_function = (enters || schema->phase == ADA_PHASE_FUNCTION_EXIT) &&
                        schema->field_count && fields[0].kind == ADA_KIND_CODE &&
                        fields[0].count == 1;
    type->is_tagged = type->is_function && enters && schema->field_count > 1 && fields[1].width &&
                      fields[1].count == 1;
    type->selected = glob_list_match(decode->filter->events, type->type->full_name);
    type->fields = calloc(schema->field_count + 1u, sizeof(*type->fields));
    if (!type->fields)
        return -ENOMEM;
    if (schema->phase != ADA_PHASE_FORMAT)
        return 0;
    return event_format_parse(&type->format, schema->format ? schema->format : "");
}

/* ---- while the trace grows ---- */

/* The first type of this name stands for all of them. */
static uint64_t scope_of(const struct decode *decode, const char *name)
{
    size_t n = 0;

    while (strcmp(decode->types[n].type->full_name, name) != 0)
        n++;
    return DECODE_SCOPE_KEY | n;
}

static int types_grow(struct decode *decode, const struct decode_format *format)
{
    size_t count = trace_type_count(decode->trace), n = decode->type_count;
    struct decode_type *types;
    int status = 0;

    if (count == n)
        return 0;
    types = reallocarray(decode->types, count + 1, sizeof(*types));
    if (!types)
        return -ENOMEM;
    memset(types + n, 0, (count + 1 - n) * sizeof(*types));
    decode->types = types;
    for (; n < count && !status; n++) {
        types[n].type = trace_type_at(decode->trace, n);
        decode->type_count = n + 1;
        types[n].scope = scope_of(decode, types[n].type->full_name);
        status = type_prepare(decode, &types[n]);
        if (!status)
            status = format->type_add(decode, n);
    }
    return status;
}

/* All three tables have a row more than there are threads. */
static int thread_rows_make(struct decode *decode, size_t from, size_t count)
{
    size_t named = decode->label_names ? from : 0; /* none: all labels are made anew */
    void *labels = reallocarray(decode->labels, count + 1, sizeof(*decode->labels)), *calls, *names;

    if (labels)
        decode->labels = labels;
    calls = reallocarray(decode->calls, count + 1, sizeof(*decode->calls));
    if (calls)
        decode->calls = calls;
    names = reallocarray(decode->label_names, count + 1, sizeof(*decode->label_names));
    if (names)
        decode->label_names = names;
    if (!labels || !calls || !names)
        return -ENOMEM;
    memset(decode->labels + from, 0, (count + 1 - from) * sizeof(*decode->labels));
    memset(decode->calls + from, 0, (count + 1 - from) * sizeof(*decode->calls));
    memset(decode->label_names + named, 0, (count + 1 - named) * sizeof(*decode->label_names));
    return 0;
}

static int label_refresh(struct decode *decode, const struct decode_format *format, size_t n,
                         const struct trace_thread *thread)
{
    if (decode->label_names[n] == thread->name)
        return 0;
    free((char *)decode->labels[n].bytes);
    decode->labels[n] = (struct decode_text){0};
    decode->label_names[n] = thread->name;
    return format->thread_add(decode, n);
}

static int threads_grow(struct decode *decode)
{
    size_t from = decode->thread_index.count, count = from;
    const struct trace_thread *thread;
    int status;

    while (trace_thread_at(decode->trace, count))
        count++;
    if (count == from)
        return 0;
    status = thread_rows_make(decode, from, count);
    for (size_t n = from; n < count && !status; n++) {
        thread = trace_thread_at(decode->trace, n);
        status = thread_index_add(&decode->thread_index, decode->trace, thread->thread);
    }
    return status;
}

int decode_grow(struct decode *decode, const struct decode_format *format,
                const struct trace_batch *batch)
{
    const struct trace_thread *last = NULL;
    int status = types_grow(decode, format);

    if (!status && !decode->label_names)
        status = thread_rows_make(decode, decode->thread_index.count, decode->thread_index.count);
    if (!status)
        status = threads_grow(decode);
    for (size_t i = 0; i < batch->count && !status; i++) {
        const struct trace_thread *thread = batch->records[i].thread;

        if (thread == last)
            continue;
        last = thread;
        status = label_refresh(decode, format,
                               thread_index_find(&decode->thread_index, thread->thread), thread);
    }
    return status;
}

/* ---- all at once ---- */

static int types_prepare(struct decode *decode)
{
    uint32_t *names = type_names_make(decode->trace);
    int status = names ? 0 : -ENOMEM;

    decode->type_count = trace_type_count(decode->trace);
    decode->types = calloc(decode->type_count + 1, sizeof(*decode->types));
    if (!decode->types)
        status = -ENOMEM;
    for (size_t n = 0; decode->types && n < decode->type_count; n++)
        decode->types[n].type = trace_type_at(decode->trace, n);
    for (size_t n = 0; !status && n < decode->type_count; n++) {
        decode->types[n].scope = DECODE_SCOPE_KEY | names[n];
        status = type_prepare(decode, &decode->types[n]);
    }
    free(names);
    return status;
}

int decode_prepare(struct decode *decode, const struct decode_format *format)
{
    int status = thread_index_build(&decode->thread_index, decode->trace);

    if (!status)
        status = symbol_cache_init(&decode->symbols, decode->trace, format->escape);
    if (status)
        return status;
    decode->scratch = malloc(DECODE_SCRATCH_BYTES);
    decode->labels = calloc(decode->thread_index.count + 1, sizeof(*decode->labels));
    decode->calls = calloc(decode->thread_index.count + 1, sizeof(*decode->calls));
    if (!decode->scratch || !decode->labels || !decode->calls)
        return -ENOMEM;
    status = types_prepare(decode);
    return status ? status : format->begin(decode);
}

static void type_release(struct decode_type *type)
{
    for (unsigned f = 0; type->fields && f < type->type->schema.field_count; f++)
        free((char *)type->fields[f].bytes);
    free((char *)type->head.bytes);
    free(type->fields);
    free(type->cells);
    event_format_fini(&type->format);
}

void decode_release(struct decode *decode)
{
    for (size_t n = 0; decode->types && n < decode->type_count; n++)
        type_release(&decode->types[n]);
    for (size_t n = 0; decode->labels && n < decode->thread_index.count; n++)
        free((char *)decode->labels[n].bytes);
    for (size_t n = 0; decode->calls && n < decode->thread_index.count; n++)
        call_stack_fini(&decode->calls[n].stack);
    free(decode->types);
    free(decode->labels);
    free(decode->label_names);
    free(decode->calls);
    free(decode->scratch);
    symbol_cache_fini(&decode->symbols);
    thread_index_fini(&decode->thread_index);
}
