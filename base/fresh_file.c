/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fresh_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 100 };

static int name_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

    return fd < 0 ? -errno : fd;
}

static bool is_folder(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Under a name that nobody looks for; another process or thread may be at the same. */
static int beside_open(const char *path, char beside[PATH_MAX])
{
    int fd = -EEXIST;

    for (unsigned n = 0; fd == -EEXIST && n < NAMES_MAX; n++) {
        if (snprintf(beside, PATH_MAX, "%s.%d-%u", path, (int)getpid(), n) >= PATH_MAX)
            return -ENAMETOOLONG;
        fd = name_open(beside);
    }
    return fd;
}

int fresh_file_begin(const char *path, bool replace, char name[PATH_MAX])
{
    int fd = name_open(path);

    if (fd == -EEXIST && replace)
        return beside_open(path, name);
    if (fd >= 0)
        snprintf(name, PATH_MAX, "%s", path); /* the kernel takes no longer ones */
    return fd;
}

bool fresh_file_is_beside(const char *path, const char *name)
{
    return strcmp(name, path) != 0;
}

int fresh_file_keep(const char *path, const char *name)
{
    int err;

    if (!fresh_file_is_beside(path, name) || rename(name, path) == 0)
        return 0;
    err = -errno;
    unlink(name);
    return err;
}

int fresh_file_open(const char *path, bool replace)
{
    char name[PATH_MAX];
    int fd = fresh_file_begin(path, replace, name), err;

    if (fd < 0)
        return fd;
    err = fresh_file_keep(path, name);
    if (err)
        close(fd);
    return err ? err : fd;
}

int fresh_file_exchange(const char *path, bool replace, char old[PATH_MAX])
{
    int fd = fresh_file_begin(path, replace, old), err;

    if (fd < 0)
        return fd;
    if (!fresh_file_is_beside(path, old)) {
        *old = 0;
        return fd;
    }
    if (!is_folder(path) && renameat2(AT_FDCWD, old, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return fd;
    err = fresh_file_keep(path, old); /* not every file system exchanges */
    *old = 0;
    if (err)
        close(fd);
    return err ? err : fd;
}

void fresh_file_settle(const char *old)
{
    if (*old)
        unlink(old);
}

void fresh_file_undo(const char *path, const char *old)
{
    if (!*old || rename(old, path))
        unlink(path);
}
