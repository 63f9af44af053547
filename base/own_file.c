/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void own_file_mark(struct own_file *file, int fd)
{
    char link[64], path[PATH_MAX];
    struct stat status;
    ssize_t length;

    *file = (struct own_file){0};
    if (fstat(fd, &status))
        return;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    if (!S_ISREG(status.st_mode))
        return;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0 || path[0] != '/')
        return;
    path[length] = 0;
    file->path = strdup(path);
}

void own_file_forget(struct own_file *file)
{
    free(file->path);
    *file = (struct own_file){0};
}

bool own_file_is(const struct own_file *file, int fd)
{
    struct stat status;

    if (!file->inode)
        return true;
    return fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == file->device &&
           status.st_ino == file->inode;
}

int own_file_open(const struct own_file *file, int flags)
{
    int fd;

    if (!file->path)
        return -EBADF;
    fd = open(file->path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -EBADF;
    if (own_file_is(file, fd))
        return fd;
    close(fd);
    return -EBADF;
}

int own_file_hold(const struct own_file *file, int fd, int flags)
{
    return own_file_is(file, fd) ? fd : own_file_open(file, flags);
}
