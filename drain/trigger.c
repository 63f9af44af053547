/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/trigger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "drain/trigger_state.h"

/* ---- words ---- */

static const struct {
    const char *word, *meaning;
} words[] = {
    {"crash", "adatrace:exit.signal != 0"},
    {"failure", "adatrace:exit.signal != 0 || adatrace:exit.status != 0"},
    {"drop", "adatrace:gap.kind == dropped"},
    {"signal", "adatrace:signal"},
};

static const char *meaning_of(const char *expression)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i].word, expression) == 0)
            return words[i].meaning;
    return expression;
}

/* ---- making them ---- */

static void trigger_fini(struct trigger *t)
{
    for (unsigned i = 0; i < OWN_EVENTS; i++)
        expression_program_free(t->own[i].program);
    expression_free(t->expression);
    free(t->text);
    *t = (struct trigger){0};
}

static int trigger_init(struct trigger *t, const char *text, struct expression_error *error)
{
    static const struct expression_binding binding = {0};
    int status = expression_parse(&t->expression, meaning_of(text), error);

    for (unsigned i = 0; i < OWN_EVENTS && !status; i++) {
        t->own[i].trigger = t;
        status = expression_bind(t->expression, &own_event_types[i], &binding, &t->own[i].program,
                                 error);
    }
    t->text = status ? NULL : strdup(text);
    if (!status && t->text)
        return 0;
    trigger_fini(t);
    return status ? status : -ENOMEM;
}

int triggers_check(const char *expression, struct expression_error *error)
{
    struct trigger t = {0};
    int status = trigger_init(&t, expression, error);

    if (!status)
        trigger_fini(&t);
    return status;
}

int triggers_create(struct triggers **out, const struct trigger_options *options)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return -ENOMEM;
    (*out)->options = *options;
    return 0;
}

void triggers_set_options(struct triggers *all, const struct trigger_options *options)
{
    all->options = *options;
}

int triggers_add(struct triggers *all, const char *expression, struct expression_error *error)
{
    struct trigger *t = &all->list[all->count];
    const char *glob;
    int status;

    if (all->count == TRIGGERS_MAX)
        return -ENOSPC;
    status = trigger_init(t, expression, error);
    if (status)
        return status;
    t->first_slow = all->slow_count;
    for (unsigned n = 0; (glob = expression_slow_at(t->expression, n)); n++) {
        if (all->slow_count == TRIGGER_SLOW_MAX) {
            all->slow_count = t->first_slow;
            trigger_fini(t);
            return -ENOSPC;
        }
        all->slow[all->slow_count++] = glob;
    }
    all->count++;
    return 0;
}

void triggers_destroy(struct drain *d)
{
    struct triggers *all = d->triggers;

    if (!all)
        return;
    for (struct drain_source *s = d->sources; s; s = s->next)
        triggers_source_free(s);
    for (unsigned i = 0; i < all->count; i++)
        trigger_fini(&all->list[i]);
    free(all);
    d->triggers = NULL;
}

/* ---- moments ---- */

static bool is_over(const struct triggers *all)
{
    return all->options.moments_max && all->moments >= all->options.moments_max;
}

static void moment_make(struct drain *d, bool is_end)
{
    struct triggers *all = d->triggers;
    const struct trigger_options *o = &all->options;
    uint64_t now = drain_now(d), second = o->ticks_per_second;
    uint64_t before = (uint64_t)((double)o->before_ns * (double)second / 1e9);
    uint64_t after = (uint64_t)((double)o->after_ns * (double)second / 1e9);
    struct trigger_moment moment = {
        .number = ++all->moments,
        .expression = all->met->text,
        .text = all->text,
        .ticks = all->met_ticks,
        .from_ticks = all->met_ticks > before ? all->met_ticks - before : 0,
        .to_ticks = all->met_ticks + after < now ? all->met_ticks + after : now,
        .others = all->others,
        .is_end = is_end,
    };

    moment.is_last = is_end || is_over(all);
    all->pending = false;
    all->others = 0;
    all->quiet_until_ns = clock_monotonic_ns() + o->cool_down_ns;
    o->moment(o->context, d, &moment);
}

