/* SPDX-License-Identifier: Apache-2.0 */
/* Event types: the list of those that this process declared, and their ids. An event reads only its
 * own `on` and `tag`. */
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <string.h>

#include "base/atomic.h"
#include "base/schema.h"
#include "tracer/event_list.h"

static struct {
    void *holder; /* address of the holder's ada_self; NULL: free */
    struct ada_event *first;
    unsigned char bytes[SCHEMA_BYTES_MAX];
} types;

/* ---- the lock ---- */

bool events_try_lock(void)
{
    void *nobody = NULL;

    return compare_exchange(&types.holder, &nobody, (void *)&ada_self);
}

bool events_lock(void)
{
    void *nobody = NULL;

    while (!compare_exchange(&types.holder, &nobody, (void *)&ada_self)) {
        if (nobody == (void *)&ada_self)
            return false;
        sched_yield();
        nobody = NULL;
    }
    return true;
}

void events_unlock(void)
{
    /* Types. Release: pairs with the acquire in events_lock(). */
    store_release(&types.holder, NULL);
}

void event_types_fork_child(void)
{
    /* A thread that held the lock is not in the child. Its change may be half done: one type too
     * few in the list. */
    store_relaxed(&types.holder, NULL);
}

struct ada_event *events_first(void)
{
    return types.first;
}

/* ---- ids ---- */

static struct schema schema_of(const struct ada_event *e, uint16_t id)
{
    return (struct schema){
        .id = id,
        .phase = e->phase,
        .level = e->level,
        .field_count = e->field_count,
        .line = e->line,
        .provider = e->provider,
        .name = e->name,
        .format = e->format,
        .file = e->file,
        .fields = e->fields,
    };
}

static bool text_equal(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool labels_equal(const struct ada_field *f, const struct ada_field *g)
{
    if (f->label_count != g->label_count)
        return false;
    for (unsigned i = 0; i < f->label_count; i++)
        if (f->labels[i].value != g->labels[i].value ||
            !text_equal(f->labels[i].name, g->labels[i].name))
            return false;
    return true;
}

static bool fields_equal(const struct ada_event *a, const struct ada_event *b)
{
    if (a->field_count != b->field_count)
        return false;
    for (unsigned i = 0; i < a->field_count; i++) {
        const struct ada_field *f = &a->fields[i], *g = &b->fields[i];

        if (f->kind != g->kind || f->width != g->width || f->count != g->count ||
            !text_equal(f->name, g->name) || !labels_equal(f, g))
            return false;
    }
    return true;
}

const struct ada_event *event_twin(const struct ada_event *e)
{
    for (const struct ada_event *other = types.first; other; other = other->next)
        if (other != e && other->tag && other->phase == e->phase && other->level == e->level &&
            text_equal(other->name, e->name) && text_equal(other->provider, e->provider) &&
            text_equal(other->format, e->format) && fields_equal(other, e))
            return other;
    return NULL;
}

int event_identify(struct ada_event *e)
{
    const struct ada_event *twin = e->tag ? NULL : event_twin(e);
    struct schema schema;
    uint32_t id;
    int size;

    if (e->tag)
        return 0;
    if (twin) {
        store_relaxed(&e->tag, twin->tag);
        return 0;
    }
    id = add_relaxed(&tracer_state.segment.shared->next_type,
                     1); /* relaxed: only hands out numbers */
    if (id >= ADA_RECORD_TYPES)
        return -ENOSPC;
    schema = schema_of(e, (uint16_t)id);
    size = schema_encode(&schema, types.bytes, sizeof(types.bytes));
    if (size < 0)
        return size;
    size = tracer_tell(ARENA_TYPE, types.bytes, (size_t)size, NULL, 0);
    if (size < 0)
        return size;
    store_relaxed(&e->tag, ada_record_tag(id, 0));
    return 0;
}

/* ---- the list ---- */

static bool is_listed(const struct ada_event *event)
{
    for (const struct ada_event *e = types.first; e; e = e->next)
        if (e == event)
            return true;
    return false;
}

static int list(struct ada_event *event)
{
    struct schema schema;

    if (event->phase == ADA_PHASE_FORMAT && !event->field_count)
        format_fields(event);
    schema = schema_of(event, ADA_RECORD_FIRST_EVENT);
    if (!schema_size(&schema)) {
        event_put_out(event);
        return -EINVAL;
    }
    event->next = types.first;
    types.first = event;
    return 0;
}

int ada_event_register(struct ada_event *event)
{
    int saved = errno, err = 0;

    if (!events_lock())
        return -EAGAIN;
    if (!is_listed(event))
        err = list(event);
    if (!err)
        err = event_follow(event);
    events_unlock();
    errno = saved;
    return err;
}

/* Take those types off the list that lie in [from, to). */
static void unlist(uintptr_t from, uintptr_t to)
{
    if (!events_lock())
        return;
    for (struct ada_event **at = &types.first; *at;) {
        uintptr_t address = (uintptr_t)*at;

        if (address >= from && address < to)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    events_unlock();
}

void ada_event_unregister(struct ada_event *event)
{
    unlist((uintptr_t)event, (uintptr_t)event + 1);
}

/* dl_iterate_phdr: take the types of the module that holds *context off the list. */
static int unload_module(struct dl_phdr_info *info, size_t size, void *context)
{
    uintptr_t address = *(uintptr_t *)context, from = UINTPTR_MAX, to = 0;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;

        if (segment->p_type != PT_LOAD)
            continue;
        from = start < from ? start : from;
        to = start + segment->p_memsz > to ? start + segment->p_memsz : to;
    }
    if (address < from || address >= to)
        return 0;
    unlist(from, to);
    return 1;
}

void ada_events_unload(const void *address)
{
    uintptr_t where = (uintptr_t)address;

    dl_iterate_phdr(unload_module, &where);
}
