/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace set`: how a running session records. */
#include "cli/command.h"
#include "cli/steer_session.h"

#include <stdio.h>
#include <string.h>

static int set_run(void *settings, int operand_count, char **operands)
{
    const struct steer_settings *wanted = settings;
    bool named = !strchr(operands[0], '=') && operand_count > 1;
    const char *name, *value;
    struct steer_reply reply;
    int status = steer_ask(named ? operands[0] : NULL, "set", (unsigned)(operand_count - named),
                           operands + named, &reply);

    if (status)
        return status;
    if (wanted->format == 1)
        status = steer_print_json(&reply);
    else
        for (unsigned n = 0; steer_pair(&reply, n, &name, &value); n++)
            printf("%s=%s\n", name, value);
    steer_reply_free(&reply);
    return status;
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_set = {
    .name = "set",
    .summary = "Change how a running session records",
    .operands = "[SESSION] KEY=VALUE...",
    .description =
        "Changes, for all processes that the session traces and for those to come:\n"
        "\n"
        "policy=drop|block|block:TIMEOUT: what happens to a record that finds its ring full. To "
        "or from overwrite there is no way while a session runs: its rings are laid out "
        "differently.\n"
        "\n"
        "ring=SIZE: the most that a thread's ring may grow to, 4K to 1G; rounded up to a power of "
        "two, not below --ring-size and not above --ring-max.\n"
        "\n"
        "level=N|auto: the zstd level of blocks from now on, -7 to 19, 0 stores; auto is what the "
        "recording began with. Under pressure the drain takes faster ones in either case.\n"
        "\n"
        "wait=STRATEGY: what the drain does while rings are empty: spin, yield, sleep, block, "
        "sleep:TIME or block:TIME.\n"
        "\n"
        "min-level=LEVEL: event types that are less important go off: critical, error, warning, "
        "notice, info or debug.\n"
        "\n"
        "All values are checked before any is set. Shown is what is in force then.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. Every change leaves a note in the trace.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace set policy=block:10ms level=3\tof the only session\n"
                "adatrace set redis-server min-level=warning\tnothing but what is serious\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 1,
    .operands_max = -1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = set_run,
};
