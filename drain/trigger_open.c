/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that have not ended yet. A program that hangs never ends the call that hangs, so slow() is
 * answered as soon as nothing that may still come can change the answer.
 *
 * A call is looked at again when it is an eighth older than at the last look: a limit is found out
 * about at most that much late, and a call that is open for hours costs two looks a second.
 */
#include "base/clock.h"
#include "drain/trigger_state.h"

enum {
    LOOK_SHORTEST_NS = 1000 * 1000,
    LOOK_LONGEST_NS = 500 * 1000 * 1000,
    LOOK_PART = 8,
};

/* What its end would be. */
static struct trigger_type *end_find(const struct drain_source *s, const struct trigger_call *call)
{
    for (struct trigger_type *type = s->triggers->types; type; type = type->next)
        if (call->is_function ? type->role == ROLE_FUNCTION_EXIT
                              : type->role == ROLE_SCOPE_END && type->scope == call->key)
            return type;
    return NULL;
}

/* Does it fit, and will whatever the call takes in the end? */
static bool is_certain(const struct trigger_test *test, struct expression_event *values)
{
    uint64_t so_far_ns = values->duration_ns;
    bool fits = expression_fits(test->program, values);

    values->duration_ns = INT64_MAX;
    fits = fits && expression_fits(test->program, values);
    values->duration_ns = so_far_ns;
    return fits;
}

static void call_look(struct drain *d, struct drain_thread *t, struct trigger_call *call,
                      uint64_t ticks)
{
    struct trigger_type *type = end_find(t->source, call);
    unsigned char address[sizeof(call->key)];
    struct expression_event values = {.payload = address,
                                      .has_duration = true,
                                      .duration_ns =
                                          triggers_ticks_ns(d->triggers, ticks - call->ticks)};
    struct trigger_event event = {.thread = t, .ticks = ticks, .is_open = true, .values = &values};

    if (!type)
        return;
    for (unsigned i = 0; i < sizeof(address); i++)
        address[i] = (unsigned char)(call->key >> 8 * i);
    if (call->is_function)
        values.payload_bytes = type->schema.schema.fields[0].width;
    call->told |= trigger_tests_run(d, type, &event, call->told, is_certain);
}

/* How long until the next look at it. */
static uint64_t patience_ns(const struct drain *d, const struct trigger_call *call, uint64_t ticks)
{
    uint64_t ns =
        ticks > call->ticks ? triggers_ticks_ns(d->triggers, ticks - call->ticks) / LOOK_PART : 0;

    return ns < LOOK_SHORTEST_NS ? LOOK_SHORTEST_NS : ns < LOOK_LONGEST_NS ? ns : LOOK_LONGEST_NS;
}

static uint64_t thread_look(struct drain *d, struct drain_thread *t)
{
    /* All that had happened by then has been taken: those calls were still open. */
    uint64_t soonest_ns = UINT64_MAX, ticks = t->empty_ticks;

    for (unsigned i = 0; i < t->trigger_calls->count; i++) {
        struct trigger_call *call = &t->trigger_calls->open[i];
        uint64_t ns = patience_ns(d, call, ticks);

        if (ticks > call->ticks)
            call_look(d, t, call, ticks);
        if (ns < soonest_ns)
            soonest_ns = ns;
    }
    return soonest_ns;
}

static uint64_t source_look(struct drain *d, struct drain_source *s)
{
    uint64_t soonest_ns = UINT64_MAX;

    for (uint32_t slot = 0; s->live && slot < s->bound; slot++) {
        struct drain_thread *t = s->threads[slot];
        uint64_t ns;

        if (!t || !t->trigger_calls || !t->trigger_calls->count)
            continue;
        ns = thread_look(d, t);
        if (ns < soonest_ns)
            soonest_ns = ns;
    }
    return soonest_ns;
}

void triggers_open_look(struct drain *d, uint64_t now_ns)
{
    struct triggers *all = d->triggers;
    uint64_t soonest_ns = UINT64_MAX;

    if (!all->slow_count || now_ns < all->look_ns)
        return;
    for (struct drain_source *s = d->sources; s; s = s->next) {
        uint64_t ns = s->triggers ? source_look(d, s) : UINT64_MAX;

        if (ns < soonest_ns)
            soonest_ns = ns;
    }
    all->has_open = soonest_ns != UINT64_MAX;
    all->look_ns = now_ns + (all->has_open ? soonest_ns : LOOK_SHORTEST_NS);
}
