/* SPDX-License-Identifier: Apache-2.0 */
/* Making a fan-in, taking one on, and giving it up. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rings/fanin_memory.h"
#include "rings/warden.h"

enum { PRODUCERS = 64, CAPACITY = 64 * 1024, PAGE_BYTES = 4096 };

struct sizes {
    uint32_t slots;
    uint64_t capacity, rings_offset, ring_stride, bytes;
};

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static void sizes_of(uint32_t slots, uint64_t capacity, struct sizes *sizes)
{
    sizes->slots = slots;
    sizes->capacity = capacity;
    sizes->rings_offset = pages(sizeof(struct fanin_shared) + slots * sizeof(struct spsc_end));
    sizes->ring_stride = sizeof(struct spsc_shared) + capacity;
    sizes->bytes = sizes->rings_offset + slots * sizes->ring_stride;
}

static int sizes_asked(const struct ada_fanin_options *options, struct sizes *sizes)
{
    static const struct ada_fanin_options defaults = {.size = sizeof(defaults)};
    int64_t capacity;

    if (!options)
        options = &defaults;
    if (options->size != sizeof(*options) || options->reserved ||
        options->producers > ADA_FANIN_PRODUCERS_MAX)
        return -EINVAL;
    capacity = spsc_capacity_for(options->capacity ? options->capacity : CAPACITY);
    if (capacity < 0)
        return -ERANGE;
    sizes_of(options->producers ? options->producers : PRODUCERS, (uint64_t)capacity, sizes);
    return 0;
}

static struct spsc_shared *ring_at(unsigned char *file, const struct sizes *sizes, uint32_t slot)
{
    return (void *)(file + sizes->rings_offset + slot * sizes->ring_stride);
}

static void format(unsigned char *file, const struct sizes *sizes)
{
    struct fanin_shared *shared = (void *)file;

    for (uint32_t i = 0; i < sizes->slots; i++)
        spsc_format(ring_at(file, sizes, i), sizes->capacity, sizeof(struct spsc_shared));
    shared->version = FANIN_VERSION;
    shared->slots = sizes->slots;
    shared->capacity = sizes->capacity;
    shared->rings_offset = sizes->rings_offset;
    shared->ring_stride = sizes->ring_stride;
    /* Formatted. Release: as in spsc_format(). Pairs with accept(). */
    store_release(&shared->magic, FANIN_MAGIC);
}

/* Sizes that somebody else wrote: trusted if they are those that we would have chosen. */
static int accept(const struct spsc_map *map, struct sizes *sizes)
{
    const struct fanin_shared *shared = (const void *)map->file;
    /* Formatted. Acquire: pairs with format(). */
    uint32_t magic = load_acquire(&shared->magic), slots = load_relaxed(&shared->slots);
    uint64_t capacity = load_relaxed(&shared->capacity);

    if (!magic)
        return -EAGAIN;
    if (magic != FANIN_MAGIC)
        return -EBADMSG;
    if (load_relaxed(&shared->version) != FANIN_VERSION)
        return -EPROTONOSUPPORT;
    if (!slots || slots > ADA_FANIN_PRODUCERS_MAX ||
        spsc_capacity_for(capacity) != (int64_t)capacity)
        return -EBADMSG;
    sizes_of(slots, capacity, sizes);
    return load_relaxed(&shared->rings_offset) != sizes->rings_offset ||
                   load_relaxed(&shared->ring_stride) != sizes->ring_stride ||
                   map->file_bytes < sizes->bytes
               ? -EBADMSG
               : 0;
}

static int handles_init(struct ada_fanin *f, const struct sizes *sizes)
{
    for (uint32_t i = 0; i < f->slots; i++) {
        struct spsc_shared *ring = ring_at(f->map.file, sizes, i);
        struct ada_ring *both[] = {&f->writers[i], &f->readers[i]};

        for (int n = 0; n < 2; n++) {
            struct ada_ring *r = both[n];

            /* Nonsensical indexes are the business of who uses the ring. */
            (void)!spsc_handle_init(r, ring, (unsigned char *)(ring + 1), f->capacity);
            r->memory = SPSC_PART;
            r->writer_end = &f->shared->slot[i];
            r->consumer = &f->shared->consumer;
            r->bell = &f->shared->bell;
        }
    }
    return 0;
}

