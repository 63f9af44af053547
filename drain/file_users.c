/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/file_users.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct wanted {
    unsigned long inode;
    char path[PATH_MAX]; /* "": not known */
};

/* By inode and name: the device that a file system puts into maps need not be that of stat(2). */
static bool line_is(const char *line, const struct wanted *wanted)
{
    char *path;

    /* Addresses, access, offset and device come first. */
    for (int field = 0; field < 4; field++) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    if (strtoul(line, &path, 10) != wanted->inode)
        return false;
    path += strspn(path, " ");
    return !*wanted->path || !*path || strcmp(path, wanted->path) == 0;
}

static bool process_maps(const char *pid, const struct wanted *wanted)
{
    char path[64], *line = NULL;
    size_t size = 0;
    bool found = false;
    ssize_t length;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
    maps = fopen(path, "re");
    while (maps && !found && (length = getline(&line, &size, maps)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        found = line_is(line, wanted);
    }
    free(line);
    if (maps)
        fclose(maps);
    return found;
}

uint32_t file_user_find(int fd)
{
    struct wanted wanted = {0};
    struct stat status;
    struct dirent *item;
    uint32_t user = 0;
    char link[64];
    DIR *all;

    if (fstat(fd, &status))
        return 0;
    wanted.inode = (unsigned long)status.st_ino;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (readlink(link, wanted.path, sizeof(wanted.path) - 1) < 0)
        *wanted.path = 0;
    all = opendir("/proc");
    while (all && !user && (item = readdir(all))) {
        uint32_t pid = (uint32_t)strtoul(item->d_name, NULL, 10);

        if (pid && process_maps(item->d_name, &wanted))
            user = pid;
    }
    if (all)
        closedir(all);
    return user;
}
