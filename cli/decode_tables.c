/* SPDX-License-Identifier: Apache-2.0 */
/* What a format copies from: one row per type and per thread. */
#include <errno.h>
#include <stdlib.h>

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
    free(decode->calls);
    free(decode->scratch);
    symbol_cache_fini(&decode->symbols);
    thread_index_fini(&decode->thread_index);
}
