/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF needed: which libraries a program names in its dynamic section, read from the file in small
 * pieces. No allocation, 600 bytes of stack, errno undefined; async-signal-safe.
 */
#ifndef ADATRACE_BASE_ELF_NEEDED_H
#define ADATRACE_BASE_ELF_NEEDED_H

#include <stdbool.h>

/* Does the program in `fd`, an ELF file of this machine's class, need a library whose name begins
 * with `prefix` (at most 31 bytes)? False, too, when that cannot be read. */
bool elf_needs(int fd, const char *prefix);

/* AddressSanitizer's runtime as a library: it ends a program in which it is not loaded first. */
bool elf_needs_asan(int fd);

#endif
