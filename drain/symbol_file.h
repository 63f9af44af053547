/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbol file: what the code addresses of one ELF file are called, by its symbol tables and debug
 * information (its own, or installed beside it). Addresses are in the file's own numbering. One
 * thread.
 */
#ifndef ADATRACE_DRAIN_SYMBOL_FILE_H
#define ADATRACE_DRAIN_SYMBOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol_file;

struct symbol_found {
    uint64_t start;   /* of the symbol; meaningful when there is a name */
    const char *name; /* demangled, or NULL: no symbol covers the address */
    const char *file; /* or NULL: no line information */
    uint32_t line;
};

/*
 * `addresses`: how many will be looked up. For a handful, lines are not worth unpacking much debug
 * information (that of libc takes longer than all the rest of a short recording's end): then they
 * have names only.
 * `build_id` (lower-case hexadecimal, or "") is that of the file which was mapped: when `path`
 * holds another one by now, it is not used. 0, -ESTALE: another file; -ENOENT and others: not
 * readable, no ELF file. Never asks the network.
 */
int symbol_file_open(struct symbol_file **out, const char *path, const char *build_id,
                     size_t addresses) __attribute__((warn_unused_result));
void symbol_file_close(struct symbol_file *file);

/* The strings live as long as the file. An address in the middle of a function is taken for a
 * return address: its line is that of the call in front of it. */
struct symbol_found symbol_file_find(struct symbol_file *file, uint64_t address);

#endif
