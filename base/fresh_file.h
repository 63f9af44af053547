/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh file: a new file under a name that another one may have.
 *
 * Who still reads the old file, or records into it, keeps it; and it has its name until the new one
 * is there to take it: without a descriptor or room for one, nothing is lost.
 */
#ifndef ADATRACE_BASE_FRESH_FILE_H
#define ADATRACE_BASE_FRESH_FILE_H

#include <stdbool.h>

/* Open `path` for writing, readable and writable by its owner only. Symbolic links are not
 * followed: with `replace` they are what is replaced. Returns the descriptor, the caller's, closed
 * on exec; or a negative errno, -EEXIST where it is there and may not be replaced. Any thread; not
 * async-signal-safe. */
int fresh_file_open(const char *path, bool replace);

#endif
