/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace rotate`: a running session goes on in another file.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/out_buffer.h"
#include "cli/session_find.h"
#include "cli/status.h"

struct rotate_settings {
    bool unused;
};

static int rotate_run(void *settings, int operand_count, char **operands)
{
    struct session_answer answer = {0};
    struct out_buffer out;
    int status = session_ask(operand_count ? operands[0] : NULL, "rotate", 0, NULL, &answer, NULL),
        err;

    (void)settings;
    if (status)
        return status;
    err = out_open_stdout(&out);
    if (!err) {
        out_printf(&out, "%s\n", answer.body);
        err = out_close(&out);
    }
    session_answer_free(&answer);
    return err ? message_failure(err, "the output cannot be written") : STATUS_GOOD;
}

static const struct option_row options[] = {OPTION_HELP_ROW};

const struct command command_rotate = {
    .name = "rotate",
    .summary = "Have a running session go on in another file",
    .operands = "[SESSION]",
    .description =
        "The session ends the file that it writes and goes on in the next one, whose path is "
        "printed: NAME.0002.adatrace after NAME.adatrace or NAME.0001.adatrace. Both are complete "
        "traces; no record is lost between them, and nothing waits. The file left behind is "
        "complete a moment later, when its symbols are in it. 'adatrace record "
        "--rotate-size' and --rotate-time do the same by themselves.\n"
        "\n"
        "SESSION is a process id or a name as 'adatrace list' shows them; it may be left out when "
        "only one session runs.",
    .statuses = "0\tthe session writes the file that was printed\n"
                "1\tno such session, or that file cannot be written\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace rotate\tthe only session that runs\n"
                "adatrace rotate 4711\tthat of process 4711\n",
    .options = options,
    .completes = COMPLETES_SESSIONS,
    .operands_max = 1,
    .settings_bytes = sizeof(struct rotate_settings),
    .run = rotate_run,
};
