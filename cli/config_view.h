/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Config view: the options of commands as they are in force, and how they are shown. Main thread.
 */
#ifndef ADATRACE_CLI_CONFIG_VIEW_H
#define ADATRACE_CLI_CONFIG_VIEW_H

#include "cli/option_layers.h"
#include "cli/out_buffer.h"

struct config_view {
    const struct command *command;
    struct option_line line; /* settings and origins filled in */
    char **words;            /* a copy, for the parser to move */
};

/* Of one command with these words behind it. 0; -EINVAL: view->line.problem tells; -ENOMEM. */
int config_view_make(struct config_view *view, struct option_layers *layers,
                     const struct command *command, int count, char *const *words)
    __attribute__((warn_unused_result));
void config_view_free(struct config_view *view);

struct config_shown {
    const struct option_layers *layers;
    const struct config_view *views;
    size_t count;
    bool only_changed; /* leave out what is as by default */
};

/* 0 or a negative errno. */
int config_text_print(const struct config_shown *shown, struct out_buffer *out, bool colour)
    __attribute__((warn_unused_result));
void config_json_print(const struct config_shown *shown, struct out_buffer *out);

#endif
