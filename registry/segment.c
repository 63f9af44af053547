/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/machine_kind.h"
#include "registry/arena.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* since Linux 6.3; where vm.memfd_noexec=2 nothing else is allowed */
#endif

enum {
    ALIGN_BYTES =
        64 * 1024, /* the largest page size there is: layouts do not depend on the machine */
    ARENA_AHEAD_BYTES = 256 * 1024,
    SWITCHES_AHEAD = 1024
};

static uint64_t align(uint64_t bytes)
{
    return (bytes + ALIGN_BYTES - 1) & ~(uint64_t)(ALIGN_BYTES - 1);
}

static uint64_t switches_offset(void)
{
    return align(sizeof(struct segment_shared));
}

static uint64_t slots_offset(void)
{
    return switches_offset() + align(sizeof(struct switches_shared));
}

static uint64_t arena_offset(const struct segment_geometry *g)
{
    return slots_offset() + align(g->slots * sizeof(struct slot_shared));
}

static uint64_t rings_offset(const struct segment_geometry *g)
{
    return arena_offset(g) + align(g->arena_bytes);
}

uint64_t segment_ring_max_for(uint64_t ring_bytes)
{
    uint64_t most = ring_bytes * SEGMENT_GROWTH;

    if (most > SEGMENT_RING_MAX_DEFAULT)
        most = SEGMENT_RING_MAX_DEFAULT;
    return most > ring_bytes ? most : ring_bytes;
}

uint32_t segment_slots_for(uint64_t ring_max_bytes)
{
    uint64_t slots = SEGMENT_RINGS_MAX / ring_max_bytes;

    return slots < SEGMENT_SLOTS_MAX ? (uint32_t)slots : SEGMENT_SLOTS_MAX;
}

uint64_t segment_ring_capacity(const struct segment_geometry *g)
{
    return g->policy == RING_OVERWRITE || g->ring_max_bytes < g->ring_bytes ? g->ring_bytes
                                                                            : g->ring_max_bytes;
}

size_t segment_bytes(const struct segment_geometry *g)
{
    return rings_offset(g) + (uint64_t)g->slots * align(segment_ring_capacity(g));
}

unsigned char *segment_ring_data(const struct segment *s, uint32_t slot)
{
    return s->rings + (uint64_t)slot * align(segment_ring_capacity(&s->geometry));
}

static bool geometry_is_sound(const struct segment_geometry *g)
{
    return g->slots >= 1 && g->slots <= SEGMENT_SLOTS_MAX && g->ring_bytes >= RING_CAPACITY_MIN &&
           g->ring_bytes <= RING_CAPACITY_MAX && !(g->ring_bytes & (g->ring_bytes - 1)) &&
           g->ring_max_bytes <= RING_CAPACITY_MAX &&
           !(g->ring_max_bytes & (g->ring_max_bytes - 1)) && g->arena_bytes >= ALIGN_BYTES &&
           g->arena_bytes <= RING_CAPACITY_MAX && g->policy <= RING_BLOCK &&
           g->clock >= SEGMENT_CLOCK_COUNTER && g->clock <= SEGMENT_CLOCK_MONOTONIC;
}

static void place(struct segment *s, unsigned char *base, const struct segment_geometry *g)
{
    s->shared = (struct segment_shared *)(void *)base;
    s->switches = (struct switches_shared *)(void *)(base + switches_offset());
    s->slots = (struct slot_shared *)(void *)(base + slots_offset());
    s->arena = (struct arena_shared *)(void *)(base + arena_offset(g));
    s->rings = base + rings_offset(g);
    s->bytes = segment_bytes(g);
    s->geometry = *g;
}

