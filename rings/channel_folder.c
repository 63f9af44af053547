/* SPDX-License-Identifier: Apache-2.0 */
#include "rings/channel_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rings/spsc_map.h"

/* Nobody else's environment: a program with more rights than its user keeps to /dev/shm. */
static int folder_path(const char *folder, char path[PATH_MAX])
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    int length;

    if (!folder)
        folder = secure_getenv("ADATRACE_CHANNELS");
    if (folder && *folder)
        length = snprintf(path, PATH_MAX, "%s", folder);
    else if (runtime && *runtime == '/')
        length = snprintf(path, PATH_MAX, "%s/adatrace-channels", runtime);
    else
        length = snprintf(path, PATH_MAX, "/dev/shm/adatrace-channels-%u", (unsigned)geteuid());
    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int channel_folder_open(const char *folder, bool make)
{
    char path[PATH_MAX];
    struct stat status;
    int fd, err = folder_path(folder, path);

    if (err)
        return err;
    if (make && mkdir(path, 0700) && errno != EEXIST)
        return -errno;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status))
        err = -errno;
    else if (status.st_uid != geteuid() || status.st_mode & 077)
        err = -EPERM;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

static int file_fill(int fd, const char *name, uint64_t requested)
{
    int64_t capacity = spsc_capacity_for(requested);
    struct channel_file file = {.channel = {CHANNEL_MAGIC, CHANNEL_VERSION, {0}}};
    int err;

    if (capacity < 0)
        return (int)capacity;
    err = spsc_file_allocate(fd, CHANNEL_DATA_OFFSET + (uint64_t)capacity);
    if (err)
        return err;
    snprintf(file.channel.name, sizeof(file.channel.name), "%s", name);
    spsc_format(&file.ring, (uint64_t)capacity, CHANNEL_DATA_OFFSET);
    return pwrite(fd, &file, sizeof(file), 0) == (ssize_t)sizeof(file) ? 0 : -EIO;
}

/* It gets its name when it is whole, so nobody ever sees half a channel. */
static int file_make(int folder, const char *name, uint64_t capacity)
{
    char unnamed[64];
    int err, fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    err = file_fill(fd, name, capacity);
    snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fd);
    if (!err && linkat(AT_FDCWD, unnamed, folder, name, AT_SYMLINK_FOLLOW))
        err = -errno;
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

int channel_file_open(int folder, const char *name, uint64_t capacity, unsigned flags)
{
    for (;;) {
        int fd;

        if (!(flags & ADA_CHANNEL_NEW)) {
            fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
            if (fd >= 0)
                return fd;
            if (errno != ENOENT || flags & ADA_CHANNEL_EXISTING)
                return -errno;
        }
        fd = file_make(folder, name, capacity);
        if (fd != -EEXIST || flags & ADA_CHANNEL_NEW)
            return fd;
        /* Somebody was faster; or it was removed again meanwhile: look again. */
    }
}

int channel_file_check(const struct channel_file *file, const char *name)
{
    const struct channel_shared *channel = &file->channel;

    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): failing sets errno */
    if (channel->magic != CHANNEL_MAGIC)
        return -EBADMSG;
    if (channel->version != CHANNEL_VERSION)
        return -EPROTONOSUPPORT;
    return strncmp(channel->name, name, sizeof(channel->name)) ? -EBADMSG : 0;
}

enum ada_channel_presence channel_presence(const struct spsc_end *end)
{
    /* Over. Acquire: as in spsc_end_is_over(). */
    uint32_t life = load_acquire(&end->attention.life);

    if (life & FUTEX_OWNER_DIED)
        return load_relaxed(&end->left) ? ADA_CHANNEL_LEFT : ADA_CHANNEL_DIED;
    return life & FUTEX_TID_MASK ? ADA_CHANNEL_HERE : ADA_CHANNEL_NEVER;
}

/* ---- all of them ---- */

int ada_channel_exists(const char *folder, const char *name)
{
    struct ada_channel_stats stats;
    int err = ada_channel_stats_read(folder, name, &stats);

    return err == -ENOENT ? 0 : err ? err : 1;
}

int ada_channel_remove(const char *folder, const char *name)
{
    int err = 0, fd;

    if (!spsc_name_is_valid(name, ADA_CHANNEL_NAME_MAX))
        return -EINVAL;
    fd = channel_folder_open(folder, false);
    if (fd < 0)
        return fd;
    if (unlinkat(fd, name, 0))
        err = -errno;
    close(fd);
    return err;
}

/* Copied by the kernel: nobody can take the file away from under us. */
static int stats_of(int folder, const char *name, struct ada_channel_stats *stats)
{
    struct channel_file file;
    struct ada_ring observer;
    uint64_t capacity, data_offset;
    struct stat status;
    ssize_t got = 0;
    int err = 0, fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) ||
        (S_ISREG(status.st_mode) && (got = pread(fd, &file, sizeof(file), 0)) < 0))
        err = -errno;
    else if (got != sizeof(file))
        err = -EBADMSG;
    close(fd);
    if (!err)
        err = channel_file_check(&file, name);
    if (!err)
        err = spsc_accept(&file.ring, (uint64_t)status.st_size, &capacity, &data_offset);
    if (err)
        return err;
    memset(stats, 0, sizeof(*stats));
    observer.shared = &file.ring;
    observer.capacity = capacity;
    ada_ring_snapshot(&observer, &stats->ring);
    snprintf(stats->name, sizeof(stats->name), "%s", name);
    stats->writer = channel_presence(&file.ring.writer);
    stats->reader = channel_presence(&file.ring.reader);
    stats->writer_pid = stats->writer == ADA_CHANNEL_HERE ? file.ring.writer.pid : 0;
    stats->reader_pid = stats->reader == ADA_CHANNEL_HERE ? file.ring.reader.pid : 0;
    stats->writers = file.ring.writer.generation;
    stats->readers = file.ring.reader.generation;
    stats->shut_down = file.ring.writer.attention.closed != 0;
    return 0;
}

int ada_channel_stats_read(const char *folder, const char *name, struct ada_channel_stats *stats)
{
    int err, fd;

    if (!spsc_name_is_valid(name, ADA_CHANNEL_NAME_MAX))
        return -EINVAL;
    fd = channel_folder_open(folder, false);
    if (fd < 0)
        return fd;
    err = stats_of(fd, name, stats);
    close(fd);
    return err;
}

int ada_channels_visit(const char *folder,
                       int (*visit)(void *context, const struct ada_channel_stats *stats),
                       void *context)
{
    int stop = 0, fd = channel_folder_open(folder, false);
    struct dirent *entry;
    DIR *list;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    list = fdopendir(fd);
    if (!list) {
        stop = -errno;
        close(fd);
        return stop;
    }
    while (!stop && (entry = readdir(list))) {
        struct ada_channel_stats stats;

        if (spsc_name_is_valid(entry->d_name, ADA_CHANNEL_NAME_MAX) &&
            !stats_of(fd, entry->d_name, &stats))
            stop = visit(context, &stats);
    }
    closedir(list);
    return stop;
}
