/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_triggers.h"

#include <errno.h>
#include <limits.h>

#include "cli/message.h"
#include "cli/record_talk.h"
#include "cli/status.h"
#include "cli/where.h"

_Static_assert((int)RECORD_TRIGGERS_MAX <= (int)TRIGGERS_MAX, "all that can be said can be had");

int record_triggers_check(const struct record_settings *s)
{
    for (unsigned i = 0; i < s->trigger.count; i++) {
        struct expression_error error;
        int err = triggers_check(s->trigger.list[i], &error);

        if (err == -EINVAL)
            return where_refuse("--trigger", s->trigger.list[i], &error);
        if (err)
            return message_failure(err, "--trigger");
    }
    return STATUS_GOOD;
}

void record_triggers_options(const struct record_settings *s, struct collector_options *options)
{
    options->triggers = s->trigger.list;
    options->trigger_count = s->trigger.count;
    options->timing = (struct trigger_timing){
        .before_ns = (uint64_t)s->before_ns,
        .after_ns = (uint64_t)s->after_ns,
        .cool_down_ns = (uint64_t)s->cool_down_ns,
        .snapshots_max = s->snapshots_max < UINT_MAX ? (unsigned)s->snapshots_max : 0,
    };
    options->trigger_news = record_talk_news;
}
