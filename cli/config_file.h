/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: what it says, line by line, and where it stands. Main thread.
 *
 *     ring-size = 8M          before any section: for every command that has such an option
 *     [record]
 *     policy = block:10ms     for `adatrace record`
 *     events = memory:*       as repeated options
 *     events = !memory:free
 *     # a comment; also ; which may follow a value after a space
 *
 * Which names there are is none of its business: cli/option_layers.h knows.
 */
#ifndef ADATRACE_CLI_CONFIG_FILE_H
#define ADATRACE_CLI_CONFIG_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_FILE_LINE_MAX = 190 }; /* bytes; what the parser is built for */

/* One line that says something; the texts belong to the file. */
struct config_entry {
    const char *section; /* "": none yet */
    const char *name, *value;
    unsigned line;
};

struct config_file {
    char path[PATH_MAX];
    bool is_there;
    struct config_entry *entries; /* in the order of the file */
    size_t count, capacity;
    bool no_memory;
    char problem[512];
};

/*
 * Read `path`. 0, also when there is no such file (is_there); -EINVAL: `problem` says why, as a
 * clause that begins with the file's name. `found` by ourselves, not named by the user: a file that
 * others may write to, or of somebody else, is refused.
 */
int config_file_read(struct config_file *file, const char *path, bool found)
    __attribute__((warn_unused_result));
void config_file_free(struct config_file *file);

/* $XDG_CONFIG_HOME/adatrace/adatrace.ini or below $HOME/.config; "": there is no home. */
void config_file_of_user(char path[PATH_MAX]);
#define CONFIG_FILE_OF_SYSTEM "/etc/adatrace/adatrace.ini"

#endif
