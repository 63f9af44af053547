/* SPDX-License-Identifier: Apache-2.0 */
#include "explorer_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGIONS_MAX = 16, VIEWS_BYTES = 32 << 20, BUCKETS = 4096 };

static struct region {
    uintptr_t from, to;
    enum region_kind kind;
    bool by_design;
} regions[REGIONS_MAX];
static unsigned regions_count;

static struct place *places;
static unsigned places_count;
static uint16_t buckets[BUCKETS]; /* place + 1 */
static uint64_t execution;
static unsigned char *views_memory;
static size_t views_used;
static struct view last_fence; /* all that sequentially consistent fences know of each other */

void memory_reset(void)
{
    if (!places)
        places = calloc(PLACES_MAX, sizeof(*places));
    if (!views_memory)
        views_memory = malloc(VIEWS_BYTES);
    if (!places || !views_memory)
        abort();
    regions_count = places_count = 0;
    memset(buckets, 0, sizeof(buckets));
}

void memory_execution_new(void)
{
    regions_count = 0;
    execution++;
    views_used = 0;
    memset(&last_fence, 0, sizeof(last_fence));
}

void memory_region_add(enum region_kind kind, void *at, size_t bytes, bool by_design)
{
    if (regions_count == REGIONS_MAX)
        model_fail("too many regions");
    regions[regions_count++] =
        (struct region){(uintptr_t)at, (uintptr_t)at + bytes, kind, by_design};
}

enum region_kind memory_region(uintptr_t at, bool *by_design)
{
    for (unsigned i = 0; i < regions_count; i++)
        if (at >= regions[i].from && at < regions[i].to) {
            *by_design = regions[i].by_design;
            return regions[i].kind;
        }
    return REGION_NONE;
}

unsigned memory_place_number(const struct place *p)
{
    return (unsigned)(p - places);
}

struct place *memory_place_numbered(unsigned number)
{
    return &places[number];
}

static uint64_t value_in_memory(const struct place *p)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)p->at, p->size);
    return value;
}

static struct place *place_find(uintptr_t at)
{
    for (unsigned b = (unsigned)(at * 2654435761u >> 7) % BUCKETS; buckets[b];
         b = (b + 1) % BUCKETS)
        if (places[buckets[b] - 1].at == at)
            return &places[buckets[b] - 1];
    return NULL;
}

static struct place *place_add(uintptr_t at, size_t size)
{
    unsigned b = (unsigned)(at * 2654435761u >> 7) % BUCKETS;
    struct place *p = &places[places_count];

    if (places_count == PLACES_MAX)
        model_fail("too many places");
    while (buckets[b])
        b = (b + 1) % BUCKETS;
    buckets[b] = (uint16_t)++places_count;
    p->at = at;
    p->size = (uint32_t)size;
    p->execution = 0;
    return p;
}

/* Places are as large as the first access to them, but for parts of a larger one. */
struct place *memory_place(uintptr_t at, size_t size, unsigned *shift)
{
    struct place *p = place_find(at);

    *shift = 0;
    if (!p && size < 8) {
        p = place_find(at & ~(uintptr_t)7);
        if (p && p->at + p->size < at + size)
            p = NULL;
        *shift = p ? (unsigned)(at - p->at) * 8 : 0;
    }
    if (!p)
        p = place_add(at, size);
    if (p->size < size)
        model_fail("an access of %zu bytes to a place of %u", size, p->size);
    if (p->execution != execution) {
        p->execution = execution;
        memory_region(at, &p->by_design);
        p->count = 1;
        p->messages[0] = (struct message){value_in_memory(p), NULL, -1};
        memset(&p->accesses, 0, sizeof(p->accesses));
        p->last_write = p->last_access = -1;
    }
    return p;
}

struct place *memory_place_for_plain(uintptr_t at, size_t size, unsigned *shift)
{
    const struct place *p = place_find(at);

    return memory_place(at, p && p->size < size ? p->size : size, shift);
}

/* ---- views ---- */

static void view_copy(struct view *to, const struct view *from)
{
    memcpy(to->clock, from->clock, sizeof(to->clock));
    memcpy(to->oldest, from->oldest, places_count);
}

static void view_join(struct view *to, const struct view *from)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (to->clock[i] < from->clock[i])
            to->clock[i] = from->clock[i];
    for (unsigned i = 0; i < places_count; i++)
        to->oldest[i] = to->oldest[i] > from->oldest[i] ? to->oldest[i] : from->oldest[i];
}