/* A handle, whose map is then the handle's. */
static int handle_make(struct spsc_map *map, const struct sizes *sizes, struct ada_fanin **out)
{
    struct ada_fanin *f = calloc(1, sizeof(*f));
    size_t rings = sizes->slots * sizeof(struct ada_ring);

    if (!f)
        return -ENOMEM;
    f->slots = sizes->slots;
    f->capacity = sizes->capacity;
    f->shared = (void *)map->file;
    f->fd = -1;
    f->members = calloc(f->slots, sizeof(*f->members));
    f->writers = aligned_alloc(SPSC_LINE, rings);
    f->readers = aligned_alloc(SPSC_LINE, rings);
    if (!f->members || !f->writers || !f->readers) {
        ada_fanin_destroy(f);
        return -ENOMEM;
    }
    f->map = *map;
    *out = f;
    return handles_init(f, sizes);
}

void ada_fanin_destroy(struct ada_fanin *f)
{
    if (!f)
        return;
    if (f->consumes && !f->is_private)
        warden_release(&f->shared->consumer);
    if (f->fd >= 0)
        close(f->fd);
    free(f->members);
    free(f->writers);
    free(f->readers);
    spsc_map_fini(&f->map);
    free(f);
}

int ada_fanin_create(const struct ada_fanin_options *options, struct ada_fanin **out)
{
    struct spsc_map map = {0};
    struct sizes sizes;
    int err = sizes_asked(options, &sizes);

    if (!err)
        err = spsc_map_private(sizes.bytes, &map);
    if (err)
        return err;
    format(map.file, &sizes);
    err = handle_make(&map, &sizes, out);
    if (err)
        spsc_map_fini(&map);
    else
        (*out)->is_private = true;
    return err;
}

/* A new, empty file becomes a fan-in. The descriptor stays the caller's. */
static int make_in_file(int fd, const struct ada_fanin_options *options, struct ada_fanin **out)
{
    struct spsc_map map = {0};
    struct sizes sizes;
    int err = sizes_asked(options, &sizes);

    if (!err)
        err = spsc_file_allocate(fd, sizes.bytes);
    if (!err)
        err = spsc_map_file(fd, sizes.bytes, &map);
    if (err)
        return err;
    format(map.file, &sizes);
    err = handle_make(&map, &sizes, out);
    if (err)
        spsc_map_fini(&map);
    return err;
}

int ada_fanin_create_fd(const struct ada_fanin_options *options, struct ada_fanin **out)
{
    int err, fd = spsc_memfd("adatrace-fanin");

    if (fd < 0)
        return fd;
    err = make_in_file(fd, options, out);
    if (err) {
        close(fd);
        return err;
    }
    (*out)->fd = fd;
    err = spsc_seal(fd);
    if (err)
        ada_fanin_destroy(*out);
    return err;
}

int ada_fanin_fd(const struct ada_fanin *f)
{
    return f->fd < 0 ? -EBADF : f->fd;
}

int ada_fanin_attach_fd(int fd, struct ada_fanin **out)
{
    struct spsc_map map = {0};
    struct sizes sizes;
    int err = spsc_map_file(fd, sizeof(struct fanin_shared), &map);

    if (err)
        return err;
    err = accept(&map, &sizes);
    if (!err)
        err = handle_make(&map, &sizes, out);
    if (err)
        spsc_map_fini(&map);
    return err;
}

int ada_fanin_create_named(const char *name, const struct ada_fanin_options *options,
                           struct ada_fanin **out)
{
    int err, fd = spsc_shm_create(name);

    if (fd < 0)
        return fd;
    err = make_in_file(fd, options, out);
    if (err)
        (void)ada_ring_remove(name);
    close(fd);
    return err;
}

int ada_fanin_attach_named(const char *name, struct ada_fanin **out)
{
    int err, fd = spsc_shm_open(name);

    if (fd < 0)
        return fd;
    err = ada_fanin_attach_fd(fd, out);
    close(fd);
    return err;
}

int ada_fanin_remove(const char *name)
{
    return ada_ring_remove(name);
}
