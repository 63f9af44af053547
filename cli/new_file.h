/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is there completely or not at all: written without a name, and given its name when it
 * is whole. Main thread.
 */
#ifndef ADATRACE_CLI_NEW_FILE_H
#define ADATRACE_CLI_NEW_FILE_H

#include <limits.h>
#include <stdbool.h>

struct new_file {
    char path[PATH_MAX];
    char temporary[PATH_MAX]; /* where the file system has none without a name; "": none */
    int fd;
    bool force, is_new; /* not a pipe or a device: these are written to as they are */
};

/*
 * Begin a file that will be `path`. A file that is there is replaced only by `force`. Returns a
 * descriptor, which is the caller's, or a negative errno after saying why on stderr. Then call
 * new_file_keep() or new_file_discard().
 */
int new_file_open(struct new_file *file, const char *path, bool force)
    __attribute__((warn_unused_result));

/* It is whole: give it its name. 0, or a negative errno after saying why; nothing is left then. */
int new_file_keep(struct new_file *file) __attribute__((warn_unused_result));

/* Leave nothing behind. */
void new_file_discard(struct new_file *file);

#endif
