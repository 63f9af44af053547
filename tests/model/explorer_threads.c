/* SPDX-License-Identifier: Apache-2.0 */
#include "explorer_threads.h"

#undef malloc
#undef memcpy
#undef memset
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 128 * 1024 };

struct thread model_threads[MODEL_THREADS];
struct thread *model_thread;
bool model_timeouts;

static unsigned char stacks[MODEL_THREADS][STACK_BYTES] __attribute__((aligned(64)));

static void thread_main(void)
{
    model_thread->body();
    thread_end();
}

void threads_reset(const struct model_case *c)
{
    model_thread = NULL;
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        struct thread *t = &model_threads[i];

        t->state = c->threads[i] ? THREAD_NEW : THREAD_NONE;
        t->body = c->threads[i];
        t->step = (struct step){.kind = STEP_BEGIN};
        t->woken = t->spins = t->dead = false;
        memset(t->order, 0, sizeof(t->order));
        views_clear(&t->views);
        t->ticks = 1000;
        t->clock_ns = 1000000000;
        t->handler = t->kernel = NULL;
        t->handlers_left = t->depth = t->writes_count = 0;
        t->depth_max = 1;
    }
    model_timeouts = false;
}

static void enter(unsigned to)
{
    struct thread *t = &model_threads[to];

    model_thread = t;
    if (t->state == THREAD_RUNS)
        _longjmp(t->context, 1);
    t->state = THREAD_RUNS;
    getcontext(&t->fresh);
    t->fresh.uc_stack.ss_sp = stacks[to];
    t->fresh.uc_stack.ss_size = STACK_BYTES;
    t->fresh.uc_link = NULL;
    makecontext(&t->fresh, thread_main, 0);
    setcontext(&t->fresh);
}

void threads_begin(unsigned first)
{
    enter(first);
}

void thread_switch(unsigned to)
{
    if (&model_threads[to] == model_thread)
        return;
    if (!_setjmp(model_thread->context))
        enter(to);
}

void thread_end(void)
{
    thread_writes_settle();
    model_thread->state = THREAD_DONE;
    enter(scheduler_next());
    abort();
}

void thread_writes_settle(void)
{
    struct thread *t = model_thread;

    while (t->writes_count) {
        struct place *p = t->writes[--t->writes_count];
        uint64_t value = 0;

        memcpy(&value, (const void *)p->at, p->size);
        p->messages[p->count - 1].value = value;
        if (model_traces)
            model_trace(NULL, "write", p, value, -1);
    }
}

void thread_point(bool stores)
{
    struct thread *t = model_thread;

    for (;;) {
        bool handles = t->handler && t->handlers_left && t->depth < t->depth_max && !t->spins;
        bool dies = stores && t->kernel && !t->spins;
        unsigned choice = 0;

        if (handles || dies)
            choice = model_choose(1 + handles + dies);
        if (!choice)
            return;
        if (handles && choice == 1) {
            if (model_traces)
                model_trace(NULL, "handler begins", NULL, 0, -1);
            t->handlers_left--;
            t->depth++;
            t->handler();
            thread_writes_settle();
            t->depth--;
            if (model_traces)
                model_trace(NULL, "handler ends", NULL, 0, -1);
            continue;
        }
        if (model_traces)
            model_trace(NULL, "dies", NULL, 0, -1);
        t->dead = true;
        t->handler = NULL;
        {
            void (*kernel)(void) = t->kernel;

            t->kernel = NULL;
            kernel();
        }
        thread_end();
    }
}

/* ---- for cases ---- */

void model_shared(void *at, size_t bytes, bool by_design)
{
    memory_region_add(REGION_SHARED, at, bytes, by_design);
}

void model_place_of(void *at, size_t bytes)
{
    unsigned shift;

    (void)memory_place((uintptr_t)at, bytes, &shift);
}

void model_private(void *at, size_t bytes)
{
    memory_region_add(REGION_PRIVATE, at, bytes, false);
}

void model_handler_set(void (*handler)(void), unsigned times)
{
    model_thread->handler = handler;
    model_thread->handlers_left = times;
}

void model_handler_depth_set(unsigned depth)
{
    model_thread->depth_max = depth;
}

void model_death_set(void (*kernel)(void))
{
    model_thread->kernel = kernel;
}

bool model_is_dead(unsigned thread)
{
    return model_threads[thread].dead;
}

void model_timeouts_set(bool possible)
{
    model_timeouts = possible;
}

void model_clock_add(uint64_t ns)
{
    model_thread->clock_ns += ns;
}

unsigned model_self(void)
{
    return (unsigned)(model_thread - model_threads);
}

unsigned model_depth(void)
{
    return model_thread->depth;
}

void model_depth_restore(unsigned depth)
{
    model_thread->depth = depth;
}
