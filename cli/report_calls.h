/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to statistics: follows the open calls of every thread and adds up what ends.
 *
 * Used twice, for functions and for scopes; what a call is called is a number (`id`) that the owner
 * hands out. Inline, because this is where `report` spends its time. A thread's state takes memory
 * only while it has open calls. Main thread.
 */
#ifndef ADATRACE_CLI_REPORT_CALLS_H
#define ADATRACE_CLI_REPORT_CALLS_H

#include "cli/call_stack.h"
#include "cli/call_stats.h"

/* One id in one thread. */
struct calls_local {
    uint64_t total_ticks;
    uint32_t open; /* calls of it that are open: only the outermost counts into the total */
};

struct calls_thread {
    struct call_stack stack;
    struct calls_local *locals; /* by id */
    uint32_t local_count;
};

struct calls {
    struct call_stats *stats; /* by id */
    uint32_t count, capacity;
    struct calls_thread *threads;
    size_t thread_count;
    uint64_t unmatched; /* exits without an enter */
    bool failed;        /* out of memory; what is there is not complete */
};

int calls_init(struct calls *calls, size_t thread_count) __attribute__((warn_unused_result));
void calls_fini(struct calls *calls);

/* The next id; UINT32_MAX without memory. */
uint32_t calls_id_make(struct calls *calls);

/* Room for all ids in the thread's table. 0 or -ENOMEM (`failed` is set). */
int calls_locals_grow(struct calls *calls, struct calls_thread *thread);

/* After a block: a thread without open calls gives its memory back. */
void calls_settle(struct calls *calls, struct calls_thread *thread);

/* Nothing comes any more: what is still open in the thread ends at `ticks`, unfinished. */
void calls_finish(struct calls *calls, struct calls_thread *thread, uint64_t ticks);

struct calls_context {
    struct calls *calls;
    struct calls_thread *thread;
};

CALL_INLINE void calls_local_close(struct calls_local *local, uint64_t duration)
{
    if (--local->open == 0)
        local->total_ticks += duration;
}

CALL_INLINE void calls_on_end(void *context, const struct call *call, struct call *parent,
                              uint64_t end_ticks, uint64_t child_ticks, bool by_exit)
{
    struct calls_context *c = context;
    struct call_stats *stats = &c->calls->stats[call->id];
    uint64_t duration = end_ticks - call->start_ticks;
    uint64_t self = duration > child_ticks ? duration - child_ticks : 0;

    if (call_stats_add(stats, duration, self))
        c->calls->failed = true;
    stats->unfinished += !by_exit;
    /* One that was presumed ended has been taken out of its local already. */
    if (call->presumption != CALL_ENDED || by_exit)
        calls_local_close(&c->thread->locals[call->id], duration);
    if (parent)
        parent->child_ticks += duration;
}

CALL_INLINE void calls_on_presumed(void *context, struct call *call)
{
    struct calls_context *c = context;
    struct calls_local *local = &c->thread->locals[call->id];

    call->saved = local->total_ticks;
    calls_local_close(local, call->successor_ticks - call->start_ticks);
}

/* It was alive all the time: what calls of the same added meanwhile lies within it. */
CALL_INLINE void calls_on_revived(void *context, struct call *call)
{
    struct calls_context *c = context;
    struct calls_local *local = &c->thread->locals[call->id];

    local->total_ticks = call->saved;
    local->open++;
}

static const struct call_observer calls_observer = {
    .ended = calls_on_end, .presumed = calls_on_presumed, .revived = calls_on_revived};

CALL_INLINE void calls_enter(struct calls *calls, struct calls_thread *thread, uint64_t key,
                             uint32_t id, uint16_t tag, unsigned flags, uint64_t ticks)
{
    struct calls_context context = {.calls = calls, .thread = thread};

    if (__builtin_expect(id >= thread->local_count, 0) && calls_locals_grow(calls, thread))
        return;
    if (!call_stack_enter(&thread->stack, key, id, tag, flags, ticks, &calls_observer, &context))
        calls->failed = true;
    else
        thread->locals[id].open++;
}

CALL_INLINE void calls_exit(struct calls *calls, struct calls_thread *thread, uint64_t key,
                            uint64_t ticks)
{
    struct calls_context context = {.calls = calls, .thread = thread};

    if (!call_stack_exit(&thread->stack, key, ticks, &calls_observer, &context))
        calls->unmatched++;
}

#endif
