/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer's life: made, mapped by others, closed, gone. */
#include "rings/broadcast_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rings/spsc_map.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* since Linux 5.1 */
#endif

enum { CAPACITY_DEFAULT = 1 << 20 };

/* ---- memory ---- */

static int file_make(size_t bytes)
{
    int err, fd = spsc_memfd("adatrace-broadcast");

    if (fd < 0)
        return fd;
    err = spsc_file_allocate(fd, bytes);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

/* Nobody may shrink it under our feet, and others may only read: our own mapping stays. */
static int file_seal(int fd)
{
    if (!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
        return 0;
    /* Before Linux 5.1 readers are only asked not to write. */
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

static int memory_make(struct ada_broadcast *b, bool in_memfd)
{
    int flags = in_memfd ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    void *base;

    if (in_memfd)
        b->fd = file_make(b->map_bytes);
    if (in_memfd && b->fd < 0)
        return b->fd;
    base = mmap(NULL, b->map_bytes, PROT_READ | PROT_WRITE, flags, b->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    b->shared = base;
    return in_memfd ? file_seal(b->fd) : 0;
}

static void format(struct ada_broadcast *b)
{
    struct broadcast_shared *s = b->shared;

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): errno is not 0 when a call has failed */
    s->version = BROADCAST_VERSION;
    s->many = b->many;
    s->capacity = b->capacity;
    s->data_offset = BROADCAST_DATA_OFFSET;
    /* Made. Release: whoever sees the magic sees the rest. Pairs with the acquire in
     * shared_is_sound(). */
    store_release(&s->magic, BROADCAST_MAGIC);
}

static int capacity_choose(uint64_t wanted, uint64_t *capacity)
{
    uint64_t power = BROADCAST_CAPACITY_MIN;

    if (!wanted)
        wanted = CAPACITY_DEFAULT;
    if (wanted < BROADCAST_CAPACITY_MIN || wanted > BROADCAST_CAPACITY_MAX)
        return -ERANGE;
    while (power < wanted)
        power *= 2;
    *capacity = power;
    return 0;
}

int ada_broadcast_create(struct ada_broadcast **out, const struct ada_broadcast_options *options)
{
    struct ada_broadcast_options o = {0};
    struct ada_broadcast *b;
    int err;

    *out = NULL;
    if (options && options->size != sizeof(o))
        return -EINVAL;
    if (options)
        o = *options;
    if (o.producer_wait > ADA_BROADCAST_SPIN)
        return -EINVAL;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    *b = (struct ada_broadcast){.fd = -1, .many = o.many_producers != 0, .writable = true};
    b->wait = o.producer_wait;
    err = capacity_choose(o.capacity_bytes, &b->capacity);
    b->limit = b->capacity;
    b->map_bytes = BROADCAST_DATA_OFFSET + b->capacity;
    if (!err)
        err = memory_make(b, o.in_memfd != 0);
    if (err) {
        ada_broadcast_destroy(b);
        return err;
    }
    b->data = (unsigned char *)b->shared + BROADCAST_DATA_OFFSET;
    format(b);
    *out = b;
    return 0;
}

/* Believed once, here: afterwards our own copies count. */
static bool shared_is_sound(const struct broadcast_shared *s, size_t bytes, uint64_t *capacity)
{
    /* Made. Acquire: pairs with the release in format(). */
    if (load_acquire(&s->magic) != BROADCAST_MAGIC || s->version != BROADCAST_VERSION ||
        s->data_offset != BROADCAST_DATA_OFFSET)
        return false;
    *capacity = s->capacity;
    return *capacity >= BROADCAST_CAPACITY_MIN && *capacity <= BROADCAST_CAPACITY_MAX &&
           !(*capacity & (*capacity - 1)) && *capacity + BROADCAST_DATA_OFFSET == bytes;
}

static int file_map(struct ada_broadcast *b, int fd)
{
    struct stat about;
    void *base;

    if (fstat(fd, &about))
        return -errno;
    if (about.st_size < (off_t)(BROADCAST_DATA_OFFSET + BROADCAST_CAPACITY_MIN) ||
        about.st_size > (off_t)(BROADCAST_DATA_OFFSET + BROADCAST_CAPACITY_MAX))
        return -EPROTO;
    b->map_bytes = (size_t)about.st_size;
    base = mmap(NULL, b->map_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    b->shared = base;
    b->data = (unsigned char *)base + BROADCAST_DATA_OFFSET;
    return shared_is_sound(b->shared, b->map_bytes, &b->capacity) ? 0 : -EPROTO;
}

int ada_broadcast_map(struct ada_broadcast **out, int fd)
{
    struct ada_broadcast *b = calloc(1, sizeof(*b));
    int err;

    *out = NULL;
    if (!b)
        return -ENOMEM;
    b->fd = -1;
    err = file_map(b, fd);
    if (err) {
        ada_broadcast_destroy(b);
        return err;
    }
    *out = b;
    return 0;
}

void ada_broadcast_destroy(struct ada_broadcast *b)
{
    if (!b)
        return;
    if (b->shared)
        munmap(b->shared, b->map_bytes);
    if (b->fd >= 0)
        close(b->fd);
    free(b);
}

/* ---- about it ---- */

int ada_broadcast_fd(const struct ada_broadcast *b)
{
    return b->fd >= 0 ? b->fd : -ENOENT;
}

uint64_t ada_broadcast_capacity(const struct ada_broadcast *b)
{
    return b->capacity;
}

uint32_t ada_broadcast_message_max(const struct ada_broadcast *b)
{
    return (uint32_t)(b->capacity / BROADCAST_PARTS - sizeof(struct broadcast_head));
}

void ada_broadcast_here(const struct ada_broadcast *b, struct ada_broadcast_place *place)
{
    const struct broadcast_shared *s = b->shared;
    uint64_t before;

    do {
        /* Place. Acquire: pairs with the release in place_move(). */
        before = load_acquire(&s->edition);
        /* relaxed: good only if the edition has not moved. */
        place->position = load_relaxed(&s->intent);
        place->messages = load_relaxed(&s->sequence);
        place->bytes = load_relaxed(&s->bytes);
        fence_acquire(); /* Place. The edition is read again behind the three. */
    } while ((before & 1) || load_relaxed(&s->edition) != before);
}

void ada_broadcast_close(struct ada_broadcast *b)
{
    if (!b->writable)
        return;
    /* Closed. Release: what was published before is found by whoever sees this. Pairs with the
     * acquire in is_over(). */
    store_release(&b->shared->closed, 1);
    ada_broadcast_wake(b);
    broadcast_tell_room(b);
}
