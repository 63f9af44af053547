/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"

/* ---- open ---- */

/* The folder that `path` lies in, with its last slash, or "./". */
static int folder_of(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + 1 : 0;
    int written =
        length ? snprintf(folder, size, "%.*s", length, path) : snprintf(folder, size, "./");

    return written < (int)size ? 0 : -ENAMETOOLONG;
}

/* A file with a name that nobody looks for. */
static int named_open(struct new_file *file, const char *folder)
{
    int size = snprintf(file->temporary, sizeof(file->temporary), "%s.adatrace-XXXXXX", folder);
    int fd = size < (int)sizeof(file->temporary) ? mkostemp(file->temporary, O_CLOEXEC) : -1;

    if (fd >= 0)
        return fd;
    *file->temporary = 0;
    return -errno;
}

static int nameless_open(struct new_file *file)
{
    char folder[PATH_MAX];
    int fd = folder_of(file->path, folder, sizeof(folder));

    if (fd)
        return fd;
    fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* Not every file system can do that, and each has a different error for it. */
    return named_open(file, folder);
}

static int exists_say(const char *path)
{
    message_print("%s exists already: --force replaces it, -o FILE names another", path);
    return -EEXIST;
}

static int file_open(struct new_file *file)
{
    struct stat status;
    bool there = stat(file->path, &status) == 0;
    int fd;

    file->is_new = !there || S_ISREG(status.st_mode);
    if (there && file->is_new && !file->force)
        return exists_say(file->path);
    if (file->is_new) {
        fd = nameless_open(file);
    } else {
        fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        fd = fd < 0 ? -errno : fd;
    }
    if (fd < 0)
        message_failure(fd, "cannot write %s", file->path);
    return fd;
}

int new_file_open(struct new_file *file, const char *path, bool force)
{
    int size, copy;

    *file = (struct new_file){.fd = -1, .force = force};
    size = snprintf(file->path, sizeof(file->path), "%s", path);
    if (size >= (int)sizeof(file->path)) {
        message_failure(ENAMETOOLONG, "cannot write %.100s", path);
        return -ENAMETOOLONG;
    }
    file->fd = file_open(file);
    if (file->fd < 0)
        return file->fd;
    copy = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        copy = -errno;
        message_failure(copy, "cannot write %s", path);
        new_file_discard(file);
    }
    return copy;
}

/* ---- keep ---- */

/* Give the file this name, if nothing has it. */
static int name_give(const struct new_file *file, const char *name)
{
    char link[64];

    if (*file->temporary) {
        if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, name, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS)
            return -errno;
        if (linkat(AT_FDCWD, file->temporary, AT_FDCWD, name, 0))
            return -errno;
        unlink(file->temporary);
        return 0;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
    return linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* In place of what has the name: by way of another one, because only rename(2) replaces. */
static int name_take(struct new_file *file)
{
    char folder[PATH_MAX], other[PATH_MAX];
    int status = folder_of(file->path, folder, sizeof(folder));

    if (*file->temporary)
        return rename(file->temporary, file->path) ? -errno : 0;
    for (unsigned n = 0; status == 0 && n < 100; n++) {
        if (snprintf(other, sizeof(other), "%s.adatrace-%d-%u", folder, (int)getpid(), n) >=
            (int)sizeof(other))
            return -ENAMETOOLONG;
        status = name_give(file, other);
        if (status == -EEXIST) {
            status = 0;
            continue;
        }
        if (status == 0 && rename(other, file->path)) {
            status = -errno;
            unlink(other);
        }
        return status;
    }
    return status ? status : -EEXIST;
}

int new_file_keep(struct new_file *file)
{
    int status = 0;

    if (file->is_new) {
        status = name_give(file, file->path);
        if (status == -EEXIST && file->force)
            status = name_take(file);
    }
    if (status == 0)
        *file->temporary = 0;
    else if (status == -EEXIST)
        exists_say(file->path);
    else
        message_failure(status, "cannot write %s", file->path);
    new_file_discard(file);
    return status;
}

void new_file_discard(struct new_file *file)
{
    if (*file->temporary)
        unlink(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
    *file->temporary = 0;
    file->fd = -1;
}
