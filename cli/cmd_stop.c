/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace stop`: the end of a recording, while the program goes on. */
#include "cli/command.h"
#include "cli/steer_session.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/status.h"

static int stop_run(void *settings, int operand_count, char **operands)
{
    const struct steer_settings *wanted = settings;
    struct steer_reply reply;
    int status = steer_ask(operand_count ? operands[0] : NULL, "stop", 0, NULL, &reply);

    if (status)
        return status;
    if (steer_number(&reply, "error"))
        status = message_failure((int)steer_number(&reply, "error"), "%s may not be complete",
                                 reply.entry.file);
    else if (wanted->format == 1)
        status = steer_print_json(&reply);
    else if (access(reply.entry.file, F_OK)) /* a flight recorder has none */
        printf("%s: ended\n", session_entry_name(&reply.entry));
    else
        printf("%s: ended; %s is complete\n", session_entry_name(&reply.entry), reply.entry.file);
    steer_reply_free(&reply);
    return status;
}

static const struct option_row options[] = {STEER_OPTIONS};

const struct command command_stop = {
    .name = "stop",
    .summary = "End a recording, while its program goes on",
    .operands = "[SESSION]",
    .description =
        "Ends the session at once and returns when its file is complete. 'adatrace record' goes on "
        "waiting for its program and passes on its exit status; the program runs on, with its "
        "events off. A session that an application started itself ends as by "
        "ada_session_stop().\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs. A note in the trace says who ended it.",
    .statuses = STEER_STATUSES,
    .examples = "adatrace stop 4242\tthe recording of process 4242\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_min = 0,
    .operands_max = 1,
    .settings_bytes = sizeof(struct steer_settings),
    .run = stop_run,
};
