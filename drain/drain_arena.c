/* SPDX-License-Identifier: Apache-2.0 */
/* What processes tell besides records: types, modules, notes, who they are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/schema.h"
#include "drain/drain_state.h"

enum { UNTRACED_MAX = 256, NAMES_AT_FIRST = 64 };

/* ---- the types that the drain itself understands: what is executed, and how it ends ---- */

static void exec_learn_fields(struct drain_exec_type *type, const struct schema *schema)
{
    uint32_t offset = 0, variable = 0, ignored;

    *type = (struct drain_exec_type){.pid_offset = UINT32_MAX,
                                     .variable_offset = schema_fixed_bytes(schema, &ignored)};
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct ada_field *field = &schema->fields[i];

        if (field->kind == ADA_KIND_STRING && strcmp(field->name, "path") == 0) {
            type->id = schema->id;
            type->path_place = variable;
        }
        if (field->width == 4 && strcmp(field->name, "pid") == 0)
            type->pid_offset = offset;
        offset += (uint32_t)field->width * field->count;
        variable += !field->width;
    }
}

static void exit_learn_fields(struct drain_exit_type *type, const struct schema *schema)
{
    uint32_t offset = 0;

    *type = (struct drain_exit_type){0};
    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct ada_field *field = &schema->fields[i];

        if (field->width == 4 && field->count == 1 && strcmp(field->name, "status") == 0)
            *type = (struct drain_exit_type){.id = schema->id, .status_offset = offset};
        offset += (uint32_t)field->width * field->count;
    }
}

static void exec_learn(struct drain_source *s, const struct schema *schema)
{
    if (strcmp(schema->provider, "process") != 0)
        return;
    if (strcmp(schema->name, "exec") == 0)
        exec_learn_fields(&s->exec, schema);
    else if (strcmp(schema->name, "spawn") == 0)
        exec_learn_fields(&s->spawn, schema);
    else if (strcmp(schema->name, "exit") == 0)
        exit_learn_fields(&s->exit, schema);
}

/* For who steers. Without memory it cannot be steered. */
static void name_learn(struct drain_source *s, const struct schema *schema)
{
    struct drain_names *names = &s->names;
    uint32_t count = names->count ? names->count : NAMES_AT_FIRST;
    size_t bytes = strlen(schema->provider) + strlen(schema->name) + 2;
    char **of;

    while (count <= schema->id)
        count *= 2;
    if (count > names->count) {
        of = realloc(names->of, count * sizeof(*of));
        if (!of)
            return;
        memset(of + names->count, 0, (count - names->count) * sizeof(*of));
        *names = (struct drain_names){.of = of, .count = count};
    }
    free(names->of[schema->id]);
    names->of[schema->id] = malloc(bytes);
    if (names->of[schema->id])
        snprintf(names->of[schema->id], bytes, "%s:%s", schema->provider, schema->name);
    s->types_came = true;
}

void source_names_free(struct drain_source *s)
{
    for (uint32_t id = 0; id < s->names.count; id++)
        free(s->names.of[id]);
    free(s->names.of);
    s->names = (struct drain_names){0};
}

static void type_told(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    struct schema_owned schema;
    int err = trace_writer_type(d->writer, s->image, item->bytes, item->size);

    if (err == -EBADMSG) {
        drain_write_note(d, TRACE_NOTE_WARNING, s->root->number,
                         "process %u declared an event type that is not valid; its events are "
                         "counted as damaged",
                         s->root->pid);
        return;
    }
    if (err && err != -EEXIST)
        drain_fail(d, err);
    if (d->triggers)
        triggers_type(d, s, item->bytes, item->size);
    if (schema_decode(item->bytes, item->size, &schema) == 0) {
        exec_learn(s, &schema.schema);
        name_learn(s, &schema.schema);
        schema_free(&schema);
    }
}

static void note_told(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    struct arena_note head;

    if (item->size < sizeof(head))
        return;
    memcpy(&head, item->bytes, sizeof(head));
    drain_write_note(d, head.warning ? TRACE_NOTE_WARNING : TRACE_NOTE_INFO,
                     process_of_item(d, s, head.pid)->number, "%.*s",
                     (int)(item->size - sizeof(head)), (const char *)item->bytes + sizeof(head));
}

