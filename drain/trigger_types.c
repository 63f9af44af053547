/* SPDX-License-Identifier: Apache-2.0 */
/* Which types of an image some trigger looks at, and their records. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/le.h"
#include "drain/trigger_state.h"

/* ---- types ---- */

static uint64_t name_hash(const struct schema *schema)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (const char *c = schema->provider; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    for (const char *c = schema->name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_slow_scope(const struct triggers *all, const struct schema *schema)
{
    char full[2 * SCHEMA_NAME_MAX + 2];

    snprintf(full, sizeof(full), "%s:%s", schema->provider, schema->name);
    for (unsigned n = 0; n < all->slow_count; n++)
        if (glob_match(all->slow[n], strlen(all->slow[n]), schema->name) ||
            glob_match(all->slow[n], strlen(all->slow[n]), full))
            return true;
    return false;
}

static bool has_address(const struct schema *schema)
{
    return schema->field_count && schema->fields[0].kind == ADA_KIND_CODE &&
           schema->fields[0].count == 1;
}

/* What its records mean for slow(), if any does. */
static void role_find(const struct triggers *all, struct trigger_type *type)
{
    const struct schema *schema = &type->schema.schema;

    type->scope = name_hash(schema);
    switch (schema->phase) {
    case ADA_PHASE_BEGIN:
        type->role = is_slow_scope(all, schema) ? ROLE_SCOPE_BEGIN : ROLE_NONE;
        break;
    case ADA_PHASE_END:
        type->role = is_slow_scope(all, schema) ? ROLE_SCOPE_END : ROLE_NONE;
        break;
    case ADA_PHASE_FUNCTION_ENTER:
    case ADA_PHASE_FUNCTION_EXIT:
        if (!all->slow_count || !all->options.function_name || !has_address(schema))
            break;
        type->role =
            schema->phase == ADA_PHASE_FUNCTION_ENTER ? ROLE_FUNCTION_ENTER : ROLE_FUNCTION_EXIT;
        if (schema->field_count > 1 && schema->fields[1].width == 2)
            type->frame_offset = schema->fields[0].width;
        break;
    default:
        break;
    }
}

static void refusal_tell(const struct triggers *all, struct trigger *trigger,
                         const struct expression_error *error)
{
    char text[TRIGGER_TEXT_BYTES];

    if (trigger->told || !all->options.tell)
        return;
    trigger->told = true;
    snprintf(text, sizeof(text), "trigger %.500s: %s", trigger->text, error->message);
    all->options.tell(all->options.context, text);
}

static void tests_bind(struct triggers *all, struct trigger_type *type)
{
    const struct expression_binding binding = {.ticks_per_second = all->options.ticks_per_second};

    for (unsigned i = 0; i < all->count; i++) {
        struct trigger_test *test = &type->tests[type->test_count];
        struct expression_error error;
        int status = expression_bind(all->list[i].expression, &type->schema.schema, &binding,
                                     &test->program, &error);

        if (status == -EINVAL)
            refusal_tell(all, &all->list[i], &error);
        if (status || !test->program)
            continue;
        test->trigger = &all->list[i];
        type->test_count++;
    }
}

static void type_free(struct trigger_type *type)
{
    for (unsigned i = 0; i < type->test_count; i++)
        expression_program_free(type->tests[i].program);
    schema_free(&type->schema);
    free(type);
}

/* Without memory the type is not looked at. */
void triggers_type(struct drain *d, struct drain_source *s, const void *bytes, size_t size)
{
    struct trigger_type *type = calloc(1, sizeof(*type));
    uint16_t id;

    if (!type || schema_decode(bytes, size, &type->schema)) {
        free(type);
        return;
    }
    role_find(d->triggers, type);
    tests_bind(d->triggers, type);
    id = type->schema.schema.id;
    if (!s->triggers && (type->test_count || type->role != ROLE_NONE))
        s->triggers = calloc(1, sizeof(*s->triggers));
    if ((!type->test_count && type->role == ROLE_NONE) || !s->triggers || id >= ADA_RECORD_TYPES ||
        s->triggers->by_id[id]) {
        type_free(type);
        return;
    }
    type->next = s->triggers->types;
    s->triggers->types = type;
    s->triggers->by_id[id] = type;
}

void triggers_source_free(struct drain_source *s)
{
    struct trigger_source *source = s->triggers;

    if (!source)
        return;
    while (source->types) {
        struct trigger_type *type = source->types;

        source->types = type->next;
        type_free(type);
    }
    free(source->functions.slots);
    free(source);
    s->triggers = NULL;
}

/* What was told before anybody asked. */
static void source_read_back(struct drain *d, struct drain_source *s)
{
    struct arena_reader reader = {0};

    while (reader.at < s->arena.at && arena_next(&s->segment, &reader, &d->item) > 0)
        if (d->item.kind == ARENA_TYPE)
            triggers_type(d, s, d->item.bytes, d->item.size);
}

void drain_set_triggers(struct drain *d, struct triggers *triggers)
{
    if (d->triggers != triggers)
        triggers_destroy(d);
    d->triggers = triggers;
    for (struct drain_source *s = d->sources; triggers && s; s = s->next) {
        triggers_source_free(s);
        source_read_back(d, s);
    }
}

/* ---- records ---- */

uint64_t triggers_ticks_ns(const struct triggers *all, uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * 1000000000 / all->options.ticks_per_second);
}

int64_t triggers_time_ns(const struct drain *d, uint64_t ticks)
{
    return ticks < d->start_ticks ? 0
                                  : (int64_t)triggers_ticks_ns(d->triggers, ticks - d->start_ticks);
}

struct asked {
    struct drain *drain;
    const struct drain_thread *thread;
    const struct trigger *trigger;
};

static bool function_is_slow(void *context, unsigned n, uint64_t address)
{
    const struct asked *asked = context;
    uint64_t mask = trigger_function_mask(asked->drain, asked->thread->source, address);

    return mask >> (asked->trigger->first_slow + n) & 1;
}

/* Untrusted: copied once, a key and no more. */
static uint64_t function_address(const struct trigger_type *type, const unsigned char *payload,
                                 uint32_t payload_bytes)
{
    unsigned width = type->schema.schema.fields[0].width;
    uint64_t address = 0;

    for (unsigned i = 0; i < width && width <= payload_bytes; i++)
        address |= (uint64_t)payload[i] << 8 * i;
    return address;
}

static void call_begins(struct drain *d, struct drain_thread *t, const struct trigger_type *type,
                        uint64_t ticks, const unsigned char *payload, uint32_t payload_bytes)
{
    struct trigger_call call = {.key = type->scope, .ticks = ticks};

    if (type->role == ROLE_FUNCTION_ENTER) {
        call.key = function_address(type, payload, payload_bytes);
        call.is_function = true;
        if (!trigger_function_mask(d, t->source, call.key))
            return;
        if (type->frame_offset && payload_bytes >= type->frame_offset + sizeof(call.frame))
            call.frame = le16_load(payload + type->frame_offset);
    }
    trigger_call_enter(t, &call);
}

/* How long the call took that this record ends, if it is one that slow() means. Returns what was
 * met while it was open. */
static uint32_t call_ends(struct drain *d, struct drain_thread *t, const struct trigger_type *type,
                          uint64_t ticks, struct expression_event *values)
{
    struct trigger_call call;
    uint64_t key = type->scope;

    if (type->role == ROLE_FUNCTION_EXIT) {
        key = function_address(type, values->payload, values->payload_bytes);
        if (!trigger_function_mask(d, t->source, key))
            return 0;
    }
    values->has_duration = trigger_call_leave(t, key, &call);
    if (!values->has_duration)
        return 0;
    values->duration_ns = triggers_ticks_ns(d->triggers, ticks - call.ticks);
    return call.told;
}

const char *trigger_process_name(const struct drain_process *p)
{
    const char *path = p && p->executable ? p->executable : "", *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void emitter_fill(const struct drain_thread *t, unsigned needs,
                         struct expression_emitter *emitter)
{
    emitter->thread = t->name;
    emitter->tid = t->tid;
    if (!(needs & EXPRESSION_NEEDS_PROCESS))
        return;
    emitter->process = trigger_process_name(t->process);
    emitter->pid = t->process->pid;
}

uint32_t trigger_tests_run(struct drain *d, struct trigger_type *type, struct trigger_event *event,
                           uint32_t told,
                           bool (*fits)(const struct trigger_test *test,
                                        struct expression_event *values))
{
    struct expression_event *values = event->values;
    struct expression_emitter emitter;
    struct asked asked = {.drain = d, .thread = event->thread};
    uint32_t met = 0;

    event->schema = &type->schema.schema;
    event->process = event->thread->process;
    values->emitter = &emitter;
    values->context = &asked;
    values->is_slow = function_is_slow;
    for (unsigned i = 0; i < type->test_count; i++) {
        struct trigger_test *test = &type->tests[i];
        uint32_t bit = UINT32_C(1) << (test->trigger - d->triggers->list);
        unsigned needs = expression_needs(test->program);

        if (told & bit)
            continue;
        emitter_fill(event->thread, needs, &emitter);
        if (needs & EXPRESSION_NEEDS_TIME)
            values->time_ns = triggers_time_ns(d, event->ticks);
        asked.trigger = test->trigger;
        if (trigger_test_take(d, test, event,
                              fits ? fits(test, values) : expression_fits(test->program, values)))
            met |= bit;
    }
    values->emitter = NULL;
    values->context = NULL;
    return met;
}

static void type_record(struct drain *d, struct drain_thread *t, struct trigger_type *type,
                        uint64_t ticks, const unsigned char *payload, uint32_t payload_bytes)
{
    struct expression_event values = {.payload = payload, .payload_bytes = payload_bytes};
    struct trigger_event event = {.thread = t, .ticks = ticks, .values = &values};
    uint32_t told = 0;

    if (type->role == ROLE_SCOPE_END || type->role == ROLE_FUNCTION_EXIT)
        told = call_ends(d, t, type, ticks, &values);
    else if (type->role != ROLE_NONE)
        call_begins(d, t, type, ticks, payload, payload_bytes);
    (void)trigger_tests_run(d, type, &event, told, NULL);
}

void triggers_record(struct drain *d, struct drain_thread *t, uint32_t id, uint64_t ticks,
                     const unsigned char *payload, uint32_t payload_bytes)
{
    struct trigger_type *type = t->source->triggers->by_id[id];

    if (type)
        type_record(d, t, type, ticks, payload, payload_bytes);
}

void triggers_rows(struct drain *d, struct drain_thread *t, const struct trace_rows *rows)
{
    struct trigger_type *const *by_id = t->source->triggers->by_id;

    for (uint32_t i = 0; i < rows->count; i++)
        if (__builtin_expect(by_id[rows->ids[i]] != NULL, 0))
            type_record(d, t, by_id[rows->ids[i]], rows->ticks[i],
                        rows->payloads + i * rows->stride, (uint32_t)rows->payload_bytes);
}
