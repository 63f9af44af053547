/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is tried: a depth-first search over all choices, by running the case from its beginning
 * again and again.
 *
 * Which of two orders of two steps matters is known when they were done: two that write to the same
 * place (and two sequentially consistent fences) matter in both orders; of a load and a store only
 * the order in which the store comes first is tried, because a load may read any older value, too.
 * Where such a pair could have come in the other order, that is noted at the first of the two, and
 * tried later (dynamic partial order reduction with source sets). A thread whose next step has been
 * tried at a choice sleeps in the others that are tried there, until a step comes that matters to
 * it; a load that was tried is tried again only with values that are newer than those it had.
 */
#include "explorer_threads.h"

#undef malloc
#undef memcpy
#undef memset
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 1 << 16, EVENTS_MAX = 1 << 16, AWAKE = 255, OUTCOMES_MAX = 4096 };

struct node {
    bool is_schedule;
    bool fresh;            /* schedule: its messages are to be found yet */
    bool too_late;         /* schedule: a compare-and-exchange that would have succeeded earlier */
    uint8_t thread;        /* schedule; which else */
    uint8_t choice, count; /* otherwise */
    uint8_t enabled, backtrack, done;
    uint8_t asleep[MODEL_THREADS];  /* how many messages of its place were tried, or AWAKE */
    uint8_t offered[MODEL_THREADS]; /* how many there are */
    uint64_t messages;              /* that the step may read, a bit each; the highest is it now */
};

struct event {
    uint8_t thread;
    bool writes;
    int node, before;
    uint32_t order[MODEL_THREADS];
};

bool model_is_long;
bool model_traces;
char model_failure[300];
struct place model_fences;

static const struct model_case *running;
static struct node nodes[NODES_MAX];
static struct event events[EVENTS_MAX];
static int nodes_count, depth, events_count;
static uint8_t asleep[MODEL_THREADS];
static bool naive;
static jmp_buf explorer;
static uint64_t outcomes[OUTCOMES_MAX];
static unsigned outcomes_count;

_Noreturn void execution_end(enum execution_end how)
{
    _longjmp(explorer, (int)how);
}

_Noreturn void model_fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(model_failure, sizeof(model_failure), format, list);
    va_end(list);
    execution_end(END_FAILED);
}

void model_outcome(uint64_t what)
{
    for (unsigned i = 0; i < outcomes_count; i++)
        if (outcomes[i] == what)
            return;
    if (outcomes_count < OUTCOMES_MAX)
        outcomes[outcomes_count++] = what;
}

static struct node *node_new(void)
{
    struct node *n;

    if (nodes_count == NODES_MAX)
        model_fail("an execution of too many choices");
    n = &nodes[nodes_count++];
    memset(n, 0, sizeof(*n));
    depth = nodes_count;
    return n;
}

unsigned model_choose(unsigned count)
{
    struct node *n;

    if (depth < nodes_count) {
        n = &nodes[depth++];
        if (n->is_schedule || n->count != count)
            model_fail("the case does not repeat itself: %u choices", count);
        return n->choice;
    }
    n = node_new();
    n->count = (uint8_t)count;
    return 0;
}

/* ---- which thread ---- */

static bool chooses(const struct step *s)
{
    return s->kind == STEP_LOAD || s->kind == STEP_UPDATE || s->kind == STEP_CAS;
}

static bool is_enabled(const struct thread *t)
{
    if (t->state != THREAD_NEW && t->state != THREAD_RUNS)
        return false;
    return t->step.kind != STEP_RESUME || t->woken || model_timeouts;
}

static uint8_t offered(const struct thread *t)
{
    return chooses(&t->step) ? (uint8_t)t->step.place->count : 1;
}

/* Is there anything left to try of its next step? */
static bool is_awake(const struct node *n, unsigned t)
{
    return n->asleep[t] == AWAKE || n->offered[t] > n->asleep[t];
}

