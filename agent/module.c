/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module family: the executable, libraries and vDSO with their build-ids, when they are mapped
 * and unmapped.
 *
 * An address means a module from its MAP to its UNMAP. A module found by looking was mapped some
 * time since the look before, so its MAP carries the time of that one: then everything it ran since
 * is its own.
 */
#include "agent/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "agent/agent.h"
#include "base/atomic.h"

enum { KNOWN_FIRST = 128 };

struct known_module {
    uint64_t base, end;
    uint64_t seen; /* number of the look that saw it last */
};

/* All under `looking`. */
static struct {
    uint32_t looking; /* somebody does; a flag, not a lock: who finds it set goes on without */
    uint32_t count, capacity;
    uint64_t looks;
    uint64_t last_ticks; /* of the look before */
    unsigned long long adds, subs;
    struct known_module *known;
    struct known_module first[KNOWN_FIRST];
    char path[PATH_MAX]; /* the stack may be a thread's smallest */
} modules = {.capacity = KNOWN_FIRST, .known = modules.first};

/* In a child forked beside other threads the loader's lock may be held by a thread that is no more:
 * nobody looks there. The process that may: */
static uint32_t looking_pid;
/* Threads that are closing a library: in their signal handlers the loader's list is half changed.
 */
static uint32_t closing;

/* ---- what a module is ---- */

static void find_extent(const struct dl_phdr_info *info, struct arena_map *map)
{
    uint64_t page = (uint64_t)getauxval(AT_PAGESZ), from = UINT64_MAX, to = 0;

    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type != PT_LOAD)
            continue;
        from = p->p_vaddr < from ? p->p_vaddr : from;
        to = p->p_vaddr + p->p_memsz > to ? p->p_vaddr + p->p_memsz : to;
    }
    map->bias = info->dlpi_addr;
    if (from >= to)
        return;
    map->base = info->dlpi_addr + (from & ~(page - 1));
    map->end = info->dlpi_addr + ((to + page - 1) & ~(page - 1));
}

static size_t note_align(size_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

/* Notes that no segment loads cannot be read. */
static bool is_loaded(const struct dl_phdr_info *info, const ElfW(Phdr) * what)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];

        if (p->p_type == PT_LOAD && (p->p_flags & PF_R) && what->p_vaddr >= p->p_vaddr &&
            what->p_memsz <= p->p_filesz &&
            what->p_vaddr - p->p_vaddr <= p->p_filesz - what->p_memsz)
            return true;
    }
    return false;
}

/* True: the notes at notes[size] hold a build-id, and now the map does. */
static bool take_build_id(const unsigned char *notes, size_t size, size_t align,
                          struct arena_map *map)
{
    ElfW(Nhdr) note;

    for (size_t at = 0; at + sizeof(note) <= size;) {
        size_t name = at + sizeof(note), content;

        memcpy(&note, notes + at, sizeof(note));
        content = note_align(name + note.n_namesz, align);
        if (content > size || note.n_descsz > size - content)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            !memcmp(notes + name, "GNU", 4)) {
            map->build_id_bytes =
                note.n_descsz < ARENA_BUILD_ID_MAX ? note.n_descsz : ARENA_BUILD_ID_MAX;
            memcpy(map->build_id, notes + content, map->build_id_bytes);
            return true;
        }
        at = note_align(content + note.n_descsz, align);
    }
    return false;
}

static void find_build_id(const struct dl_phdr_info *info, struct arena_map *map)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t address = info->dlpi_addr + p->p_vaddr;

        if (p->p_type == PT_NOTE && is_loaded(info, p) &&
            take_build_id((const unsigned char *)address, p->p_memsz, p->p_align == 8 ? 8 : 4, map))
            return;
    }
}

/* The loader gives a library the name by which it was found, which may be relative. */
static const char *absolute_path(const char *name)
{
    size_t used;

    if (*name == '/' || !strchr(name, '/') || !getcwd(modules.path, sizeof(modules.path)))
        return name;
    used = strlen(modules.path);
    if (used + 1 + strlen(name) >= sizeof(modules.path))
        return name;
    modules.path[used] = '/';
    strcpy(modules.path + used + 1, name);
    return access(modules.path, F_OK) ? name : modules.path;
}

static const char *program_path(void)
{
    ssize_t length = readlink("/proc/self/exe", modules.path, sizeof(modules.path) - 1);

    modules.path[length < 0 ? 0 : length] = 0;
    return modules.path;
}

