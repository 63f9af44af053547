/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exec target: can the program that is about to be executed carry the agent?
 *
 * A program of another architecture or another libc, with AddressSanitizer's library or with
 * ThreadSanitizer, would complain about ours, fail to start or be killed by it, so it must not see
 * LD_PRELOAD. All here reads the file in small pieces, allocates nothing, is async-signal-safe and
 * leaves errno alone.
 */
#ifndef ADATRACE_AGENT_EXEC_TARGET_H
#define ADATRACE_AGENT_EXEC_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* What this process's own dynamic linker is; once, before the others. */
void exec_target_prepare(void);

/* May the program be given the agent? True, too, when we cannot tell: then nobody else can, or the
 * agent does no harm (static programs ignore it). Scripts are followed to their interpreters.
 * `path` is relative to the directory `dir` as in openat(2). */
bool exec_target_is_fit(int dir, const char *path);
bool exec_target_fd_is_fit(int fd);

/* Where `file` is, as execvp(3) looks for it, in buffer[size]; `file` itself when it holds a slash,
 * is not found, or does not fit. */
const char *exec_target_find(const char *file, char *buffer, size_t size);

#endif
