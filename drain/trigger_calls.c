/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open calls of a thread that slow() means.
 *
 * Only those are kept, so an exit belongs to the newest entry of the same. What longjmp(3) or an
 * exception left without an exit is found when the same function is entered from a frame that is
 * not below the old one: the stack grows down, and frame tags are 16 bits of it.
 */
#include <stdlib.h>

#include "drain/trigger_state.h"

static void stale_drop(struct trigger_calls *calls, uint64_t key, uint16_t frame)
{
    while (calls->count) {
        const struct trigger_call *last = &calls->open[calls->count - 1];

        if (last->key != key || !frame || !last->frame ||
            (int16_t)(uint16_t)(frame - last->frame) < 0)
            return;
        calls->count--;
    }
}

void trigger_call_enter(struct drain_thread *t, const struct trigger_call *call)
{
    struct trigger_calls *calls = t->trigger_calls;

    if (!calls)
        calls = t->trigger_calls = calloc(1, sizeof(*calls));
    if (!calls)
        return;
    stale_drop(calls, call->key, call->frame);
    if (calls->count == TRIGGER_CALLS_MAX)
        calls->beyond++;
    else
        calls->open[calls->count++] = *call;
}

bool trigger_call_leave(struct drain_thread *t, uint64_t key, struct trigger_call *call)
{
    struct trigger_calls *calls = t->trigger_calls;

    if (!calls)
        return false;
    if (calls->beyond) {
        calls->beyond--;
        return false;
    }
    for (unsigned i = calls->count; i--;) {
        if (calls->open[i].key != key)
            continue;
        *call = calls->open[i];
        calls->count = i; /* what was entered above it has ended, too */
        return true;
    }
    return false;
}
