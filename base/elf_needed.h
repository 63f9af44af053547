/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF needed: which libraries a program names in its dynamic section, and what it exports, read
 * from the file in small pieces. No allocation, 600 bytes of stack, errno undefined;
 * async-signal-safe.
 */
#ifndef ADATRACE_BASE_ELF_NEEDED_H
#define ADATRACE_BASE_ELF_NEEDED_H

#include <stdbool.h>

/* Does the program in `fd`, an ELF file of this machine's class, need a library whose name begins
 * with `prefix` (at most 31 bytes)? False, too, when that cannot be read. */
bool elf_needs(int fd, const char *prefix);

/* Does it export a symbol of this name (at most 31 bytes)? False, too, when that cannot be read, or
 * there is no hash table of GNU's kind. */
bool elf_defines(int fd, const char *name);

enum elf_sanitizer {
    ELF_SANITIZER_NONE,
    /* AddressSanitizer's runtime as a library: it ends a program in which it is not loaded first.
     */
    ELF_SANITIZER_ADDRESS,
    /* ThreadSanitizer's, as a library or part of the program: it does not stand calls of its own in
     * threads that it has not begun, or that have ended for it, and that is where the agent runs.
     */
    ELF_SANITIZER_THREAD,
};

/* That because of which a program must not be given the agent. */
enum elf_sanitizer elf_sanitizer_of(int fd);

#endif
