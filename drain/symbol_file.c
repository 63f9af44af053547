/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/symbol_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drain/demangle.h"

enum {
    ENCLOSING_MAX = 16, /* symbols to look back over for one that covers an address */
    HANDFUL = 8,        /* addresses that are not worth unpacking more than PACKED_MAX bytes */
    PACKED_MAX = 1 << 20,
};

struct symbol {
    uint64_t start, size;
    const char *name;
    char *demangled;
    unsigned char rank; /* of several at one address the highest counts */
    bool is_sized;      /* else it reaches to the next one, or to its section's end */
};

/* A stretch of code of one compilation unit. */
struct unit_range {
    uint64_t start, end;
    Dwarf_Die die;
};

struct symbol_file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    struct symbol *symbols;
    size_t symbol_count;
    struct unit_range *ranges;
    size_t range_count, range_capacity;
    Dwarf_Addr dwarf_bias; /* the debug file's numbering against the file's own */
};

/* ---- symbols ---- */

static unsigned char symbol_rank(const GElf_Sym *symbol, const char *name)
{
    unsigned char binding = GELF_ST_BIND(symbol->st_info), type = GELF_ST_TYPE(symbol->st_info);
    unsigned rank = binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;

    rank = rank * 4 + (type != STT_NOTYPE ? 2 : 0) + (name[0] != '_');
    return (unsigned char)rank;
}

static bool is_code(const GElf_Sym *symbol, GElf_Word section, Elf *elf)
{
    GElf_Shdr head;
    Elf_Scn *scn;

    switch (GELF_ST_TYPE(symbol->st_info)) {
    case STT_FUNC:
    case STT_GNU_IFUNC:
        return section != SHN_UNDEF;
    case STT_NOTYPE: /* written in assembler */
        scn = section == SHN_UNDEF || section >= SHN_LORESERVE ? NULL : elf_getscn(elf, section);
        return scn && gelf_getshdr(scn, &head) && (head.sh_flags & SHF_EXECINSTR);
    default:
        return false;
    }
}

/* Bytes from `value` to the end of its section. */
static uint64_t section_rest(Elf *elf, GElf_Word section, uint64_t value)
{
    Elf_Scn *scn = section >= SHN_LORESERVE ? NULL : elf_getscn(elf, section);
    GElf_Shdr head;

    if (!scn || !gelf_getshdr(scn, &head) || value < head.sh_addr ||
        value - head.sh_addr > head.sh_size)
        return 1;
    return head.sh_size - (value - head.sh_addr);
}

static int symbol_compare(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The best of those that begin at one address comes first; the others go. */
static void symbols_thin(struct symbol_file *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->symbol_count; i++) {
        if (kept && f->symbols[kept - 1].start == f->symbols[i].start) {
            if (!f->symbols[kept - 1].is_sized && f->symbols[i].is_sized) {
                f->symbols[kept - 1].size = f->symbols[i].size;
                f->symbols[kept - 1].is_sized = true;
            }
            continue;
        }
        f->symbols[kept++] = f->symbols[i];
    }
    f->symbol_count = kept;
}

static int symbols_read(struct symbol_file *f)
{
    int count = dwfl_module_getsymtab(f->module);

    if (count <= 0)
        return 0;
    f->symbols = calloc((size_t)count, sizeof(*f->symbols));
    if (!f->symbols)
        return -ENOMEM;
    for (int i = 1; i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address;
        GElf_Word section = SHN_UNDEF;
        Elf *elf = NULL;
        const char *name =
            dwfl_module_getsym_info(f->module, i, &symbol, &address, &section, &elf, NULL);

        if (!name || !*name || !is_code(&symbol, section, elf))
            continue;
        f->symbols[f->symbol_count++] = (struct symbol){
            .start = address,
            .size = symbol.st_size ? symbol.st_size : section_rest(elf, section, symbol.st_value),
            .is_sized = symbol.st_size != 0,
            .name = name,
            .rank = symbol_rank(&symbol, name),
        };
    }
    qsort(f->symbols, f->symbol_count, sizeof(*f->symbols), symbol_compare);
    symbols_thin(f);
    return 0;
}

