/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace disable`: event types of a running session go off. */
#include "cli/command.h"
#include "cli/steer_session.h"

static int disable_run(void *settings, int operand_count, char **operands)
{
    return steer_events_command(settings, operand_count, operands, false);
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_disable = {
    .name = "disable",
    .summary = "Switch event types of a running session off",
    .operands = "[SESSION] GLOB...",
    .description =
        "Switches those event types off that match one of the patterns over PROVIDER:EVENT: the "
        "opposite of 'adatrace enable', which tells the rest. An event that is off costs its "
        "program next to nothing.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. What was changed, when, and by whom stands as a note in the trace.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace disable 'function:*'\tno more calls of functions\n"
                "adatrace disable 4242 '*' '!sql:*'\tnothing but sql, of process 4242\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 1,
    .operands_max = -1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = disable_run,
};
