/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fresh_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { NAMES_MAX = 100 };

static int name_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

    return fd < 0 ? -errno : fd;
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

int fresh_file_open(const char *path, bool replace)
{
    char beside[PATH_MAX];
    int fd = name_open(path), err;

    if (fd != -EEXIST || !replace)
        return fd;
    fd = beside_open(path, beside);
    if (fd < 0 || rename(beside, path) == 0)
        return fd;
    err = -errno;
    unlink(beside);
    close(fd);
    return err;
}
