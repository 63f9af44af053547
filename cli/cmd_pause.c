/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace pause`: every event of a running session off for a while. */
#include "cli/command.h"
#include "cli/steer_session.h"

static int pause_run(void *settings, int operand_count, char **operands)
{
    return steer_simply(settings, operand_count, operands, "pause", "paused", "is paused already");
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_pause = {
    .name = "pause",
    .summary = "Pause a running session",
    .operands = "[SESSION]",
    .description =
        "Switches every event off and forgets nothing: 'adatrace resume' restores what was on, as "
        "changed by what was said meanwhile. The file stays open, and the programs run on.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. Both leave a note in the trace, so that nobody wonders about the "
        "hole.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace pause\tthe only session\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 0,
    .operands_max = 1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = pause_run,
};
