/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event types: the list of those that this process declared, their ids, and which are on.
 *
 * The list is guarded by a lock that a signal handler of its holder never waits for: it gets
 * -EAGAIN. An event reads only its own `on` and `tag`.
 */
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/glob.h"
#include "base/schema.h"
#include "tracer/tracer_state.h"

enum { RULES_BYTES = 4096, NAME_BYTES = 2 * SCHEMA_NAME_MAX + 2 };

static struct {
    void *holder; /* address of the holder's ada_self; NULL: free */
    struct ada_event *first;
    char session[SEGMENT_GLOBS_BYTES]; /* what the session selects */
    uint32_t level;
    char rules[RULES_BYTES]; /* what the program said, as one glob list: stronger */
    char draft[RULES_BYTES]; /* of new rules, while they may still turn out to be too long */
    unsigned char bytes[SCHEMA_BYTES_MAX];
} types = {.level = UINT32_MAX};

/* False: we are a handler of the holder. */
static bool types_lock(void)
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

static void types_unlock(void)
{
    /* Types. Release: pairs with the acquire in types_lock(). */
    store_release(&types.holder, NULL);
}

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

/* The same type declared elsewhere: a header's macro makes one in every file that includes it. */
static const struct ada_event *find_twin(const struct ada_event *e)
{
    for (const struct ada_event *other = types.first; other; other = other->next)
        if (other != e && other->tag && other->phase == e->phase &&
            text_equal(other->name, e->name) && text_equal(other->provider, e->provider) &&
            text_equal(other->format, e->format) && fields_equal(other, e))
            return other;
    return NULL;
}

/* Give the type an id and tell the drain what it means. */
static int give_id(struct ada_event *e)
{
    const struct ada_event *twin = find_twin(e);
    struct schema schema;
    uint32_t id;
    int size;

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

static bool is_selected(const struct ada_event *e)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof(name), "%s:%s", e->provider, e->name);
    return e->level <= types.level &&
           glob_list_apply(types.rules, name, glob_list_match(types.session, name));
}

/* Returns whether `on` changed. */
static int refresh_one(struct ada_event *e)
{
    uint32_t on = ADA_EVENT_OFF;

    /* relaxed: who stops or starts a session refreshes all types after it. */
    if (tracer_is_attached() && !load_relaxed(&tracer_state.stopped) && is_selected(e) &&
        (e->tag || !give_id(e)))
        on = ADA_EVENT_ON;
    /* On. Release: the tag is visible to who sees the event on; a data dependency on x86 and Arm.
     */
    return __atomic_exchange_n(&e->on, on, __ATOMIC_RELEASE) != on;
}

void event_types_fork_child(void)
{
    /* A thread that held the lock is not in the child. Its change may be half done: one type too
     * few in the list. */
    store_relaxed(&types.holder, NULL);
}

void event_types_switch_off(void)
{
    void *nobody = NULL;

    /* Whoever is at it may be the thread that we interrupt: the next event that finds no room
     * tries again. */
    if (!compare_exchange(&types.holder, &nobody, (void *)&ada_self))
        return;
    for (struct ada_event *e = types.first; e; e = e->next)
        store_relaxed(&e->on, ADA_EVENT_OFF);
    types_unlock();
}

void event_types_refresh(void)
{
    if (!types_lock())
        return;
    if (tracer_is_attached())
        segment_control_get(&tracer_state.segment, types.session, &types.level);
    for (struct ada_event *e = types.first; e; e = e->next)
        refresh_one(e);
    types_unlock();
}

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
        store_relaxed(&event->on, ADA_EVENT_OFF);
        return -EINVAL;
    }
    event->next = types.first;
    types.first = event;
    return 0;
}

int ada_event_register(struct ada_event *event)
{
    int saved = errno, err = 0;

    if (!types_lock())
        return -EAGAIN;
    if (!is_listed(event))
        err = list(event);
    if (!err)
        refresh_one(event);
    types_unlock();
    errno = saved;
    return err;
}

/* Take those types off the list that lie in [from, to). */
static void unlist(uintptr_t from, uintptr_t to)
{
    if (!types_lock())
        return;
    for (struct ada_event **at = &types.first; *at;) {
        uintptr_t address = (uintptr_t)*at;

        if (address >= from && address < to)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    types_unlock();
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

/* Take out what was said of this very glob: what is said last decides. Returns the new size. */
static size_t rule_remove(char *rules, const char *glob, size_t length)
{
    char *to = rules;

    for (const char *at = rules; *at;) {
        size_t whole = strcspn(at, ","), mark = *at == '!';
        const char *next = at + whole + (at[whole] == ',');

        if (whole - mark != length || memcmp(at + mark, glob, length) != 0) {
            if (to != rules)
                *to++ = ',';
            memmove(to, at, whole);
            to += whole;
        }
        at = next;
    }
    *to = 0;
    return (size_t)(to - rules);
}

/* Add each of the comma-separated globs to the rules, with `!` in front when `negative`; all or
 * none. */
static int add_rules(const char *globs, bool negative)
{
    strcpy(types.draft, types.rules);
    while (*globs) {
        size_t length = strcspn(globs, ","), turned = *globs == '!', used;
        const char *mark = negative != (bool)turned ? "!" : "";
        int n;

        used = rule_remove(types.draft, globs + turned, length - turned);
        n = snprintf(types.draft + used, sizeof(types.draft) - used, "%s%s%.*s", used ? "," : "",
                     mark, (int)(length - turned), globs + turned);
        if (n < 0 || (size_t)n >= sizeof(types.draft) - used)
            return -ENAMETOOLONG;
        globs += length;
        globs += *globs == ',';
    }
    strcpy(types.rules, types.draft);
    return 0;
}

static int switch_events(const char *globs, bool off)
{
    int changed;

    if (!globs || !types_lock())
        return -EINVAL;
    changed = add_rules(globs, off);
    for (struct ada_event *e = types.first; e && changed >= 0; e = e->next)
        changed += refresh_one(e);
    types_unlock();
    return changed;
}

int ada_events_enable(const char *globs)
{
    return switch_events(globs, false);
}

int ada_events_disable(const char *globs)
{
    return switch_events(globs, true);
}
