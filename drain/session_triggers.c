/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/session_triggers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drain/drain_state.h"

struct session_triggers {
    struct session_triggers_options options;
    struct triggers *triggers; /* the drain's */
    struct drain *drain;
    uint64_t ticks_per_second;
    bool kept_end;
};

/* ---- a moment ---- */

/* A snapshot on its way: what to say when it is there. */
struct moment_wish {
    struct session_triggers *owner;
    char text[TRIGGER_TEXT_BYTES];
};

static void tell(const struct session_triggers *t, const char *text)
{
    if (t->options.tell)
        t->options.tell(t->options.context, text);
}

static void trouble_tell(void *context, const char *text)
{
    struct session_triggers *t = context;

    drain_note(t->drain, TRACE_NOTE_WARNING, text);
    tell(t, text);
}

static void moment_fail(struct session_triggers *t, const char *text, int status)
{
    char line[TRIGGER_TEXT_BYTES + 128];

    snprintf(line, sizeof(line), "%s; no snapshot can be written: %s", text,
             strerrordesc_np(-status));
    trouble_tell(t, line);
}

static void moment_done(void *context, const struct snapshot_result *result)
{
    struct moment_wish *wish = context;
    char line[TRIGGER_TEXT_BYTES + PATH_MAX + 16];

    snprintf(line, sizeof(line), "%s; wrote %s", wish->text, result->path);
    if (result->status)
        moment_fail(wish->owner, wish->text, result->status);
    else
        tell(wish->owner, line);
    free(wish);
}

static void moment_note(struct drain *d, const struct trigger_moment *moment)
{
    if (moment->others)
        drain_write_note(d, TRACE_NOTE_INFO, TRACE_PROCESS_NONE, "%s; met %llu more times since",
                         moment->text, (unsigned long long)moment->others);
    else
        drain_write_note(d, TRACE_NOTE_INFO, TRACE_PROCESS_NONE, "%s", moment->text);
}

static void moment_keep(void *context, struct drain *d, const struct trigger_moment *moment)
{
    struct session_triggers *t = context;
    struct moment_wish *made = calloc(1, sizeof(*made));
    struct snapshot_wish wish = {
        .from_ticks = moment->from_ticks, .done = moment_done, .context = made};
    int err = made ? 0 : -ENOMEM;

    moment_note(d, moment);
    if (made) {
        made->owner = t;
        snprintf(made->text, sizeof(made->text), "%s", moment->text);
        err = session_files_snapshot_here(t->options.files, d, &wish);
    }
    if (err) {
        moment_fail(t, moment->text, err);
        free(made);
    }
    t->kept_end |= !err && moment->is_end;
}

static const char *name_ask(void *context, const struct drain_module *module, uint64_t address)
{
    const struct session_triggers *t = context;

    return t->options.function_name(t->options.context, module, address);
}

/* ---- all of them ---- */

static struct trigger_options trigger_options_of(struct session_triggers *t)
{
    const struct trigger_timing *timing = &t->options.timing;

    return (struct trigger_options){
        .before_ns = timing->before_ns,
        .after_ns = timing->after_ns,
        .cool_down_ns = timing->cool_down_ns,
        .moments_max = timing->snapshots_max,
        .ticks_per_second = t->ticks_per_second,
        .context = t,
        .moment = moment_keep,
        .tell = trouble_tell,
        .function_name = t->options.function_name ? name_ask : NULL,
    };
}

int session_triggers_create(struct session_triggers **out,
                            const struct session_triggers_options *options)
{
    struct session_triggers *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->options = *options;
    t->ticks_per_second = clock_source_rate(options->clock);
    *out = t;
    return 0;
}

void session_triggers_destroy(struct session_triggers *t)
{
    free(t);
}

int session_triggers_add(struct session_triggers *t, struct drain *d, const char *expression,
                         const struct trigger_timing *timing, struct expression_error *error)
{
    struct trigger_options options;
    int status = 0;

    if (timing)
        t->options.timing = *timing;
    options = trigger_options_of(t);
    t->drain = d;
    if (!t->triggers)
        status = triggers_create(&t->triggers, &options);
    if (status)
        return status;
    triggers_set_options(t->triggers, &options);
    status = triggers_add(t->triggers, expression, error);
    /* Also after a refusal: the first one has made the set, and the drain is to own it. */
    drain_set_triggers(d, t->triggers);
    return status;
}

bool session_triggers_kept_end(const struct session_triggers *t)
{
    return t && t->kept_end;
}