static void moment_begin(struct drain *d, const struct trigger *trigger,
                         const struct trigger_event *event)
{
    struct triggers *all = d->triggers;
    char what[TRIGGER_TEXT_BYTES / 2];

    trigger_event_print(d, event, what, sizeof(what));
    snprintf(all->text, sizeof(all->text), "trigger %.400s: %s", trigger->text, what);
    all->pending = true;
    all->met = trigger;
    all->met_ticks = event->ticks;
    all->due_ns = clock_monotonic_ns() + all->options.after_ns;
}

static void trigger_met(struct drain *d, const struct trigger *trigger,
                        const struct trigger_event *event)
{
    struct triggers *all = d->triggers;
    bool is_exit = event->schema == &own_event_types[OWN_EXIT];

    if (is_exit && all->pending)
        moment_make(d, false); /* the end is a moment of its own */
    if (all->pending || is_over(all) || (!is_exit && clock_monotonic_ns() < all->quiet_until_ns)) {
        all->others++;
        return;
    }
    moment_begin(d, trigger, event);
}

void triggers_turn(struct drain *d)
{
    struct triggers *all = d->triggers;
    uint64_t now_ns = clock_monotonic_ns();

    triggers_open_look(d, now_ns);
    if (all->pending && now_ns >= all->due_ns)
        moment_make(d, false);
    d->wait.due_ns = all->has_open ? all->look_ns : 0;
    if (all->pending && (!all->has_open || all->due_ns < all->look_ns))
        d->wait.due_ns = all->due_ns;
}

void triggers_finish(struct drain *d)
{
    if (d->triggers->pending)
        moment_make(d, true);
}

/* ---- tests ---- */

bool trigger_test_take(struct drain *d, struct trigger_test *test,
                       const struct trigger_event *event, bool fits)
{
    bool crosses = fits && !test->was_met;

    if (event->schema->phase == ADA_PHASE_COUNTER)
        test->was_met = fits;
    if (crosses)
        trigger_met(d, test->trigger, event);
    return crosses;
}

static void own_event(struct drain *d, enum own_event own, const struct drain_process *p,
                      const struct drain_thread *t, const void *payload, uint32_t size,
                      uint64_t ticks)
{
    const struct expression_emitter emitter = {.thread = t ? t->name : "",
                                               .process = trigger_process_name(p),
                                               .tid = t ? t->tid : 0,
                                               .pid = p ? p->pid : 0};
    struct expression_event values = {.payload = payload,
                                      .payload_bytes = size,
                                      .emitter = &emitter,
                                      .time_ns = triggers_time_ns(d, ticks)};
    const struct trigger_event event = {.schema = &own_event_types[own],
                                        .process = p,
                                        .thread = t,
                                        .ticks = ticks,
                                        .values = &values};
    struct triggers *all = d->triggers;

    for (unsigned i = 0; i < all->count; i++)
        if (all->list[i].own[own].program)
            trigger_test_take(d, &all->list[i].own[own], &event,
                              expression_fits(all->list[i].own[own].program, &values));
}

void triggers_gap(struct drain *d, const struct drain_process *p, const struct drain_thread *t,
                  const struct trace_gap *gap)
{
    const struct own_gap payload = {
        .records = gap->records, .bytes = gap->bytes, .kind = (int32_t)gap->kind};

    /* Entries and exits are missing: what was open may have ended. */
    if (t && t->trigger_calls)
        t->trigger_calls->count = t->trigger_calls->beyond = 0;
    own_event(d, OWN_GAP, p, t, &payload, sizeof(payload), gap->last_ticks);
}

void triggers_exit(struct drain *d, const struct drain_process *p)
{
    struct own_exit how = {0};

    if (p->status == -1 || p->replaced)
        return;
    if (WIFSIGNALED(p->status))
        how.signal = WTERMSIG(p->status);
    else
        how.status = WEXITSTATUS(p->status);
    own_event(d, OWN_EXIT, p, NULL, &how, sizeof(how), p->end_ticks);
}

void triggers_signal(struct drain *d)
{
    if (d->triggers)
        own_event(d, OWN_SIGNAL, NULL, NULL, "", 0, drain_now(d));
}
