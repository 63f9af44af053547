/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/steer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/event_level.h"
#include "base/glob.h"
#include "base/quantity.h"
#include "drain/drain_state.h"

static void note(struct drain *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct drain *d, const char *format, ...)
{
    char text[3072];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    drain_write_note(d, TRACE_NOTE_INFO, TRACE_PROCESS_NONE, "%s", text);
}

/* Between these, what other threads read changes. */
static struct steering *change_begin(struct drain *d)
{
    pthread_mutex_lock(&d->lock);
    return &d->steering;
}

static void change_end(struct drain *d)
{
    d->steering.version++;
    pthread_mutex_unlock(&d->lock);
}

static uint32_t gate_of(const struct steering *s)
{
    return s->paused ? SWITCH_GATE_SHUT : switch_gate(s->level);
}

/* ---- one segment ---- */

/* Decide all switches whose type is known by what the segment's rules say. Returns how many went on
 * or off. */
static unsigned switches_decide(struct drain *d, struct drain_source *s)
{
    struct switch_rules *rules = &d->steering.rules;
    uint32_t taken = switches_taken(&s->segment);
    struct switch_view view;
    unsigned changed = 0;

    switches_rules(&s->segment, rules);
    for (uint32_t n = 0; n < taken; n++)
        if (switch_look(&s->segment, n, &view) && view.type < s->names.count &&
            s->names.of[view.type])
            changed += switch_decide(&s->segment, n, switch_verdict(rules, s->names.of[view.type]));
    return changed;
}

void steer_types_came(struct drain *d, struct drain_source *s)
{
    if (d->steering.version)
        (void)switches_decide(d, s);
}

/* Types that come by now find the words; those that have come are decided. */
static unsigned words_apply(struct drain *d, struct drain_source *s, uint64_t since)
{
    switches_say(&s->segment, &d->steering.words, since);
    source_hear(d, s);
    return switches_decide(d, s);
}

static void policy_apply(const struct drain *d, struct drain_source *s)
{
    const struct steering *steering = &d->steering;

    /* Whoever waits by then is told of room as before: readers first. */
    for (uint32_t slot = 0; slot < s->bound; slot++)
        if (s->threads[slot] && steering->policy == RING_BLOCK)
            s->threads[slot]->reader.policy = RING_BLOCK;
    (void)!registry_set_policy(&s->segment, steering->policy, steering->timeout_ns);
}

uint64_t steer_dress(struct drain *d, struct segment *segment)
{
    struct steering *s = &d->steering;
    uint64_t version;

    pthread_mutex_lock(&d->lock);
    version = s->version;
    if (version) {
        switches_say(segment, &s->words, 0);
        switches_gate_set(segment, gate_of(s));
        if (s->has_policy)
            (void)!registry_set_policy(segment, s->policy, s->timeout_ns);
    }
    pthread_mutex_unlock(&d->lock);
    return version;
}

void steer_attached(struct drain *d, struct drain_source *s, uint64_t version)
{
    if (version == d->steering.version) {
        steer_types_came(d, s);
        return;
    }
    (void)words_apply(d, s, version);
    switches_gate_set(&s->segment, gate_of(&d->steering));
    if (d->steering.has_policy)
        policy_apply(d, s);
}

void steer_reused(struct drain *d, struct drain_source *s)
{
    (void)switches_decide(d, s);
}

/* ---- which events are on ---- */

static unsigned types_count(const struct drain_source *s, const struct glob_words *words)
{
    unsigned count = 0;

    for (uint32_t id = 0; id < s->names.count; id++)
        if (s->names.of[id])
            count += glob_words_find(words, s->names.of[id]).stamp != 0;
    return count;
}

int steer_events(struct drain *d, const char *globs, bool on, const char *who,
                 struct steer_count *count)
{
    struct steering *steering = change_begin(d);
    struct glob_words asked = {0};
    uint64_t before = steering->version;
    int err = glob_words_say(&asked, &steering->draft, globs, on, 1);

