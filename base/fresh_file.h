/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh file: a new file under a name that another one may have.
 *
 * Who still reads the old file, or records into it, keeps it; and it has its name until the new one
 * is there to take it: without a descriptor or room for one, nothing is lost.
 */
#ifndef ADATRACE_BASE_FRESH_FILE_H
#define ADATRACE_BASE_FRESH_FILE_H

#include <limits.h>
#include <stdbool.h>

/* Open `path` for writing, readable and writable by its owner only. Symbolic links are not
 * followed: with `replace` they are what is replaced. Returns the descriptor, the caller's, closed
 * on exec; or a negative errno, -EEXIST where it is there and may not be replaced. Any thread; not
 * async-signal-safe. */
int fresh_file_open(const char *path, bool replace);

/*
 * The same in two steps, for what may fail while it is written: the old file keeps its name, and
 * all that is in it, until the new one is complete. `name` becomes what the new one is called until
 * then: `path`, if nothing has that, else a name beside it.
 */
int fresh_file_begin(const char *path, bool replace, char name[PATH_MAX])
    __attribute__((warn_unused_result));
/* Does another file still have `path`? */
bool fresh_file_is_beside(const char *path, const char *name);
/* It is complete, and gets its name. 0 or a negative errno: then what was beside is removed. Its
 * descriptor is its owner's, and may be closed by now. */
int fresh_file_keep(const char *path, const char *name) __attribute__((warn_unused_result));

/*
 * As fresh_file_open(), for what has its name from the beginning, and may turn out to have been for
 * nothing. `old` becomes what the old file is called until one of the two is called: a name beside
 * `path`; "" where there is none, or its file system cannot exchange names.
 */
int fresh_file_exchange(const char *path, bool replace, char old[PATH_MAX])
    __attribute__((warn_unused_result));
void fresh_file_settle(const char *old);                 /* the new file stays */
void fresh_file_undo(const char *path, const char *old); /* all is as it was */

#endif