static uint64_t messages_of(const struct node *n, const struct thread *t)
{
    unsigned i = (unsigned)(t - model_threads), first, last;
    const struct place *p = t->step.place;
    uint64_t found = 0;

    if (!chooses(&t->step))
        return 1;
    last = p->count - 1;
    first = t->step.kind == STEP_UPDATE ? last : memory_oldest(&t->views, p);
    if (n->asleep[i] != AWAKE && n->asleep[i] > first)
        first = n->asleep[i];
    for (unsigned m = first; m <= last; m++)
        if (m == last || t->step.kind != STEP_CAS ||
            (p->messages[m].value & t->step.expected_mask) != t->step.expected)
            found |= UINT64_C(1) << m;
    return found;
}

/* Does it find a value that is not the newest any more, but that it waits for? */
static bool is_too_late(const struct thread *t)
{
    const struct place *p = t->step.place;

    if (t->step.kind == STEP_CAS)
        for (unsigned m = memory_oldest(&t->views, p); m + 1 < p->count; m++)
            if ((p->messages[m].value & t->step.expected_mask) == t->step.expected)
                return true;
    return false;
}

static void nobody_left(const struct node *n)
{
    if (n->enabled)
        execution_end(END_REDUNDANT);
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (model_threads[i].state == THREAD_RUNS)
            model_fail("thread %u sleeps, and nobody will wake it", i);
    execution_end(END_COMPLETE);
}

static void schedule(struct node *n)
{
    unsigned self = model_thread ? model_self() : 0;
    uint8_t awake = 0;

    n->is_schedule = true;
    n->fresh = true;
    memcpy(n->asleep, asleep, sizeof(asleep));
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        if (!is_enabled(&model_threads[i]))
            continue;
        n->enabled |= (uint8_t)(1u << i);
        n->offered[i] = offered(&model_threads[i]);
        if (is_awake(n, i))
            awake |= (uint8_t)(1u << i);
    }
    if (!awake)
        nobody_left(n);
    n->thread = (uint8_t)(awake & 1u << self ? self : (unsigned)__builtin_ctz(awake));
    n->backtrack = naive ? awake : (uint8_t)(1u << n->thread);
}

unsigned scheduler_next(void)
{
    struct node *n;
    struct thread *t;

    if (depth < nodes_count) {
        n = &nodes[depth++];
    } else {
        n = node_new();
        schedule(n);
    }
    t = &model_threads[n->thread];
    if (!n->is_schedule || !is_enabled(t))
        model_fail("the case does not repeat itself: thread %u", n->thread);
    if (n->fresh) {
        n->messages = messages_of(n, t);
        n->too_late = is_too_late(t);
        n->fresh = false;
    }
    t->too_late = n->too_late;
    t->message = 63 - (unsigned)__builtin_clzll(n->messages);
    memcpy(asleep, n->asleep, sizeof(asleep));
    asleep[n->thread] = AWAKE;
    return n->thread;
}

unsigned step_take(const struct step *s)
{
    model_thread->step = *s;
    thread_switch(scheduler_next());
    return model_thread->message;
}

/* ---- what could have come in another order ---- */

int step_number(void)
{
    return events_count;
}

/* The first steps of threads that come after `e` in this execution, but need not; and, last, what
 * the running thread is doing now. One of their threads has to be tried in the place of `e`. */
static void backtrack_add(const struct event *e)
{
    int self = (int)model_self();
    struct node *n = &nodes[e->node];
    const uint32_t *order[MODEL_THREADS] = {NULL};
    unsigned initials = 0, earliest = MODEL_THREADS;

    for (int i = (int)(e - events) + 1; i <= events_count; i++) {
        unsigned t = i < events_count ? events[i].thread : (unsigned)self;
        const uint32_t *o = i < events_count ? events[i].order : model_thread->order;
        bool initial = true;

        if (order[t] || (i < events_count && o[e->thread] >= e->order[e->thread]))
            continue;
        order[t] = o;
        if (earliest == MODEL_THREADS)
            earliest = t;
        for (unsigned u = 0; u < MODEL_THREADS; u++)
            if (u != t && order[u] && o[u] >= order[u][u])
                initial = false;
        if (initial)
            initials |= 1u << t;
    }
    initials &= n->enabled;
    if (!initials || (initials & n->backtrack))
        return;
    n->backtrack |= (uint8_t)(initials & 1u << earliest ? 1u << earliest : initials & -initials);
}

static void join(uint32_t to[], const uint32_t from[])
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (to[i] < from[i])
            to[i] = from[i];
}

