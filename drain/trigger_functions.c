/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that slow() means: each address is given its name once. */
#include <stdlib.h>
#include <string.h>

#include "base/function_name.h"
#include "drain/trigger_state.h"

enum { FUNCTIONS_FIRST = 256, FUNCTIONS_MAX = 1 << 20 };

static struct trigger_function *slot_find(const struct trigger_functions *f, uint64_t address)
{
    uint32_t at = (uint32_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (f->capacity - 1);

    while (f->slots[at].address && f->slots[at].address != address)
        at = (at + 1) & (f->capacity - 1);
    return &f->slots[at];
}

static bool functions_grow(struct trigger_functions *f)
{
    struct trigger_functions grown = {.capacity = f->capacity ? 2 * f->capacity : FUNCTIONS_FIRST};

    if (grown.capacity > FUNCTIONS_MAX)
        return false;
    grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (uint32_t i = 0; i < f->capacity; i++)
        if (f->slots[i].address)
            *slot_find(&grown, f->slots[i].address) = f->slots[i];
    grown.count = f->count;
    free(f->slots);
    *f = grown;
    return true;
}

static const struct drain_module *module_at(const struct drain_source *s, uint64_t address)
{
    for (const struct drain_module *m = s->modules; m; m = m->next_of_image)
        if (address >= m->base && address < m->end && m->to_ticks == UINT64_MAX)
            return m;
    return NULL;
}

static uint64_t names_match(const struct triggers *all, const char *name)
{
    uint64_t mask = 0;

    for (unsigned n = 0; name && n < all->slow_count; n++)
        if (function_name_fits(all->slow[n], name))
            mask |= UINT64_C(1) << n;
    return mask;
}

static void function_resolve(struct drain *d, struct drain_source *s, struct trigger_function *f)
{
    const struct trigger_options *o = &d->triggers->options;
    const struct drain_module *m = module_at(s, f->address);

    f->heard_at = m ? UINT64_MAX : s->arena.at;
    if (m)
        f->mask = names_match(d->triggers, o->function_name(o->context, m, f->address - m->bias));
}

uint64_t trigger_function_mask(struct drain *d, struct drain_source *s, uint64_t address)
{
    struct trigger_functions *functions = &s->triggers->functions;
    struct trigger_function *f;

    if (!address)
        return 0;
    f = functions->capacity ? slot_find(functions, address) : NULL;
    if (!f || !f->address) {
        if (functions->count >= functions->capacity / 2 && !functions_grow(functions))
            return 0;
        f = slot_find(functions, address);
        *f = (struct trigger_function){.address = address};
        functions->count++;
        function_resolve(d, s, f);
    } else if (f->heard_at < s->arena.at) {
        function_resolve(d, s, f); /* its module may have been told since */
    }
    return f->mask;
}