    *count = (struct steer_count){0};
    if (err >= 0)
        err = glob_words_say(&steering->words, &steering->draft, globs, on, before + 1);
    if (err > 0)
        steering->version += (unsigned)err;
    change_end(d);
    if (err < 0)
        return err;
    for (struct drain_source *s = d->sources; s; s = s->next) {
        count->changed += words_apply(d, s, before);
        count->matching += types_count(s, &asked);
    }
    if (count->changed > count->matching) /* forked children with switches of their own */
        count->changed = count->matching;
    note(d, "events %s by %s: %s", on ? "switched on" : "switched off", who, globs);
    return 0;
}

static void gates_set(struct drain *d)
{
    for (struct drain_source *s = d->sources; s; s = s->next)
        switches_gate_set(&s->segment, gate_of(&d->steering));
}

int steer_pause(struct drain *d, bool pause, const char *who)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t since_ns = d->steering.paused_ns;

    if (d->steering.paused == pause)
        return 0;
    change_begin(d)->paused = pause;
    d->steering.paused_ns = now_ns;
    change_end(d);
    gates_set(d);
    if (pause)
        note(d, "paused by %s: every event is off", who);
    else
        note(d, "resumed by %s after %.3f s", who, (double)(now_ns - since_ns) / 1e9);
    return 1;
}

int steer_events_level(struct drain *d, uint32_t level, const char *who)
{
    change_begin(d)->level = level;
    change_end(d);
    gates_set(d);
    note(d, "events less important than %s switched off by %s", event_level_name(level), who);
    return 0;
}

/* ---- how it records ---- */

int steer_policy(struct drain *d, enum ring_policy policy, uint64_t timeout_ns, const char *who)
{
    struct steering *steering;
    char text[QUANTITY_MAX];

    if ((policy == RING_OVERWRITE) != (d->options.policy == RING_OVERWRITE))
        return -ENOTSUP;
    steering = change_begin(d);
    steering->has_policy = true;
    steering->policy = policy;
    steering->timeout_ns = timeout_ns;
    change_end(d);
    for (struct drain_source *s = d->sources; s; s = s->next)
        policy_apply(d, s);
    if (policy == RING_BLOCK && timeout_ns)
        note(d, "policy block:%s set by %s", quantity_print_time(text, timeout_ns), who);
    else
        note(d, "policy %s set by %s", policy == RING_BLOCK ? "block" : "drop", who);
    return 0;
}

int steer_ring_max(struct drain *d, uint64_t *bytes, const char *who)
{
    int64_t most = ring_capacity_for(*bytes);
    char text[QUANTITY_MAX];

    if (most < 0)
        return (int)most;
    *bytes = (uint64_t)most;
    /* All segments of a session are alike. */
    if (d->sources) {
        const struct segment_geometry *g = &d->sources->segment.geometry;
        uint64_t addresses = segment_ring_capacity(g);

        *bytes = *bytes > addresses ? addresses : *bytes < g->ring_bytes ? g->ring_bytes : *bytes;
    }
    d->steering.ring_max_bytes = *bytes;
    note(d, "rings may grow to %s, set by %s", quantity_print_bytes(text, *bytes), who);
    return 0;
}

int steer_level(struct drain *d, const int *level, const char *who, int *in_force)
{
    int err;

    *in_force = level ? *level : d->options.level;
    pace_want(&d->pace, *in_force);
    err = trace_writer_set_level(d->writer, *in_force);
    if (err)
        return err;
    note(d, "compression level %d%s set by %s", *in_force, level ? "" : " (auto)", who);
    return 0;
}

int steer_wait(struct drain *d, const struct wait_choice *choice, const char *who)
{
    char text[WAIT_CHOICE_MAX];
    int err = drain_set_wait(d, choice);

    if (!err)
        note(d, "wait %s set by %s", wait_choice_print(text, choice), who);
    return err;
}

/* ---- the end ---- */

int steer_end(struct drain *d, const char *who)
{
    note(d, "recording ended by %s", who);
    for (struct drain_source *s = d->sources; s; s = s->next)
        switches_gate_set(&s->segment, SWITCH_GATE_SHUT);
    return 0;
}
