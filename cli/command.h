/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: the one table of what `adatrace` can do.
 *
 * A command is one file, cli/cmd_NAME.c, that exports one row; cli/commands.c lists them. Dispatch,
 * help, man pages and completion walk the table and know no command by name. Constant data; the
 * commands themselves run on the main thread.
 */
#ifndef ADATRACE_CLI_COMMAND_H
#define ADATRACE_CLI_COMMAND_H

#include "cli/option.h"

/* A set of options under one name. */
struct option_preset_word {
    const char *name, *word; /* as on a command line, without the dashes; NULL ends the set */
};
struct option_preset {
    const char *name;
    const struct option_preset_word *words;
};

struct command {
    const char *name;
    const char *summary;     /* one line, imperative, no full stop */
    const char *operands;    /* as the usage line shows them: "[FILE]" */
    const char *description; /* for people; paragraphs part at an empty line */
    const char *statuses;    /* one "N<tab>meaning" a line; NULL: none but the usual */
    const char *examples;    /* one "command line<tab>what it does" a line; NULL: none */

    const struct option_row *options;
    const struct option_preset *presets; /* in the order of the option_preset row's words */
    bool says_all_itself;            /* files and the environment say nothing about its options */
    enum option_completes completes; /* what the operands are */
    int operands_min, operands_max;  /* -1: as many as there are */
    bool operands_end_options;       /* the first operand ends our options: `record CMD -x` */

    size_t settings_bytes; /* what the options' offsets point into */
    const void *defaults;  /* its content before the command line is read */
    /* Returns the exit status. `settings` is a filled-in copy of the defaults. */
    int (*run)(void *settings, int operand_count, char **operands);
};

extern const struct command command_record;
extern const struct command command_snapshot;
extern const struct command command_rotate;
extern const struct command command_decode;
extern const struct command command_report;
extern const struct command command_info;
extern const struct command command_verify;
extern const struct command command_cut;
extern const struct command command_merge;
extern const struct command command_recover;
extern const struct command command_replay;
extern const struct command command_list;
extern const struct command command_tail;
extern const struct command command_top;
extern const struct command command_config;
extern const struct command command_enable;
extern const struct command command_disable;
extern const struct command command_pause;
extern const struct command command_resume;
extern const struct command command_stop;
extern const struct command command_set;
extern const struct command command_help;

/* All commands in the order of --help; NULL ends the table. */
extern const struct command *const commands[];

/* The options of `adatrace` itself. */
struct global_settings {
    bool version;
    const char *print_man;        /* "adatrace" or a command's name */
    const char *print_completion; /* "bash" */
};
extern const struct option_row global_options[];
/* From here on global_options are for the build, not for people: --help leaves them out. */
extern const unsigned global_options_shown;

/* NULL: there is none of this name. */
const struct command *command_find(const char *name);

#endif
