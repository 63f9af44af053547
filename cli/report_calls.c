/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int calls_init(struct calls *calls, size_t thread_count)
{
    *calls = (struct calls){.thread_count = thread_count};
    calls->threads = calloc(thread_count + 1, sizeof(*calls->threads));
    return calls->threads ? 0 : -ENOMEM;
}

void calls_fini(struct calls *calls)
{
    for (size_t n = 0; calls->threads && n < calls->thread_count; n++) {
        call_stack_fini(&calls->threads[n].stack);
        free(calls->threads[n].locals);
    }
    for (uint32_t id = 0; id < calls->count; id++)
        histogram_fini(&calls->stats[id].durations);
    free(calls->threads);
    free(calls->stats);
    *calls = (struct calls){0};
}

uint32_t calls_id_make(struct calls *calls)
{
    if (calls->count == calls->capacity) {
        uint32_t capacity = calls->capacity ? 2 * calls->capacity : 256;
        struct call_stats *stats = reallocarray(calls->stats, capacity, sizeof(*stats));

        if (!stats) {
            calls->failed = true;
            return UINT32_MAX;
        }
        calls->stats = stats;
        calls->capacity = capacity;
    }
    calls->stats[calls->count] = (struct call_stats){0};
    return calls->count++;
}

int calls_locals_grow(struct calls *calls, struct calls_thread *thread)
{
    uint32_t count = calls->capacity;
    struct calls_local *locals = reallocarray(thread->locals, count, sizeof(*locals));

    if (!locals) {
        calls->failed = true;
        return -ENOMEM;
    }
    memset(locals + thread->local_count, 0, (count - thread->local_count) * sizeof(*locals));
    thread->locals = locals;
    thread->local_count = count;
    return 0;
}

void calls_settle(struct calls *calls, struct calls_thread *thread)
{
    if (thread->stack.count)
        return;
    for (uint32_t id = 0; id < thread->local_count && id < calls->count; id++)
        calls->stats[id].total_ticks += thread->locals[id].total_ticks;
    free(thread->locals);
    thread->locals = NULL;
    thread->local_count = 0;
    call_stack_fini(&thread->stack);
}

void calls_finish(struct calls *calls, struct calls_thread *thread, uint64_t ticks)
{
    struct calls_context context = {.calls = calls, .thread = thread};

    call_stack_clear(&thread->stack, ticks, &calls_observer, &context);
    calls_settle(calls, thread);
}
