/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace resume`: the end of a pause. */
#include "cli/command.h"
#include "cli/steer_session.h"

static int resume_run(void *settings, int operand_count, char **operands)
{
    return steer_simply(settings, operand_count, operands, "resume", "resumed", "was not paused");
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_resume = {
    .name = "resume",
    .summary = "End a session's pause",
    .operands = "[SESSION]",
    .description =
        "Has those event types on again that were on when the session was paused, as changed by "
        "what was said meanwhile.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. A note in the trace says how long the pause was.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace resume redis-server\tthe session of that program\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 0,
    .operands_max = 1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = resume_run,
};
