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
    struct expression_program **programs; /* by type */
    size_t type_count;                    /* of those that were looked at */
    struct expression_program *gap_program;
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
    for (size_t n = 0; n < w->type_count; n++)
        expression_program_free(w->programs[n]);
    expression_program_free(w->gap_program);
    free(w->programs);
    expression_free(w->expression);
    free(w);
}

/* ---- a trace ---- */

/* As the clock pairs have it, on the average. */
static uint64_t ticks_per_second(const struct trace *trace)
{
    uint64_t ticks = trace_recording(trace)->ticks_per_second * 64;
    uint64_t ns = ticks ? trace_duration_ns(trace, ticks) : 0;

    double rate = ns ? (double)ticks * 1e9 / (double)ns + 0.5 : 0;

    return rate < 0x1p64 ? (uint64_t)rate : UINT64_MAX; /* pairs can say anything */
}

static int program_bind(struct where *w, const struct schema *schema,
                        const struct expression_binding *binding, struct expression_program **out)
{
    struct expression_error error;
    int status = expression_bind(w->expression, schema, binding, out, &error);

    if (status == -EINVAL)
        return where_refuse("--where", expression_text(w->expression), &error);
    if (status)
        return message_failure(status, "--where");
    if (*out && expression_needs(*out) & EXPRESSION_NEEDS_DURATION)
        w->needs_calls = true;
    return STATUS_GOOD;
}

int where_bind(struct where *w, const struct trace *trace)
{
    struct expression_program **programs;
    struct expression_binding binding;
    size_t count = trace_type_count(trace);
    int status = STATUS_GOOD;

    if (!w || (w->trace && w->type_count == count))
        return STATUS_GOOD;
    programs = reallocarray(w->programs, count + 1, sizeof(struct expression_program *));
    if (!programs)
        return message_failure(ENOMEM, "--where");
    w->programs = programs;
    binding = (struct expression_binding){.ticks_per_second = ticks_per_second(trace),
                                          .has_symbols = true};
    if (!w->trace)
        status = program_bind(w, &own_event_types[OWN_GAP], &binding, &w->gap_program);
    w->trace = trace;
    while (!status && w->type_count < count) {
        const struct trace_type *type = trace_type_at(trace, w->type_count);

        w->programs[w->type_count] = NULL;
        status = program_bind(w, &type->schema, &binding, &w->programs[w->type_count]);
        w->type_count++;
    }
    return status;
}

void where_say_unmet(const struct where *w)
{
    struct expression_error error;

    if (w && expression_unmet(w->expression, &error))
        (void)where_refuse("--where", expression_text(w->expression), &error);
}

bool where_needs_calls(const struct where *w)
{
    return w && w->needs_calls;
}

/* ---- events ---- */

struct asked {
    const struct where *where;
    struct symbol_cache *symbols;
    const struct trace_record *record;
};

static const char *symbol_at(const struct asked *asked, uint64_t address)
{
    const struct symbol_text *found = symbol_cache_find(
        asked->symbols, asked->record->thread->process, address, asked->record->ticks);

    return found && found->symbol && found->symbol->name[0] ? found->symbol->name : NULL;
}

static const char *symbol_name(void *context, uint64_t address, uint32_t *size)
{
    const char *name = symbol_at(context, address);

    if (name)
        *size = (uint32_t)strlen(name);
    return name;
}

static bool function_is_slow(void *context, unsigned n, uint64_t address)
{
    const struct asked *asked = context;
    const char *name = symbol_at(asked, address);

    return name && function_name_fits(expression_slow_at(asked->where->expression, n), name);
}

static struct expression_emitter emitter_of(const struct where *w,
                                            const struct expression_program *program,
                                            const struct trace_thread *thread)
{
    struct expression_emitter emitter = {.thread = thread->name, .tid = thread->tid, .process = ""};
    const struct trace_process *process = NULL;
    const char *slash;

    if (expression_needs(program) & EXPRESSION_NEEDS_PROCESS)
        process = trace_process_by_number(w->trace, thread->process);
    if (process) {
        slash = strrchr(process->executable, '/');
        emitter.process = slash ? slash + 1 : process->executable;
        emitter.pid = process->pid;
    }
    return emitter;
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

    bool fits;

    event->payload = (const unsigned char *)&payload;
    event->payload_bytes = sizeof(payload);
    fits = expression_fits(program, event);
    event->payload = NULL; /* it ends here */
    event->payload_bytes = 0;
    return fits;
}

bool where_fits(const struct where *w, struct symbol_cache *symbols,
                const struct trace_record *record, const struct where_call *call)
{
    const struct expression_program *program =
        record->run ? w->programs[record->run->type->index] : w->gap_program;
    struct asked asked = {.where = w, .symbols = symbols, .record = record};
    struct expression_value values[SCHEMA_FIELDS_MAX];
    struct expression_emitter emitter;
    struct expression_event event = {
        .emitter = &emitter, .context = &asked, .symbol = symbol_name, .is_slow = function_is_slow};

    if (!program)
        return false;
    emitter = emitter_of(w, program, record->thread);
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
