/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own file: a descriptor in a process that belongs to others.
 *
 * An application that holds a session of its own may close every descriptor there is, ours among
 * them, and the next file that it opens gets the same number. So before a descriptor of ours is
 * used we look whether it is still what we opened; if not, a file is opened again by its name. Not
 * async-signal-safe; a struct belongs to one thread at a time.
 */
#ifndef ADATRACE_BASE_OWN_FILE_H
#define ADATRACE_BASE_OWN_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct own_file {
    uint64_t device, inode; /* inode 0: not known */
    char *path;             /* NULL: it has no name that it could be opened by again */
};

/* Remember what `fd` is, which has just been opened. Nothing is known when the system says nothing.
 */
void own_file_mark(struct own_file *file, int fd);
void own_file_forget(struct own_file *file);

/* Is `fd` what was marked? What could not be marked is taken for it. */
bool own_file_is(const struct own_file *file, int fd);

/*
 * The file opened anew with `flags` (and O_CLOEXEC), by its name: a descriptor of the caller's, at
 * the file's beginning. It can have the number that was ours before. -EBADF: the file cannot be
 * found again.
 */
int own_file_open(const struct own_file *file, int flags) __attribute__((warn_unused_result));

/*
 * The descriptor to use from now on: `fd`, if it is still ours, else the file opened anew. The
 * other one is its opener's: it is not closed. Whether it was opened anew cannot be told from the
 * number, so this is for who does not go by the descriptor's position.
 */
int own_file_hold(const struct own_file *file, int fd, int flags)
    __attribute__((warn_unused_result));

#endif
