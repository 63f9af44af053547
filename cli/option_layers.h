/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option layers: what a command's options are when the command line did not say it.
 *
 *     command line  >  its preset  >  ADATRACE_NAME  >  that preset  >  the user's file  >  ...
 *     ... that preset  >  the system's file  >  that preset  >  defaults
 *
 * Every word goes through the row of the command's own table, wherever it comes from, so there is
 * no second list of options, and a refusal names the place. In a file, what stands below [COMMAND]
 * is stronger than what stands before any section. A preset is a set of options: it stands just
 * below what is said one by one in the same place. Main thread.
 */
#ifndef ADATRACE_CLI_OPTION_LAYERS_H
#define ADATRACE_CLI_OPTION_LAYERS_H

#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/option_parse.h"

enum { OPTION_FILES_MAX = 2 };

struct option_layers {
    const struct command *const *commands; /* all there are, for names and suggestions */
    struct config_file files[OPTION_FILES_MAX];
    unsigned file_count;
    unsigned layer; /* the one that is being filled in */
};

/*
 * Read the files: only `named` if it is not NULL, else the one that ADATRACE_CONFIG names, else the
 * user's and the system's. 0, or -EINVAL with `problem` (of 512 bytes) filled in. Free in any case;
 * what option_layers_apply() filled in points into it.
 */
int option_layers_read(struct option_layers *layers, const struct command *const *all,
                       const char *named, char *problem) __attribute__((warn_unused_result));
void option_layers_free(struct option_layers *layers);

/* Fill in what option_line_parse() has left; line->origins is needed. 0, or -EINVAL with
 * line->problem filled in. */
int option_layers_apply(struct option_layers *layers, const struct command *command,
                        struct option_line *line) __attribute__((warn_unused_result));

/* Can it be said in a file and in the environment? */
bool option_is_layered(const struct option_row *row);

#endif