static void format(struct segment *s)
{
    struct segment_shared *h = s->shared;
    const struct segment_geometry *g = &s->geometry;

    h->version = SEGMENT_VERSION;
    h->header_bytes = sizeof(*h);
    h->bytes = s->bytes;
    h->slots = g->slots;
    h->policy = g->policy;
    h->ring_bytes = g->ring_bytes;
    h->ring_max_bytes = g->ring_max_bytes;
    h->arena_bytes = g->arena_bytes;
    h->timeout_ns = g->timeout_ns;
    h->switches_offset = switches_offset();
    h->slots_offset = slots_offset();
    h->arena_offset = arena_offset(g);
    h->rings_offset = rings_offset(g);
    h->clock = g->clock;
    h->machine = MACHINE_KIND;
    h->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
    h->next_type = ADA_RECORD_FIRST_EVENT;
    switches_format(s);
    s->arena->capacity = align(g->arena_bytes) - sizeof(struct arena_shared);
    /* Formatted. Release: whoever sees the magic sees the rest. Pairs with the acquire in
     * segment_map(). */
    store_release(&h->magic, SEGMENT_MAGIC);
}

static int memory_file(const char *path)
{
    int fd;

    if (path) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
    }
    fd = memfd_create("adatrace", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) /* an older kernel */
        fd = memfd_create("adatrace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

/* Growing a file beyond RLIMIT_FSIZE raises a signal, in an embedded session in the application. */
static int file_resize(int fd, uint64_t bytes)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < bytes)
        return -EFBIG;
    return ftruncate(fd, (off_t)bytes) ? -errno : 0;
}

/* Of the arena as much as is soon needed; in a file all of it, because touching what is not there
 * may fault. Never more than there is: the file would grow. */
static uint64_t arena_ahead(const struct segment_geometry *g, bool is_memfd)
{
    uint64_t bytes = align(g->arena_bytes);

    return is_memfd && bytes > ARENA_AHEAD_BYTES ? ARENA_AHEAD_BYTES : bytes;
}

static int file_allocate(int fd, uint64_t from, uint64_t to)
{
    int err;

    do {
        err = fallocate(fd, 0, (off_t)from, (off_t)(to - from)) ? -errno : 0;
    } while (err == -EINTR);
    return err;
}

/* All but the rings; of the switches, which are for sixteen thousand types, as many as most
 * programs have: in a memfd the others get memory when they are touched. */
static int memory_allocate(int fd, const struct segment_geometry *g, bool is_memfd)
{
    uint64_t end = arena_offset(g) + arena_ahead(g, is_memfd);
    int err;

    if (!is_memfd)
        return file_allocate(fd, 0, end);
    err = file_allocate(fd, 0,
                        switches_offset() + offsetof(struct switches_shared, decided) +
                            SWITCHES_AHEAD * sizeof(uint64_t));
    return err ? err : file_allocate(fd, slots_offset(), end);
}

static int create(struct segment *s, const struct segment_geometry *g, const char *path)
{
    int err, fd = -1;
    void *base = MAP_FAILED;

    memset(s, 0, sizeof(*s));
    s->fd = -1;
    if (!geometry_is_sound(g))
        return -EINVAL;
    fd = err = memory_file(path);
    if (err < 0)
        return err;
    err = file_resize(fd, segment_bytes(g));
    if (err)
        goto fail;
    err = memory_allocate(fd, g, !path);
    if (err)
        goto fail;
    if (!path && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
        err = -errno;
        goto fail;
    }
    base = mmap(NULL, segment_bytes(g), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        err = errno == EINVAL ? -ENOMEM : -errno; /* valgrind's word for it */
        goto fail;
    }
    /* A core file needs no rings; advice that fails does no harm. */
    (void)madvise(base, segment_bytes(g), MADV_DONTDUMP);
    place(s, base, g);
    s->prepared = calloc(1, g->slots);
    s->there_bytes = calloc(g->slots, sizeof(*s->there_bytes));
    if (!s->prepared || !s->there_bytes) {
        segment_destroy(s);
        err = -ENOMEM;
        goto fail;
    }
    s->fd = fd;
    own_file_mark(&s->own, fd);
    s->is_memfd = !path;
    format(s);
    return 0;
fail:
    close(fd);
    if (path)
        unlink(path);
    return err;
}

int segment_create(struct segment *s, const struct segment_geometry *g, const char *path)
{
    struct segment_geometry smaller = *g;
    int err = create(s, g, path);

    if (err != -ENOMEM)
        return err;
    /* Addresses are short (thousands of processes at once, valgrind): then rings do not grow. */
    smaller.ring_max_bytes = smaller.ring_bytes;
    return create(s, &smaller, path);
}

