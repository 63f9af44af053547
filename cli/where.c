/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/function_name.h"
#include "base/own_event.h"
#include "cli/message.h"
#include "cli/status.h"

struct where {
    struct expression *expression;
    const struct trace *trace;
    struct expression_program **programs; /* by type; the last is that of gaps */
    size_t type_count;
    struct expression_emitter *emitters; /* by thread */
    size_t thread_count;
    bool needs_calls;
};

int where_refuse(const char *option, const char *text, const struct expression_error *error)
{
    char shown[EXPRESSION_SHOWN_MAX];

    message_print("%s: %s", option, error->message);
    fputs(expression_error_show(error, text, shown), stderr);
    return STATUS_MISUSE;
}

int where_parse(struct where **out, const char *text)
{
    struct expression_error error;
    int status;

    *out = NULL;
    if (!text)
        return STATUS_GOOD;
    *out = calloc(1, sizeof(**out));
    status = *out ? expression_parse(&(*out)->expression, text, &error) : -ENOMEM;
    if (!status)
        return STATUS_GOOD;
    free(*out);
    *out = NULL;
    return status == -EINVAL ? where_refuse("--where", text, &error)
                             : message_failure(status, "--where");
}

void where_free(struct where *w)
{
    if (!w)
        return;
    for (size_t n = 0; w->programs && n <= w->type_count; n++)
        expression_program_free(w->programs[n]);
    free(w->programs);
    free(w->emitters);
    expression_free(w->expression);
    free(w);
}

/* ---- a trace ---- */

static int emitters_make(struct where *w)
{
    const struct trace_thread *thread;

    while (trace_thread_at(w->trace, w->thread_count))
        w->thread_count++;
    w->emitters = calloc(w->thread_count + 1, sizeof(*w->emitters));
    if (!w->emitters)
        return -ENOMEM;
    for (size_t n = 0; (thread = trace_thread_at(w->trace, n)); n++) {
        const struct trace_process *process = trace_process_by_number(w->trace, thread->process);
        const char *path = process ? process->executable : "", *slash = strrchr(path, '/');

        w->emitters[n] = (struct expression_emitter){.thread = thread->name,
                                                     .process = slash ? slash + 1 : path,
                                                     .tid = thread->tid,
                                                     .pid = process ? process->pid : 0};
    }
    return 0;
}

/* As the clock pairs have it, on the average. */
static uint64_t ticks_per_second(const struct trace *trace)
{
    uint64_t ticks = trace_recording(trace)->ticks_per_second * 64;
    uint64_t ns = ticks ? trace_duration_ns(trace, ticks) : 0;

    return ns ? (uint64_t)((double)ticks * 1e9 / (double)ns + 0.5) : 0;
}

static int program_bind(struct where *w, size_t n, const struct schema *schema,
                        const struct expression_binding *binding)
{
    struct expression_error error;
    int status = expression_bind(w->expression, schema, binding, &w->programs[n], &error);

    if (status == -EINVAL)
        return where_refuse("--where", expression_text(w->expression), &error);
    if (status)
        return message_failure(status, "--where");
    if (w->programs[n] && expression_needs(w->programs[n]) & EXPRESSION_NEEDS_DURATION)
        w->needs_calls = true;
    return STATUS_GOOD;
}

int where_bind(struct where *w, const struct trace *trace)
{
    const struct expression_binding binding = {.ticks_per_second = ticks_per_second(trace),
                                               .has_symbols = true};
    struct expression_error error;
    int status;

    if (!w)
        return STATUS_GOOD;
    w->trace = trace;
    w->type_count = trace_type_count(trace);
    w->programs = calloc(w->type_count + 1, sizeof(struct expression_program *));
    if (!w->programs || emitters_make(w))
        return message_failure(ENOMEM, "--where");
    status = program_bind(w, w->type_count, &own_event_types[OWN_GAP], &binding);
    for (size_t n = 0; n < w->type_count && !status; n++)
        status = program_bind(w, n, &trace_type_at(trace, n)->schema, &binding);
    if (!status && expression_unmet(w->expression, &error))
        (void)where_refuse("--where", expression_text(w->expression), &error);
    return status;
}

bool where_needs_calls(const struct where *w)
{
    return w && w->needs_calls;
}

/* ---- events ---- */

struct asked {
    const struct where *where;
    const struct trace_record *record;
};

static const struct trace_symbol *symbol_at(const struct asked *asked, uint64_t address)
{
    return trace_symbol_find(asked->where->trace, asked->record->thread->process, address,
                             asked->record->ticks);
}

static const char *symbol_name(void *context, uint64_t address, uint32_t *size)
{
    const struct trace_symbol *symbol = symbol_at(context, address);

    if (!symbol || !symbol->name[0])
        return NULL;
    *size = (uint32_t)strlen(symbol->name);
    return symbol->name;
}

static bool function_is_slow(void *context, unsigned n, uint64_t address)
{
    const struct asked *asked = context;
    const struct trace_symbol *symbol = symbol_at(asked, address);

    return symbol &&
           function_name_fits(expression_slow_at(asked->where->expression, n), symbol->name);
}

static struct expression_value column_value(const struct trace_column *column, size_t record)
{
    size_t bytes = (size_t)column->field->width * column->field->count;

    if (bytes)
        return (struct expression_value){column->bytes + record * bytes, (uint32_t)bytes};
    return (struct expression_value){column->bytes + column->offsets[record],
                                     column->offsets[record + 1] - column->offsets[record]};
}

static bool gap_fits(const struct expression_program *program, const struct trace_gap *gap,
                     struct expression_event *event)
{
    const struct own_gap payload = {
        .records = gap->records, .bytes = gap->bytes, .kind = (int32_t)gap->kind};

    event->payload = (const unsigned char *)&payload;
    event->payload_bytes = sizeof(payload);
    return expression_fits(program, event);
}

bool where_fits(const struct where *w, const struct trace_record *record, uint32_t thread,
                const struct where_call *call)
{
    size_t type = record->run ? record->run->type->index : w->type_count;
    const struct expression_program *program = w->programs[type];
    struct asked asked = {.where = w, .record = record};
    struct expression_value values[SCHEMA_FIELDS_MAX];
    struct expression_event event = {
        .context = &asked, .symbol = symbol_name, .is_slow = function_is_slow};

    if (!program)
        return false;
    event.emitter = &w->emitters[thread];
    if (expression_needs(program) & EXPRESSION_NEEDS_TIME)
        event.time_ns = trace_ns(w->trace, record->ticks);
    if (!record->run)
        return gap_fits(program, record->gap, &event);
    if (call->is_known) {
        event.has_duration = true;
        event.duration_ns = trace_duration_ns(w->trace, record->ticks - call->start_ticks);
    }
    for (uint32_t left = expression_fields(program); left; left &= left - 1) {
        unsigned f = (unsigned)__builtin_ctz(left);

        values[f] = column_value(&record->run->columns[f], record->record);
    }
    event.values = values;
    return expression_fits(program, &event);
}
