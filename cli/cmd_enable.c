/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace enable`: event types of a running session go on. */
#include "cli/command.h"
#include "cli/steer_session.h"

static int enable_run(void *settings, int operand_count, char **operands)
{
    return steer_events_command(settings, operand_count, operands, true);
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_enable = {
    .name = "enable",
    .summary = "Switch event types of a running session on",
    .operands = "[SESSION] GLOB...",
    .description =
        "Switches those event types on that match one of the patterns over PROVIDER:EVENT, in all "
        "processes that the session traces and in those to come, without stopping or slowing "
        "them. A pattern that starts with ! switches its matches off. Types that a program "
        "registers later follow, too.\n"
        "\n"
        "The last word counts, whoever said it: the session's own --events, this command, or the "
        "program itself by ada_events_enable() and ada_events_disable(). Types that are less "
        "important than --min-level allows stay off.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. What was changed, when, and by whom stands as a note in the trace.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace enable 'sql:*'\tof the only session\n"
                "adatrace enable redis-server 'memory:*' '!memory:free'\t"
                "allocations, but not what is freed\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 1,
    .operands_max = -1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = enable_run,
};