/* How many symbols begin at `address` or before. */
static size_t symbols_up_to(const struct symbol_file *f, uint64_t address)
{
    size_t low = 0, high = f->symbol_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (f->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct symbol *symbol_covering(struct symbol_file *f, uint64_t address)
{
    size_t at = symbols_up_to(f, address);

    for (unsigned back = 0; at && back < ENCLOSING_MAX; back++) {
        struct symbol *s = &f->symbols[--at];

        if (address - s->start < s->size && (s->is_sized || !back))
            return s;
    }
    return NULL;
}

/* ---- lines ---- */

/* The ranges of the units themselves, not .debug_aranges: clang does not write those. */
static int ranges_add(struct symbol_file *f, Dwarf_Die *unit, Dwarf_Addr bias)
{
    Dwarf_Addr base, start, end;
    ptrdiff_t offset = 0;

    while ((offset = dwarf_ranges(unit, offset, &base, &start, &end)) > 0) {
        if (f->range_count == f->range_capacity) {
            size_t capacity = f->range_capacity ? f->range_capacity * 2 : 64;
            struct unit_range *grown = realloc(f->ranges, capacity * sizeof(*grown));

            if (!grown)
                return -ENOMEM;
            f->ranges = grown;
            f->range_capacity = capacity;
        }
        if (end > start)
            f->ranges[f->range_count++] = (struct unit_range){start + bias, end + bias, *unit};
    }
    return 0;
}

static int range_compare(const void *a, const void *b)
{
    const struct unit_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static int ranges_read(struct symbol_file *f)
{
    Dwarf_Die *unit = NULL;
    Dwarf_Addr bias = 0;

    while ((unit = dwfl_module_nextcu(f->module, unit, &bias))) {
        if (ranges_add(f, unit, bias))
            return -ENOMEM;
        f->dwarf_bias = bias;
    }
    if (f->range_count)
        qsort(f->ranges, f->range_count, sizeof(*f->ranges), range_compare);
    return 0;
}

static struct unit_range *range_covering(struct symbol_file *f, uint64_t address)
{
    size_t low = 0, high = f->range_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (f->ranges[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < f->ranges[low - 1].end ? &f->ranges[low - 1] : NULL;
}

static void line_find(struct symbol_file *f, uint64_t address, struct symbol_found *found)
{
    struct unit_range *range = range_covering(f, address);
    Dwarf_Line *line = range ? dwarf_getsrc_die(&range->die, address - f->dwarf_bias) : NULL;
    const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;

    if (!file || dwarf_lineno(line, &number) || number <= 0)
        return;
    found->file = file;
    found->line = (uint32_t)number;
}

/* Has so much of the debug information to be unpacked first, all of it, that a handful of lines is
 * not worth it? */
static bool lines_are_dear(struct symbol_file *f)
{
    const char *path = NULL;
    GElf_Shdr head;
    Elf_Scn *scn = NULL;
    uint64_t packed = 0;
    Elf *elf;
    int fd;

    dwfl_module_info(f->module, NULL, NULL, NULL, NULL, NULL, NULL, &path);
    fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
    while (elf && (scn = elf_nextscn(elf, scn)))
        if (gelf_getshdr(scn, &head) && (head.sh_flags & SHF_COMPRESSED))
            packed += head.sh_size;
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return packed > PACKED_MAX;
}

/* ---- the file ---- */

static bool build_id_is(Dwfl_Module *module, const char *expected)
{
    const unsigned char *bytes;
    GElf_Addr address;
    int size = dwfl_module_build_id(module, &bytes, &address);

    if (!*expected)
        return true;
    if (size <= 0 || strlen(expected) != 2 * (size_t)size)
        return false;
    for (int i = 0; i < size; i++)
        if (expected[2 * i] != "0123456789abcdef"[bytes[i] >> 4] ||
            expected[2 * i + 1] != "0123456789abcdef"[bytes[i] & 15])
            return false;
    return true;
}

static int module_open(struct symbol_file *f, const char *path)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
    };
    struct stat status;
    GElf_Addr bias;

    if (access(path, R_OK) || stat(path, &status))
        return -errno;
    /* Untrusted: the traced program names it. A pipe nobody writes to is waited for for ever. */
    if (!S_ISREG(status.st_mode))
        return -ENOEXEC;
    f->dwfl = dwfl_begin(&callbacks);
    if (!f->dwfl)
        return -ENOMEM;
    dwfl_report_begin(f->dwfl);
    /* Base 0 and the file's own addresses on top: then ours are its own. */
    f->module = dwfl_report_elf(f->dwfl, path, path, -1, 0, true);
    dwfl_report_end(f->dwfl, NULL, NULL);
    return f->module && dwfl_module_getelf(f->module, &bias) ? 0 : -ENOEXEC;
}

int symbol_file_open(struct symbol_file **out, const char *path, const char *build_id,
                     size_t addresses)
{
    struct symbol_file *f;
    int err;

    /* libdw would fetch debug information that is not there from servers: not at a program's end.
     */
    unsetenv("DEBUGINFOD_URLS"); /* NOLINT(concurrency-mt-unsafe): the command's, nobody reads it */
    f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    err = module_open(f, path);
    if (!err && !build_id_is(f->module, build_id))
        err = -ESTALE;
    if (!err)
        err = symbols_read(f);
    if (!err && (addresses > HANDFUL || !lines_are_dear(f)))
        err = ranges_read(f);
    if (err) {
        symbol_file_close(f);
        return err;
    }
    *out = f;
    return 0;
}

void symbol_file_close(struct symbol_file *f)
{
    for (size_t i = 0; i < f->symbol_count; i++)
        free(f->symbols[i].demangled);
    free(f->symbols);
    free(f->ranges);
    if (f->dwfl)
        dwfl_end(f->dwfl);
    free(f);
}

struct symbol_found symbol_file_find(struct symbol_file *f, uint64_t address)
{
    struct symbol *s = symbol_covering(f, address);
    struct symbol_found found = {0};

    if ((!s || s->start != address) && address) {
        address--;
        s = symbol_covering(f, address);
    }
    if (s) {
        if (!s->demangled)
            s->demangled = demangle(s->name);
        found.start = s->start;
        found.name = s->demangled ? s->demangled : s->name;
    }
    line_find(f, address, &found);
    return found;
}
