/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on and off. Each type that this process registered has a switch in the segment, and the
 * event's `on` points there. What decides is the last word: the session's globs, what steering said
 * since, what the program itself said since.
 *
 * A forked child has its parent's switches until it throws one itself: then it gets one of its own,
 * which the parent does not see. Steering finds both.
 */
#include <errno.h>
#include <stdio.h>

#include "base/atomic.h"
#include "base/glob_words.h"
#include "base/schema.h"
#include "registry/switches.h"
#include "tracer/event_list.h"

enum {
    NAME_BYTES = 2 * SCHEMA_NAME_MAX + 2,
    TRIES_MAX = 100 /* rules that change all the time, in a segment that somebody scribbles on */
};

/* Under the list's lock. */
static struct {
    struct switch_rules rules; /* what the segment says; generation 0: not read */
    struct glob_words words;   /* what the program said */
    struct glob_words draft;
} said;

/* Where events point that have no switch. */
static const uint8_t fixed[] = {0, 1};

static void point(struct ada_event *e, const uint8_t *on)
{
    /* On. Release: the tag, and what the arena says of it, are visible to who sees the event on.
     * Pairs with the acquire of on in ada__event_is_on(). */
    if (load_relaxed(&e->on) != on)
        store_release(&e->on, on);
}

void event_put_out(struct ada_event *e)
{
    point(e, &fixed[0]);
}

/* ---- switches ---- */

static struct segment *here(void)
{
    return &tracer_state.segment;
}

static int place_take(struct ada_event *e, uint16_t forks)
{
    const struct ada_event *twin = event_twin(e);
    int n;

    if (twin && twin->place && (twin->forks == forks || !e->place)) {
        e->place = twin->place;
        e->forks = twin->forks;
        return 0;
    }
    n = switch_take(here(), e->tag >> ADA_RECORD_TYPE_SHIFT, e->level);
    if (n < 0)
        return n;
    e->place = (uint16_t)(n + 1);
    e->forks = forks;
    return 0;
}

/* A switch of the child's own, which stands as its parent's does. */
static int place_own(struct ada_event *e)
{
    struct switch_view before;
    int err;

    if (e->forks == tracer_state.forks)
        return 0;
    (void)switch_look(here(), e->place - 1u, &before);
    err = place_take(e, tracer_state.forks);
    if (!err)
        (void)switch_decide(here(), e->place - 1u, before.decided);
    return err;
}

/* What the program itself said, if that is the last word. */
static int decide_own(struct ada_event *e, struct glob_verdict own)
{
    struct switch_view view;
    int err;

    (void)switch_look(here(), e->place - 1u, &view);
    if (view.decided.stamp >= own.stamp)
        return 0;
    err = place_own(e);
    if (!err)
        (void)switch_decide(here(), e->place - 1u, own);
    return err;
}

/* No switch is left: it stays as it is decided now, and nobody can steer it. */
static const uint8_t *fix(const struct ada_event *e, struct glob_verdict verdict)
{
    return &fixed[verdict.on && switches_pass(here(), e->level)];
}

static const uint8_t *decide(struct ada_event *e)
{
    char name[NAME_BYTES];
    struct glob_verdict own, rules;
    int tries = 0;

    snprintf(name, sizeof(name), "%s:%s", e->provider, e->name);
    own = glob_words_find(&said.words, name);
    do {
        if (!said.rules.generation || tries)
            switches_rules(here(), &said.rules);
        rules = switch_verdict(&said.rules, name);
        if (!e->place && place_take(e, tracer_state.forks))
            return fix(e, glob_verdict_later(rules, own));
        (void)switch_decide(here(), e->place - 1u, rules);
    } while (!switches_rules_hold(here(), &said.rules) && ++tries < TRIES_MAX);
    if (own.stamp && decide_own(e, own))
        return fix(e, own);
    return switch_flag(here(), e->place - 1u);
}

int event_follow(struct ada_event *e)
{
    /* relaxed: who stops or starts a session refreshes all types after it. */
    bool lives = tracer_is_attached() && !load_relaxed(&tracer_state.stopped);
    int err = lives ? event_identify(e) : 0;

    if (lives && !err)
        point(e, decide(e));
    else
        event_put_out(e);
    return err;
}

void event_switches_put_out(void)
{
    /* Whoever is at it may be the thread that we interrupt: the next event that finds no room
     * tries again. */
    if (!events_try_lock())
        return;
    for (struct ada_event *e = events_first(); e; e = e->next)
        event_put_out(e);
    events_unlock();
}

/* Words from before there was a segment: they are said now. */
static void words_catch_up(void)
{
    static bool done;

    if (!done)
        glob_words_restamp(&said.words, switches_stamp(here(), said.words.count));
    done = true;
}

void event_switches_refresh(void)
{
    if (!events_lock())
        return;
    said.rules.generation = 0;
    words_catch_up();
    for (struct ada_event *e = events_first(); e; e = e->next)
        (void)event_follow(e);
    events_unlock();
}

/* ---- the program's word ---- */

static int say(const char *globs, bool on)
{
    uint64_t stamp = 0;

    if (tracer_is_attached())
        stamp = switches_stamp(here(), glob_words_count(globs));
    return glob_words_say(&said.words, &said.draft, globs, on, stamp);
}

static int switch_events(const char *globs, bool on)
{
    int changed;

    tracer_fork_child(); /* what a child says is its own */
    if (!globs)
        return -EINVAL;
    if (!events_lock())
        return -EAGAIN;
    changed = say(globs, on);
    changed = changed < 0 ? changed : 0;
    for (struct ada_event *e = events_first(); e && changed >= 0; e = e->next) {
        bool before = ada_event_is_on(e);

        (void)event_follow(e);
        changed += ada_event_is_on(e) != before;
    }
    events_unlock();
    return changed;
}

int ada_events_enable(const char *globs)
{
    return switch_events(globs, true);
}

int ada_events_disable(const char *globs)
{
    return switch_events(globs, false);
}