int segment_file(struct segment *s)
{
    int fd = own_file_hold(&s->own, s->fd, O_RDWR);

    if (fd >= 0)
        s->fd = fd;
    return fd;
}

void segment_keep_from_forks(struct segment *s)
{
    (void)madvise(s->shared, s->bytes, MADV_DONTFORK); /* when it fails, it is given back later */
}

void segment_destroy(struct segment *s)
{
    if (s->shared)
        munmap(s->shared, s->bytes);
    if (s->fd >= 0 && own_file_is(&s->own, s->fd))
        close(s->fd);
    own_file_forget(&s->own);
    free(s->prepared);
    free(s->there_bytes);
    memset(s, 0, sizeof(*s));
    s->fd = -1;
}

static int check(const struct segment_shared *h, uint64_t file_bytes, struct segment_geometry *g)
{
    /* Formatted. Acquire: pairs with the release in format(). */
    uint64_t magic = load_acquire(&h->magic);

    if (magic == __builtin_bswap64(SEGMENT_MAGIC)) /* of the other byte order */
        return -EPROTONOSUPPORT;
    if (magic != SEGMENT_MAGIC)
        return -EBADMSG;
    if (h->version != SEGMENT_VERSION || h->machine != MACHINE_KIND)
        return -EPROTONOSUPPORT;
    *g = (struct segment_geometry){
        .slots = h->slots,
        .ring_bytes = h->ring_bytes,
        .ring_max_bytes = h->ring_max_bytes,
        .arena_bytes = h->arena_bytes,
        .policy = (enum ring_policy)h->policy,
        .timeout_ns = h->timeout_ns,
        .clock = (enum segment_clock)h->clock,
    };
    if (!geometry_is_sound(g) || segment_bytes(g) > file_bytes ||
        h->switches_offset != switches_offset() || h->slots_offset != slots_offset() ||
        h->arena_offset != arena_offset(g) || h->rings_offset != rings_offset(g))
        return -EBADMSG;
    return 0;
}

int segment_map(struct segment *s, int fd)
{
    struct segment_geometry g;
    struct stat file;
    void *base;
    int err;

    memset(s, 0, sizeof(*s));
    s->fd = -1;
    if (fstat(fd, &file))
        return -errno;
    if ((uint64_t)file.st_size < sizeof(struct segment_shared))
        return -EBADMSG;
    base = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    err = check(base, (uint64_t)file.st_size, &g);
    if (err) {
        munmap(base, (size_t)file.st_size);
        return err;
    }
    (void)madvise(base, (size_t)file.st_size, MADV_DONTDUMP);
    place(s, base, &g);
    return 0;
}

int segment_map_copy(struct segment *s, int fd)
{
    struct segment_geometry g;
    struct stat file;
    void *base;
    int err;

    memset(s, 0, sizeof(*s));
    s->fd = -1;
    if (fstat(fd, &file))
        return -errno;
    if ((uint64_t)file.st_size < sizeof(struct segment_shared))
        return -EBADMSG;
    base = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
                0);
    if (base == MAP_FAILED)
        return -errno;
    err = check(base, (uint64_t)file.st_size, &g);
    if (!err) {
        place(s, base, &g);
        s->prepared = calloc(1, g.slots);
        s->there_bytes = calloc(g.slots, sizeof(*s->there_bytes));
        err = s->prepared && s->there_bytes ? 0 : -ENOMEM;
    }
    if (err) {
        free(s->prepared);
        free(s->there_bytes);
        munmap(base, (size_t)file.st_size);
        memset(s, 0, sizeof(*s));
        s->fd = -1;
        return err;
    }
    s->bytes = (size_t)file.st_size;
    return 0;
}

bool segment_is_abandoned(const struct segment *s)
{
    /* relaxed: seen late, it costs some drops. */
    return load_relaxed(&s->shared->closed) ||
           (load_relaxed(&s->shared->life.word) & FUTEX_OWNER_DIED);
}
