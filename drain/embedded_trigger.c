/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/embedded_trigger.h"

#include <errno.h>
#include <stdio.h>

struct add_call {
    struct session_triggers *triggers;
    const char *expression;
    struct trigger_timing timing;
    struct expression_error error;
};

static int add_run(struct drain *drain, void *context)
{
    struct add_call *call = context;

    return session_triggers_add(call->triggers, drain, call->expression, &call->timing,
                                &call->error);
}

static struct trigger_timing timing_of(const struct session_host_trigger *wish)
{
    struct trigger_timing timing = TRIGGER_TIMING_DEFAULT;

    if (wish->before_ns)
        timing.before_ns = wish->before_ns;
    if (wish->after_ns)
        timing.after_ns = wish->after_ns;
    if (wish->cool_down_ns)
        timing.cool_down_ns = wish->cool_down_ns;
    if (wish->snapshots_max)
        timing.snapshots_max = wish->snapshots_max == UINT32_MAX ? 0 : wish->snapshots_max;
    return timing;
}

static void refusal_print(const struct session_host_trigger *wish,
                          const struct expression_error *error)
{
    char shown[EXPRESSION_SHOWN_MAX];

    if (wish->message)
        snprintf(wish->message, wish->message_bytes, "%s\n%s", error->message,
                 expression_error_show(error, wish->expression, shown));
}

int embedded_trigger_add(struct session_triggers **triggers, struct drain *drain,
                         struct session_files *files, enum clock_source clock,
                         const struct session_host_trigger *wish)
{
    const struct session_triggers_options options = {.files = files, .clock = clock};
    struct add_call call = {.expression = wish->expression, .timing = timing_of(wish)};
    /* First here: a mistake need not wait for the drain. */
    int err = triggers_check(wish->expression, &call.error);

    if (err == -EINVAL)
        refusal_print(wish, &call.error);
    if (!err && !*triggers)
        err = session_triggers_create(triggers, &options);
    if (err)
        return err;
    call.triggers = *triggers;
    return drain_call(drain, add_run, &call);
}
