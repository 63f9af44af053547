/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace help [COMMAND]`: the same text as `adatrace [COMMAND] --help`.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/status.h"

static int help_run(void *settings, int operand_count, char **operands)
{
    const struct command *command;

    (void)settings;
    if (!operand_count) {
        help_print(stdout);
        return STATUS_GOOD;
    }
    command = command_find(operands[0]);
    if (!command) {
        message_print("there is no command '%.60s'; 'adatrace help' lists them", operands[0]);
        return STATUS_MISUSE;
    }
    help_print_command(stdout, command);
    return STATUS_GOOD;
}

static const struct option_row options[] = {
    {.letter = 'h', .name = "help", .help = "Show this help", .type = &option_help},
    {0},
};

const struct command command_help = {
    .name = "help",
    .summary = "Tell about adatrace or one of its commands",
    .operands = "[COMMAND]",
    .description = "Shows the list of commands, or what one of them does and which options it "
                   "takes.",
    .options = options,
    .completes = COMPLETES_OWN,
    .says_all_itself = true,
    .operands_max = 1,
    .run = help_run,
};
