/* SPDX-License-Identifier: Apache-2.0 */
/* Rings in shared memory, by name and by descriptor. */
#include "rings/spsc_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum {
    NAME_MAX_BYTES = 200,
    DATA_OFFSET = 4096,
    BEFORE_BYTES = SPSC_HANDLE_BYTES + SPSC_SHADOW_BYTES
};

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool spsc_name_is_valid(const char *name, size_t length_max)
{
    size_t length = strnlen(name, length_max + 1);

    return length && length <= length_max && strspn(name, ALPHANUMERIC) &&
           strspn(name, ALPHANUMERIC "._-") == length;
}

int spsc_file_allocate(int fd, uint64_t bytes)
{
    struct rlimit limit;
    int err;

    /* Growing a file beyond RLIMIT_FSIZE would raise a signal. */
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < bytes)
        return -EFBIG;
    if (ftruncate(fd, (off_t)bytes))
        return -errno;
    do /* the pages as well: a full file system shows here, not as SIGBUS later */
        err = posix_fallocate(fd, 0, (off_t)bytes);
    while (err == EINTR);
    return -err;
}

/* Private memory with `bytes` of room behind it. */
static unsigned char *map_base(size_t bytes, int flags)
{
    void *base = mmap(NULL, BEFORE_BYTES + bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    return base == MAP_FAILED ? NULL : base;
}

int spsc_map_private(uint64_t bytes, struct spsc_map *map)
{
    memset(map, 0, sizeof(*map));
    map->base = map_base((size_t)bytes, MAP_POPULATE);
    if (!map->base)
        return -errno;
    map->file = map->base + BEFORE_BYTES;
    map->file_bytes = bytes;
    return 0;
}

int spsc_map_file(int fd, uint64_t least, struct spsc_map *map)
{
    struct stat status;
    size_t bytes;

    memset(map, 0, sizeof(*map));
    if (fstat(fd, &status))
        return -errno;
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size < least)
        return -EBADMSG;
    if ((uint64_t)status.st_size > SPSC_FILE_MAX)
        return -EFBIG;
    bytes = (size_t)status.st_size;
    map->base = map_base(bytes, MAP_NORESERVE);
    if (!map->base)
        return -errno;
    map->file = map->base + BEFORE_BYTES;
    map->file_bytes = bytes;
    if (mmap(map->file, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
             0) == MAP_FAILED) {
        int err = -errno;

        spsc_map_fini(map);
        return err;
    }
    return 0;
}

void spsc_map_fini(struct spsc_map *map)
{
    if (map->base)
        munmap(map->base, BEFORE_BYTES + (size_t)map->file_bytes);
    map->base = NULL;
}

int spsc_map_attach(struct spsc_map *map, struct ada_ring **out)
{
    struct spsc_shared *shared = (void *)map->file;
    struct ada_ring *r = (void *)map->base;
    uint64_t capacity, data_offset;
    int err = spsc_accept(shared, map->file_bytes, &capacity, &data_offset);

    if (!err)
        err = spsc_handle_init(r, shared, map->file + data_offset, capacity);
    if (err)
        return err;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): errno is not 0 when a call has failed */
    r->memory = SPSC_MAPPED;
    r->map = map->base;
    r->map_bytes = BEFORE_BYTES + (size_t)map->file_bytes;
    *out = r;
    return 0;
}

void spsc_unmap(struct ada_ring *r)
{
    if (r->fd >= 0)
        close(r->fd);
    munmap(r->map, r->map_bytes); /* the handle lies in it */
}

/* A new, empty file becomes a ring. The descriptor stays the caller's. */
static int make_in_file(int fd, uint64_t requested, struct ada_ring **out)
{
    int64_t capacity = spsc_capacity_for(requested);
    struct spsc_map map;
    int err;

    if (capacity < 0)
        return (int)capacity;
    err = spsc_file_allocate(fd, DATA_OFFSET + (uint64_t)capacity);
    if (!err)
        err = spsc_map_file(fd, DATA_OFFSET + (uint64_t)capacity, &map);
    if (err)
        return err;
    spsc_format((void *)map.file, (uint64_t)capacity, DATA_OFFSET);
    err = spsc_map_attach(&map, out);
    if (err)
        spsc_map_fini(&map);
    return err;
}

int ada_ring_attach_fd(int fd, struct ada_ring **out)
{
    struct spsc_map map;
    int err = spsc_map_file(fd, sizeof(struct spsc_shared), &map);

    if (err)
        return err;
    err = spsc_map_attach(&map, out);
    if (err)
        spsc_map_fini(&map);
    return err;
}

int spsc_memfd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) /* Linux before 6.3 */
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int spsc_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

int ada_ring_create_fd(uint64_t capacity, struct ada_ring **out)
{
    int err, fd = spsc_memfd("adatrace-ring");

    if (fd < 0)
        return fd;
    err = make_in_file(fd, capacity, out);
    if (err) {
        close(fd);
        return err;
    }
    (*out)->fd = fd;
    err = spsc_seal(fd);
    if (err)
        ada_ring_destroy(*out);
    return err;
}

int ada_ring_fd(const struct ada_ring *r)
{
    return r->fd < 0 ? -EBADF : r->fd;
}

static int shm_name(const char *name, char path[NAME_MAX_BYTES + 2])
{
    if (!spsc_name_is_valid(name, NAME_MAX_BYTES))
        return -EINVAL;
    snprintf(path, NAME_MAX_BYTES + 2, "/%s", name);
    return 0;
}

int spsc_shm_create(const char *name)
{
    char path[NAME_MAX_BYTES + 2];
    int fd, err = shm_name(name, path);

    if (err)
        return err;
    fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600); /* close-on-exec, no symbolic links */
    return fd < 0 ? -errno : fd;
}

int spsc_shm_open(const char *name)
{
    char path[NAME_MAX_BYTES + 2];
    struct stat status;
    int fd, err = shm_name(name, path);

    if (err)
        return err;
    fd = shm_open(path, O_RDWR, 0);
    if (fd < 0)
        return -errno;
    err = fstat(fd, &status)             ? -errno
          : status.st_uid != geteuid()   ? -EPERM
          : status.st_size < DATA_OFFSET ? -EAGAIN /* it is being made */
                                         : 0;
    if (!err)
        return fd;
    close(fd);
    return err;
}

int ada_ring_create_named(const char *name, uint64_t capacity, struct ada_ring **out)
{
    int err, fd = spsc_shm_create(name);

    if (fd < 0)
        return fd;
    err = make_in_file(fd, capacity, out);
    if (err)
        (void)ada_ring_remove(name);
    close(fd);
    return err;
}

int ada_ring_attach_named(const char *name, struct ada_ring **out)
{
    int err, fd = spsc_shm_open(name);

    if (fd < 0)
        return fd;
    err = ada_ring_attach_fd(fd, out);
    close(fd);
    return err;
}

int ada_ring_remove(const char *name)
{
    char path[NAME_MAX_BYTES + 2];
    int err = shm_name(name, path);

    if (err)
        return err;
    return shm_unlink(path) ? -errno : 0;
}