static void sleepers_wake(const struct place *p)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (asleep[i] != AWAKE && model_threads[i].step.place == p &&
            !chooses(&model_threads[i].step))
            asleep[i] = AWAKE;
}

void step_done(struct place *p, bool writes, int read_event)
{
    unsigned self = model_self();
    struct event *e = &events[events_count];

    if (events_count == EVENTS_MAX)
        model_fail("an execution of too many steps");
    for (int i = p->last_access; writes && !naive && i >= 0; i = events[i].before) {
        const struct event *other = &events[i];

        if (other->thread == self ||
            model_thread->order[other->thread] >= other->order[other->thread])
            continue;
        backtrack_add(other);
        if (other->writes)
            join(model_thread->order, other->order);
    }
    if (read_event >= 0)
        join(model_thread->order, events[read_event].order);
    model_thread->order[self]++;
    memcpy(e->order, model_thread->order, sizeof(e->order));
    e->thread = (uint8_t)self;
    e->writes = writes;
    e->node = depth - 1;
    e->before = p->last_access;
    p->last_access = events_count++;
    if (writes)
        sleepers_wake(p);
}

/* ---- the search ---- */

/* False: all was tried. */
static bool next_choice(void)
{
    for (; nodes_count; nodes_count--) {
        struct node *n = &nodes[nodes_count - 1];
        unsigned left;

        if (!n->is_schedule) {
            if (++n->choice < n->count)
                return true;
            continue;
        }
        n->messages &= ~(UINT64_C(1) << (63 - __builtin_clzll(n->messages)));
        if (n->messages)
            return true;
        n->done |= (uint8_t)(1u << n->thread);
        if (!naive)
            n->asleep[n->thread] = n->offered[n->thread];
        left = n->backtrack & (unsigned)~n->done & n->enabled;
        for (; left; left &= left - 1)
            if (is_awake(n, (unsigned)__builtin_ctz(left)))
                break;
        if (left) {
            n->thread = (uint8_t)__builtin_ctz(left);
            n->fresh = true;
            return true;
        }
    }
    return false;
}

static enum execution_end execution_run(void)
{
    int how;

    depth = events_count = 0;
    memory_execution_new();
    memset(asleep, AWAKE, sizeof(asleep));
    model_fences = (struct place){.count = 1, .last_write = -1, .last_access = -1};
    threads_reset(running);
    how = _setjmp(explorer);
    if (!how) {
        running->set_up();
        threads_begin(scheduler_next());
    }
    model_thread = NULL;
    if (how != END_COMPLETE || !running->check)
        return (enum execution_end)how;
    how = _setjmp(explorer);
    if (!how) {
        running->check();
        return END_COMPLETE;
    }
    return (enum execution_end)how;
}

static void failure_trace(void)
{
    model_traces = true;
    (void)execution_run();
    model_traces = false;
}

void explore(const struct model_case *c, const struct model_limits *limits,
             struct model_result *result)
{
    memset(result, 0, sizeof(*result));
    running = c;
    naive = limits->naive;
    nodes_count = 0;
    outcomes_count = 0;
    memory_reset();
    do {
        enum execution_end how = execution_run();

        result->steps += (uint64_t)events_count;
        if (how == END_FAILED) {
            memcpy(result->failure, model_failure, sizeof(result->failure));
            if (limits->trace)
                failure_trace();
            result->executions++;
            return;
        }
        result->executions += how == END_COMPLETE;
        result->redundant += how == END_REDUNDANT;
        result->complete = !next_choice();
    } while (!result->complete &&
             (!limits->executions || result->executions + result->redundant < limits->executions));
    result->outcomes = outcomes_count;
}

void model_trace(const struct model_site *site, const char *what, const struct place *place,
                 uint64_t value, int from)
{
    const char *file = site ? strrchr(site->file, '/') : NULL;

    printf("  %5d  thread %u%*s %-10s", events_count, model_self(), (int)model_thread->depth, "",
           what);
    if (place)
        printf(" %#lx = %#lx", (unsigned long)place->at, (unsigned long)value);
    if (from >= 0)
        printf(" from %d", from);
    if (site)
        printf("   %s:%u %s", file ? file + 1 : site->file, site->line, site->function);
    printf("\n");
}
