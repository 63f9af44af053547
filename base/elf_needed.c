/* SPDX-License-Identifier: Apache-2.0 */
#include "base/elf_needed.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    SEGMENTS_MAX = 64,
    ENTRIES_MAX = 1024,
    ENTRIES_AT_ONCE = 16,
    NAME_BYTES = 32,
    CHAIN_MAX = 256, /* names of one bucket */
};

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

/* Where in the file the table of an entry is. 0: nowhere. */
static uint64_t table_find(const struct elf_file *f, int64_t tag)
{
    struct piece piece;

    for (unsigned from = 0; piece_read(f, from, &piece), piece.count; from += ENTRIES_AT_ONCE)
        for (unsigned i = 0; i < piece.count; i++)
            if (piece.entries[i].d_tag == tag)
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

static bool file_open(struct elf_file *f, int fd)
{
    *f = (struct elf_file){.fd = fd};
    return read_at(fd, &f->head, sizeof(f->head), 0) && !memcmp(f->head.e_ident, ELFMAG, SELFMAG) &&
           f->head.e_phentsize == sizeof(ElfW(Phdr)) && dynamic_find(f);
}

/* Which of the names, of which there are `count`, begins that of a library; count: none. */
static size_t needed_find(const struct elf_file *f, const char *const *prefixes, size_t count)
{
    uint64_t names = table_find(f, DT_STRTAB);
    struct piece piece;

    for (unsigned from = 0; names && (piece_read(f, from, &piece), piece.count);
         from += ENTRIES_AT_ONCE)
        for (unsigned i = 0; i < piece.count; i++)
            for (size_t n = 0; piece.entries[i].d_tag == DT_NEEDED && n < count; n++)
                if (name_begins(f, names + piece.entries[i].d_un.d_val, prefixes[n]))
                    return n;
    return count;
}

bool elf_needs(int fd, const char *prefix)
{
    struct elf_file f;

    return file_open(&f, fd) && needed_find(&f, &prefix, 1) == 0;
}

/* ---- what it defines: GNU's hash table ---- */

struct hash_head {
    uint32_t bucket_count, first_symbol, bloom_words, bloom_shift;
};

static uint32_t name_hash(const char *name)
{
    uint32_t hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* False: the name is not there, which for most is known after one word. */
static bool bloom_has(const struct elf_file *f, uint64_t table, const struct hash_head *head,
                      uint32_t hash)
{
    enum { BITS = sizeof(ElfW(Addr)) * 8 };
    uint64_t at = table + sizeof(*head) + hash / BITS % head->bloom_words * sizeof(ElfW(Addr));
    ElfW(Addr) word;

    return read_at(f->fd, &word, sizeof(word), at) && word >> hash % BITS & 1 &&
           word >> (hash >> (head->bloom_shift & 31)) % BITS & 1;
}

static bool symbol_is(const struct elf_file *f, uint32_t n, const char *name)
{
    uint64_t symbols = table_find(f, DT_SYMTAB), names = table_find(f, DT_STRTAB);
    char there[NAME_BYTES];
    ElfW(Sym) symbol;
    size_t size = strlen(name) + 1;

    return symbols && names && size <= sizeof(there) &&
           read_at(f->fd, &symbol, sizeof(symbol), symbols + (uint64_t)n * sizeof(symbol)) &&
           read_at(f->fd, there, size, names + symbol.st_name) && !memcmp(there, name, size);
}

static bool defines(const struct elf_file *f, const char *name)
{
    uint32_t hash = name_hash(name), n, link;
    uint64_t table = table_find(f, DT_GNU_HASH), buckets, chain;
    struct hash_head head;

    if (!table || !read_at(f->fd, &head, sizeof(head), table) || !head.bucket_count ||
        !head.bloom_words || !bloom_has(f, table, &head, hash))
        return false;
    buckets = table + sizeof(head) + (uint64_t)head.bloom_words * sizeof(ElfW(Addr));
    chain = buckets + (uint64_t)head.bucket_count * sizeof(n);
    if (!read_at(f->fd, &n, sizeof(n), buckets + (uint64_t)(hash % head.bucket_count) * sizeof(n)))
        return false;
    for (unsigned i = 0; i < CHAIN_MAX && n >= head.first_symbol; i++, n++) {
        if (!read_at(f->fd, &link, sizeof(link),
                     chain + (uint64_t)(n - head.first_symbol) * sizeof(link)))
            return false;
        if ((link | 1) == (hash | 1) && symbol_is(f, n, name))
            return true;
        if (link & 1)
            return false;
    }
    return false;
}

bool elf_defines(int fd, const char *name)
{
    struct elf_file f;

    return file_open(&f, fd) && defines(&f, name);
}

/* ---- sanitizers ---- */

enum elf_sanitizer elf_sanitizer_of(int fd)
{
    static const char *const libraries[] = {"libasan.so", "libclang_rt.asan", "libtsan.so",
                                            "libclang_rt.tsan"};
    struct elf_file f;

    if (!file_open(&f, fd))
        return ELF_SANITIZER_NONE;
    switch (needed_find(&f, libraries, sizeof(libraries) / sizeof(libraries[0]))) {
    case 0:
    case 1:
        return ELF_SANITIZER_ADDRESS;
    case 2:
    case 3:
        return ELF_SANITIZER_THREAD;
    default:
        return defines(&f, "__tsan_init") ? ELF_SANITIZER_THREAD : ELF_SANITIZER_NONE;
    }
}
