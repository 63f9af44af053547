/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_inject.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fault_plan.h"

static struct fault_plan *plan; /* NULL: nothing is asked for */

/* Of this process; what is opened later belongs to no object and does not count. */
static struct object {
    uintptr_t base, from, to;
    char name[FAULT_OBJECT_BYTES];
    uint32_t number; /* in the plan */
    bool counts;
} objects[FAULT_OBJECTS];
static unsigned object_count;
static int ready; /* atomic: 0 not yet, 1 somebody is at it, 2 */

/* ---- who calls ---- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Release: an object's name is there before it counts. Pairs with nobody: the test reads it when
 * all processes have ended. Two may enter the same name, in two places. */
static uint32_t object_number(const char *name)
{
    uint32_t count = __atomic_load_n(&plan->object_count, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < count && i < FAULT_OBJECTS; i++)
        if (strcmp(plan->object[i], name) == 0)
            return i;
    count = __atomic_fetch_add(&plan->object_count, 1, __ATOMIC_ACQ_REL);
    if (count >= FAULT_OBJECTS)
        return FAULT_OBJECTS;
    strncpy(plan->object[count], name, FAULT_OBJECT_BYTES - 1);
    return count;
}

static bool object_is_named(const char *name)
{
    char word[FAULT_OBJECT_BYTES + 2] = ":";

    if (plan->objects[0] == '*')
        return strncmp(name, "ld-linux", 8) != 0 && strncmp(name, "libfault", 8) != 0;
    strncat(word, name, FAULT_OBJECT_BYTES - 1);
    strcat(word, ":");
    return strstr(plan->objects, word) != NULL;
}

static int object_add(struct dl_phdr_info *info, size_t size, void *executable)
{
    struct object *o = &objects[object_count];

    (void)size;
    if (object_count == FAULT_OBJECTS)
        return 1;
    o->base = info->dlpi_addr;
    o->from = UINTPTR_MAX;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type != PT_LOAD)
            continue;
        if (o->base + segment->p_vaddr < o->from)
            o->from = o->base + segment->p_vaddr;
        if (o->base + segment->p_vaddr + segment->p_memsz > o->to)
            o->to = o->base + segment->p_vaddr + segment->p_memsz;
    }
    strncpy(o->name, name_of(*info->dlpi_name ? info->dlpi_name : (char *)executable),
            sizeof(o->name) - 1);
    o->counts = object_is_named(o->name);
    o->number = o->counts ? object_number(o->name) : FAULT_OBJECTS;
    object_count++;
    return 0;
}

static const struct object *object_of(const void *address)
{
    for (unsigned i = 0; i < object_count; i++)
        if ((uintptr_t)address >= objects[i].from && (uintptr_t)address < objects[i].to)
            return &objects[i];
    return NULL;
}

/* ---- the plan ---- */

/* From the kernel: libc knows no environment yet when a library asks that is initialised first. */
static const char *plan_path(void)
{
    static char all[1 << 17];
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
    long size = fd < 0 ? 0 : syscall(SYS_read, fd, all, sizeof(all) - 2);
    size_t length = strlen(FAULT_PLAN_VARIABLE);

    if (fd >= 0)
        syscall(SYS_close, fd);
    for (const char *entry = all; size > 0 && entry < all + size; entry += strlen(entry) + 1)
        if (strncmp(entry, FAULT_PLAN_VARIABLE, length) == 0 && entry[length] == '=')
            return entry + length + 1;
    return NULL;
}

/* By system calls: open() and mmap() are our own here. */
static void plan_map(void)
{
    const char *path = plan_path();
    char executable[4096] = "";
    struct fault_plan *mapped;
    long fd;

    if (!path)
        return;
    fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    mapped =
        (void *)syscall(SYS_mmap, NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED || mapped->magic != FAULT_MAGIC)
        return;
    (void)syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", executable, sizeof(executable) - 1);
    if (*mapped->program && strcmp(mapped->program, name_of(executable)) != 0)
        return;
    plan = mapped;
    dl_iterate_phdr(object_add, executable);
}

/* True: it can be asked. Who comes while another thread begins is not counted: there is only one
 * thread then, and this is a call from inside. */
static bool plan_is_there(void)
{
    int state = __atomic_load_n(&ready, __ATOMIC_ACQUIRE), unready = 0, saved = errno;

    if (state == 2)
        return plan != NULL;
    if (state == 1 || !__atomic_compare_exchange_n(&ready, &unready, 1, false, __ATOMIC_ACQ_REL,
                                                   __ATOMIC_ACQUIRE))
        return false;
    plan_map();
    errno = saved;
    __atomic_store_n(&ready, 2, __ATOMIC_RELEASE);
    return plan != NULL;
}

__attribute__((constructor)) static void begin(void)
{
    (void)plan_is_there();
}

/* ---- counting ---- */

static void site_count(const char *name, const struct object *o, uint64_t offset, uint64_t call)
{
    uint64_t hash = (offset * 0x9e3779b97f4a7c15u) ^ (o->number * 0x85ebca6bu);

    for (unsigned probe = 0; probe < FAULT_SITES; probe++) {
        struct fault_site *site = &plan->sites[(hash + probe) % FAULT_SITES];
        uint32_t unused = 0;

        if (__atomic_compare_exchange_n(&site->used, &unused, 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            site->offset = offset;
            site->object = o->number;
            site->first = call;
            strncpy(site->call, name, FAULT_NAME_BYTES - 1);
        }
        if (site->offset == offset && site->object == o->number && strcmp(site->call, name) == 0) {
            __atomic_fetch_add(&site->count, 1, __ATOMIC_RELAXED);
            return;
        }
    }
}

/* The number of this call when it is one that the plan is about, otherwise 0. */
static uint64_t call_number(const char *name, const void *caller)
{
    const struct object *o;
    uint64_t offset, call = 0;
    bool meant;

    if (!plan_is_there())
        return 0;
    o = object_of(caller);
    if (!o || !o->counts)
        return 0;
    offset = (uintptr_t)caller - o->base;
    meant = strcmp(name, plan->call) == 0;
    if (meant && plan->only_site)
        meant = offset == plan->site && o->number == plan->site_object;
    if (meant)
        call = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_RELAXED);
    if (plan->mode == FAULT_COUNT)
        site_count(name, o, offset, call);
    if (call < plan->first || call > plan->last)
        return 0;
    __atomic_store_n(&plan->fired_offset, offset, __ATOMIC_RELAXED);
    __atomic_store_n(&plan->fired_object, o->number, __ATOMIC_RELAXED);
    return call;
}

static bool decide(uint64_t call, size_t *size)
{
    if (!call || plan->mode == FAULT_COUNT)
        return false;
    if (plan->mode == FAULT_SHORT && (!size || *size < 2))
        return false;
    __atomic_fetch_add(&plan->fired, 1, __ATOMIC_RELAXED);
    if (plan->mode == FAULT_SHORT) {
        *size /= 2;
        return false;
    }
    if (plan->mode == FAULT_SLOW) {
        struct timespec pause = {.tv_sec = plan->error / 1000000,
                                 .tv_nsec = plan->error % 1000000 * 1000};
        int saved = errno;

        syscall(SYS_nanosleep, &pause, NULL);
        errno = saved;
        return false;
    }
    errno = plan->error;
    return true;
}

bool fault_due(const char *name, const void *caller)
{
    return decide(call_number(name, caller), NULL);
}

bool fault_due_bytes(const char *name, const void *caller, size_t *size)
{
    return decide(call_number(name, caller), size);
}
