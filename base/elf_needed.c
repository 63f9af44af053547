/* SPDX-License-Identifier: Apache-2.0 */
#include "base/elf_needed.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 64, ENTRIES_MAX = 1024, ENTRIES_AT_ONCE = 16, NAME_BYTES = 32 };

/* The file as far as it is needed. */
struct elf_file {
    int fd;
    ElfW(Ehdr) head;
    uint64_t dynamic_offset, dynamic_bytes;
};

static bool read_at(int fd, void *out, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, out, size, (off_t)offset) == (ssize_t)size;
}

static bool segment_read(const struct elf_file *f, unsigned n, ElfW(Phdr) * out)
{
    return n < f->head.e_phnum && n < SEGMENTS_MAX &&
           read_at(f->fd, out, sizeof(*out), f->head.e_phoff + n * sizeof(*out));
}

static bool dynamic_find(struct elf_file *f)
{
    ElfW(Phdr) p;

    for (unsigned n = 0; segment_read(f, n, &p); n++)
        if (p.p_type == PT_DYNAMIC) {
            f->dynamic_offset = p.p_offset;
            f->dynamic_bytes = p.p_filesz;
            return true;
        }
    return false;
}

/* Where in the file an address is. 0: nowhere. */
static uint64_t offset_of(const struct elf_file *f, uint64_t address)
{
    ElfW(Phdr) p;

    for (unsigned n = 0; segment_read(f, n, &p); n++)
        if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
            return p.p_offset + (address - p.p_vaddr);
    return 0;
}

struct piece {
    ElfW(Dyn) entries[ENTRIES_AT_ONCE];
    unsigned count;
};

/* The entries from number `from` on; count 0: no more. */
static void piece_read(const struct elf_file *f, unsigned from, struct piece *out)
{
    uint64_t all = f->dynamic_bytes / sizeof(ElfW(Dyn));
    uint64_t left = from < all && from < ENTRIES_MAX ? all - from : 0;

    out->count = left < ENTRIES_AT_ONCE ? (unsigned)left : ENTRIES_AT_ONCE;
    if (!out->count || !read_at(f->fd, out->entries, out->count * sizeof(ElfW(Dyn)),
                                f->dynamic_offset + from * sizeof(ElfW(Dyn))))
        out->count = 0;
    for (unsigned i = 0; i < out->count; i++)
        if (out->entries[i].d_tag == DT_NULL)
            out->count = i;
}

static uint64_t names_find(const struct elf_file *f)
{
    struct piece piece;

    for (unsigned from = 0; piece_read(f, from, &piece), piece.count; from += ENTRIES_AT_ONCE)
        for (unsigned i = 0; i < piece.count; i++)
            if (piece.entries[i].d_tag == DT_STRTAB)
                return offset_of(f, piece.entries[i].d_un.d_ptr);
    return 0;
}

static bool name_begins(const struct elf_file *f, uint64_t offset, const char *prefix)
{
    size_t length = strlen(prefix);
    char name[NAME_BYTES];

    return length < sizeof(name) && read_at(f->fd, name, length, offset) &&
           !memcmp(name, prefix, length);
}

bool elf_needs(int fd, const char *prefix)
{
    struct elf_file f = {.fd = fd};
    struct piece piece;
    uint64_t names;

    if (!read_at(fd, &f.head, sizeof(f.head), 0) || memcmp(f.head.e_ident, ELFMAG, SELFMAG) != 0 ||
        f.head.e_phentsize != sizeof(ElfW(Phdr)) || !dynamic_find(&f))
        return false;
    names = names_find(&f);
    for (unsigned from = 0; names && (piece_read(&f, from, &piece), piece.count);
         from += ENTRIES_AT_ONCE)
        for (unsigned i = 0; i < piece.count; i++)
            if (piece.entries[i].d_tag == DT_NEEDED &&
                name_begins(&f, names + piece.entries[i].d_un.d_val, prefix))
                return true;
    return false;
}

bool elf_needs_asan(int fd)
{
    return elf_needs(fd, "libasan.so") || elf_needs(fd, "libclang_rt.asan");
}
