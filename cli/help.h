/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help in all its forms, each made from the table of commands and nothing else. Main thread.
 */
#ifndef ADATRACE_CLI_HELP_H
#define ADATRACE_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* What `adatrace --help` shows. */
void help_print(FILE *to);
/* What `adatrace COMMAND --help` shows. */
void help_print_command(FILE *to, const struct command *command);

/* A page for man(1), in man(7) macros; NULL: the page of adatrace itself. */
void help_print_man(FILE *to, const struct command *command);

/* A script for bash's programmable completion. */
void help_print_bash(FILE *to);

#endif