/* The loader lists the program itself first, and without a name. */
static const char *module_path(const struct dl_phdr_info *info, bool is_program)
{
    if (info->dlpi_addr && info->dlpi_addr == getauxval(AT_SYSINFO_EHDR))
        return "[vdso]";
    return is_program ? program_path() : absolute_path(info->dlpi_name);
}

/* ---- which are known ---- */

static struct known_module *find_known(const struct arena_map *map)
{
    for (uint32_t i = 0; i < modules.count; i++)
        if (modules.known[i].base == map->base && modules.known[i].end == map->end)
            return &modules.known[i];
    return NULL;
}

static bool make_room(void)
{
    size_t bytes = (size_t)modules.capacity * sizeof(*modules.known);
    struct known_module *larger;

    if (modules.count < modules.capacity)
        return true;
    larger = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (larger == MAP_FAILED)
        return false;
    memcpy(larger, modules.known, bytes);
    if (modules.known != modules.first)
        munmap(modules.known, bytes);
    modules.known = larger;
    modules.capacity *= 2;
    return true;
}

static void tell_map(const struct dl_phdr_info *info, struct arena_map *map, bool is_program)
{
    const char *path = module_path(info, is_program);

    find_build_id(info, map);
    (void)tracer_tell(ARENA_MAP, map, sizeof(*map), path, strlen(path) + 1);
}

static int look_at(struct dl_phdr_info *info, size_t size, void *context)
{
    struct arena_map map = {.ticks = modules.last_ticks, .pid = tracer_pid()};
    bool *begun = context, is_program = !*begun;
    struct known_module *known;

    if (!*begun && size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs)) {
        if (modules.looks && info->dlpi_adds == modules.adds && info->dlpi_subs == modules.subs)
            return 1;
        modules.adds = info->dlpi_adds;
        modules.subs = info->dlpi_subs;
    }
    if (!*begun)
        modules.looks++;
    *begun = true;
    find_extent(info, &map);
    known = find_known(&map);
    if (!known && map.end && make_room()) {
        tell_map(info, &map, is_program);
        known = &modules.known[modules.count++];
        *known = (struct known_module){.base = map.base, .end = map.end};
    }
    if (known)
        known->seen = modules.looks;
    return 0;
}

static void tell_vanished(uint64_t ticks)
{
    struct arena_map map = {.ticks = ticks, .pid = tracer_pid()};

    for (uint32_t i = 0; i < modules.count;) {
        if (modules.known[i].seen == modules.looks) {
            i++;
            continue;
        }
        map.base = modules.known[i].base;
        map.end = modules.known[i].end;
        (void)tracer_tell(ARENA_UNMAP, &map, sizeof(map), "", 1);
        modules.known[i] = modules.known[--modules.count];
    }
}

static bool looking_begin(void)
{
    /* Looking. Acquire: the table as the last looker left it. Pairs with the release in
     * modules_look(). */
    return !exchange_acq_rel(&modules.looking, 1);
}

void modules_look(void)
{
    bool begun = false;
    uint64_t now;
    int saved = errno;

    if (!tracer_is_attached())
        return;
    tracer_fork_child();
    if (tracer_pid() != looking_pid || !looking_begin())
        return;
    now = tracer_ticks();
    dl_iterate_phdr(look_at, &begun);
    if (begun)
        tell_vanished(now);
    modules.last_ticks = now;
    store_release(&modules.looking, 0); /* pairs with looking_begin() */
    errno = saved;
}

void modules_look_if_calm(void)
{
    if (!load_relaxed(&closing)) /* relaxed: only our own thread's matters */
        modules_look();
}

void modules_fork_child(bool parent_had_threads)
{
    if (parent_had_threads)
        return;
    looking_pid = tracer_pid();
    store_relaxed(&modules.looking, 0);
    store_relaxed(&closing, 0);
}

/* ---- the hook ---- */

AGENT_HOOK int dlclose(void *handle)
{
    int result, saved;

    if (!REAL(dlclose))
        return -1;
    modules_look();
    add_relaxed(&closing, 1);
    result = real.dlclose(handle);
    saved = errno;
    add_relaxed(&closing, UINT32_MAX);
    modules_look();
    errno = saved;
    return result;
}

static void module_start(void)
{
    looking_pid = tracer_pid();
    modules.last_ticks = tracer_ticks();
    modules_look();
}

const struct agent_family module_family = {.name = "module", .start = module_start};
