/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File names: what the files of one session are called, by the name of its trace. Functions without
 * state: any thread.
 */
#ifndef ADATRACE_DRAIN_FILE_NAMES_H
#define ADATRACE_DRAIN_FILE_NAMES_H

#include <stddef.h>

/* NAME.0001.adatrace for NAME.adatrace, NAME.0001 for NAME. 0 or -ENAMETOOLONG. */
int file_name_rotated(char *out, size_t size, const char *path, unsigned number)
    __attribute__((warn_unused_result));

/* NAME-snapshot-0001.adatrace, of both. */
int file_name_snapshot(char *out, size_t size, const char *path, unsigned number)
    __attribute__((warn_unused_result));

/* NAME.HOW.adatrace, in the current folder, of FOLDER/NAME.adatrace and FOLDER/NAME; cut off when
 * it does not fit, which the name of a file that is there does in PATH_MAX. */
void file_name_derived(char *out, size_t size, const char *path, const char *how);

/* Delete NAME.0001.adatrace and all others of that kind whose number is above `last`: they are of
 * an earlier session. 0 or a negative errno. */
int file_names_clear(const char *path, unsigned last) __attribute__((warn_unused_result));

#endif