static void item_take(struct drain *d, struct drain_source *s, const struct arena_item *item)
{
    switch (item->kind) {
    case ARENA_TYPE:
        type_told(d, s, item);
        break;
    case ARENA_MAP:
        modules_map(d, s, item);
        break;
    case ARENA_UNMAP:
        modules_unmap(d, s, item);
        break;
    case ARENA_NOTE:
        note_told(d, s, item);
        break;
    case ARENA_PROCESS:
        process_told(d, s, item);
        break;
    }
}

void source_hear(struct drain *d, struct drain_source *s)
{
    int got;

    if (s->arena_is_damaged)
        return;
    /* Bounded: the arena is append-only and its capacity is our own knowledge. */
    while ((got = arena_next(&s->segment, &s->arena, &d->item)) > 0)
        item_take(d, s, &d->item);
    if (s->types_came)
        steer_types_came(d, s);
    s->types_came = false;
    if (got < 0) {
        s->arena_is_damaged = true;
        drain_write_note(d, TRACE_NOTE_WARNING, s->root->number,
                         "process %u wrote over what it told about itself; event types and modules "
                         "that came later are missing",
                         s->root->pid);
    }
}

/* ---- exec ---- */

/* The n-th variable field of a payload that may change while we read it: every length is copied,
 * then checked. NULL: not there, or no memory. */
static char *variable_copy(const unsigned char *payload, uint32_t size, uint32_t at, uint32_t n)
{
    for (;;) {
        uint32_t length;

        if (at > size || size - at < sizeof(length))
            return NULL;
        length = le32_load(payload + at);
        at += (uint32_t)sizeof(length);
        if (length > size - at)
            return NULL;
        if (!n--)
            return strndup((const char *)payload + at, length);
        at += length;
    }
}

/* One note a program is enough: a build may run the same one ten thousand times. */
static bool untraced_is_news(struct drain *d, const char *path)
{
    struct drain_untraced *u;
    unsigned count = 0;

    for (u = d->untraced; u; u = u->next, count++)
        if (strcmp(u->path, path) == 0)
            return false;
    u = count < UNTRACED_MAX ? malloc(sizeof(*u) + strlen(path) + 1) : NULL;
    if (!u)
        return false;
    strcpy(u->path, path);
    u->next = d->untraced;
    d->untraced = u;
    return true;
}

/* The process itself, not a vfork child that tells it in its parent's ring, and not a spawn. */
static bool exec_is_own(const struct drain_thread *t, const struct ring_record *r)
{
    uint32_t at = t->source->exec.pid_offset, pid;

    if (r->type != t->source->exec.id)
        return false;
    if (at == UINT32_MAX || at + sizeof(pid) > r->payload_bytes)
        return true;
    pid = le32_load(r->payload + at);
    return pid == t->pid;
}

void source_exec_seen(struct drain *d, struct drain_thread *t, const struct ring_record *r)
{
    const struct drain_exec_type *type =
        r->type == t->source->exec.id ? &t->source->exec : &t->source->spawn;
    struct drain_process *p = t->process;
    char *path =
        variable_copy(r->payload, r->payload_bytes, type->variable_offset, type->path_place);
    const char *why;

    if (!path)
        return;
    why = d->options.untraceable ? d->options.untraceable(d->options.context, p->pid, path) : NULL;
    if (why && untraced_is_news(d, path))
        drain_write_note(d, TRACE_NOTE_UNTRACED, p->number,
                         "%s, executed by process %u, is not traced: %s", path, p->pid, why);
    if (why || !exec_is_own(t, r)) {
        free(path);
        return;
    }
    free(p->exec_path);
    p->exec_path = path;
    t->exec_at = trace_stream_stored(t->stream);
}

/* ---- exit ---- */

void source_exit_seen(struct drain_thread *t, const unsigned char *payload, uint32_t payload_bytes)
{
    uint32_t at = t->source->exit.status_offset;

    if (at > payload_bytes || payload_bytes - at < 4)
        return;
    t->exit_status = (uint8_t)le32_load(payload + at); /* the kernel keeps no more of it */
    t->exit_at = trace_stream_stored(t->stream);
}