/* Places that come later in an execution have no entry yet: it is 0. */
static struct view *view_keep(const struct view *from)
{
    struct view *kept = (struct view *)(void *)(views_memory + views_used);
    size_t bytes = offsetof(struct view, oldest) + PLACES_MAX;

    if (views_used + bytes > VIEWS_BYTES)
        model_fail("an execution too long");
    views_used += (bytes + 63) & ~(size_t)63;
    memcpy(kept, from, bytes);
    return kept;
}

void views_clear(struct views *v)
{
    memset(v, 0, sizeof(*v));
}

void views_tick(struct views *v, unsigned self)
{
    v->now.clock[self]++;
    v->acquired.clock[self] = v->now.clock[self];
}

unsigned memory_oldest(const struct views *v, const struct place *p)
{
    return v->now.oldest[memory_place_number(p)];
}

static void see(struct views *v, const struct place *p, unsigned message)
{
    unsigned n = memory_place_number(p);

    if (v->now.oldest[n] < message)
        v->now.oldest[n] = (uint8_t)message;
    if (v->acquired.oldest[n] < message)
        v->acquired.oldest[n] = (uint8_t)message;
}

void memory_see_newest(struct views *v, const struct place *p)
{
    see(v, p, p->count - 1);
}

uint64_t memory_read(struct views *v, unsigned self, struct place *p, unsigned message,
                     bool acquire)
{
    const struct message *m = &p->messages[message];

    see(v, p, message);
    p->accesses.read[self] = v->now.clock[self];
    if (m->view) {
        view_join(&v->acquired, m->view);
        if (acquire)
            view_join(&v->now, m->view);
    }
    return m->value;
}

void memory_write(struct views *v, unsigned self, struct place *p, uint64_t value, bool release,
                  const struct message *read, int event)
{
    const struct view *base = release ? &v->now : &v->released;
    const struct view *carried = read ? read->view : NULL;
    struct message *m = &p->messages[p->count];

    if (p->count == MESSAGES_MAX)
        model_fail("too many stores to one place");
    see(v, p, p->count);
    m->value = value;
    m->event = event;
    m->view = NULL;
    if (release || base->clock[self] || carried) {
        struct view *kept = view_keep(base);

        if (carried)
            view_join(kept, carried);
        m->view = kept;
    }
    p->count++;
    p->accesses.write[self] = v->now.clock[self];
}

void memory_fence(struct views *v, int order)
{
    if (order != __ATOMIC_RELEASE)
        view_copy(&v->now, &v->acquired);
    if (order == __ATOMIC_SEQ_CST) {
        view_join(&v->now, &last_fence);
        view_copy(&last_fence, &v->now);
        view_join(&v->acquired, &v->now);
    }
    if (order != __ATOMIC_ACQUIRE)
        view_copy(&v->released, &v->now);
}

/* ---- races ---- */

static void check_one(const struct views *v, unsigned self, const struct place *p,
                      const uint32_t clocks[], const char *what, const char *ours)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++)
        if (t != self && clocks[t] > v->now.clock[t])
            model_fail("data race: %s of thread %u meets %s of thread %u at %p", ours, self, what,
                       t, (void *)p->at);
}

void memory_check_race(const struct views *v, unsigned self, const struct place *p, bool writes,
                       bool plain)
{
    const char *ours = plain    ? writes ? "a write" : "a read"
                       : writes ? "an atomic store"
                                : "an atomic load";

    check_one(v, self, p, p->accesses.plain_write, "a write", ours);
    if (writes)
        check_one(v, self, p, p->accesses.plain_read, "a read", ours);
    if (plain)
        check_one(v, self, p, p->accesses.write, "an atomic store", ours);
    if (plain && writes)
        check_one(v, self, p, p->accesses.read, "an atomic load", ours);
}

void memory_plain(struct views *v, unsigned self, struct place *p, bool writes)
{
    memory_check_race(v, self, p, writes, true);
    if (!writes) {
        p->accesses.plain_read[self] = v->now.clock[self];
        see(v, p, p->count - 1);
        return;
    }
    p->accesses.plain_write[self] = v->now.clock[self];
    if (p->count == MESSAGES_MAX)
        model_fail("too many writes to one place");
    p->messages[p->count++] = (struct message){0, NULL, -1};
    see(v, p, p->count - 1);
}
