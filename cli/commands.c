/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <string.h>

/* One a line. */
/* clang-format off */
const struct command *const commands[] = {
    &command_record,
    &command_list,
    &command_tail,
    &command_top,
    &command_enable,
    &command_disable,
    &command_pause,
    &command_resume,
    &command_stop,
    &command_set,
    &command_snapshot,
    &command_rotate,
    &command_decode,
    &command_report,
    &command_info,
    &command_verify,
    &command_cut,
    &command_merge,
    &command_recover,
    &command_replay,
    &command_config,
    &command_help,
    NULL,
};
/* clang-format on */

const struct option_row global_options[] = {
    {.name = "version",
     .help = "Show the version",
     .type = &option_flag,
     .offset = offsetof(struct global_settings, version)},
    {.letter = 'h', .name = "help", .help = "Show this help", .type = &option_help},
    {.name = "print-man",
     .argument = "PAGE",
     .help = "Print the man page of adatrace or of a command",
     .type = &option_text,
     .offset = offsetof(struct global_settings, print_man)},
    {.name = "print-completion",
     .argument = "SHELL",
     .help = "Print the completion for a shell (bash)",
     .type = &option_text,
     .offset = offsetof(struct global_settings, print_completion)},
    {0},
};
const unsigned global_options_shown = 2;

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}
