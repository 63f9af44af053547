/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace info FILE`: where a trace comes from, and whether it is whole.
 */
#include <unistd.h>

#include "cli/command.h"
#include "cli/info.h"
#include "cli/input.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/terminal.h"

struct info_settings {
    int format; /* 0: text, 1: JSON */
    bool verbose;
};

static int info_print(const struct info *info, int format)
{
    struct out_buffer out;
    int status = out_open_stdout(&out), written;

    if (status)
        return message_failure(status, "%s", info->path);
    if (format == 0)
        status = info_print_text(info, &out);
    else
        info_print_json(info, &out);
    written = out_close(&out);
    if (status)
        return message_failure(status, "%s", info->path);
    if (written)
        return message_failure(written, "the output cannot be written");
    return STATUS_GOOD;
}

static int info_run(void *settings, int operand_count, char **operands)
{
    const struct info_settings *wanted = settings;
    struct input input;
    struct info info;
    int status = input_open(&input, operand_count, operands), opened;

    if (status)
        return status;
    opened = info_open(&info, input.trace, input.path);
    info.verbose = wanted->verbose;
    info.colour = terminal_has_colour(STDOUT_FILENO);
    status = opened ? message_failure(opened, "%s", input.path) : info_print(&info, wanted->format);
    info_close(&info);
    input_close(&input);
    return status;
}

static const struct option_row options[] = {
    {.letter = 'F',
     .name = "format",
     .words = "text|json",
     .help = "text for people (the default), json for programs",
     .type = &option_word,
     .offset = offsetof(struct info_settings, format)},
    {.letter = 'v',
     .name = "verbose",
     .help = "Modules, event types and how the blocks of the file were compressed as well",
     .type = &option_flag,
     .offset = offsetof(struct info_settings, verbose)},
    OPTION_HELP_ROW,
};

const struct command command_info = {
    .name = "info",
    .summary = "Tell where a trace comes from and whether it is whole",
    .operands = "[FILE]",
    .description =
        "Shows the machine, the command and the duration of the recording in FILE, and for every "
        "process and thread how many records were written, dropped and overwritten, how many "
        "bytes, and how full its ring has been. Without FILE, the only *.adatrace of the current "
        "folder is read.\n"
        "\n"
        "A trace is complete when the recording ended properly and nothing was lost. The blocks of "
        "events are not read for that: whether they are undamaged is for 'adatrace verify' to say.",
    .statuses = "0\tthe information was printed\n"
                "1\tFILE cannot be read\n"
                "2\tthe command line was not understood\n",
    .examples = "adatrace info git.adatrace\tabout one trace\n"
                "adatrace info -F json | jq .complete\twas anything lost\n",
    .options = options,
    .completes = COMPLETES_TRACES,
    .operands_max = 1,
    .settings_bytes = sizeof(struct info_settings),
    .run = info_run,
};
