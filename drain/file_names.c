/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/file_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".adatrace"

enum { DIGITS_MIN = 4 };

/* Without .adatrace, when it is there and not all there is. */
static int stem_bytes(const char *path)
{
    size_t length = strlen(path), suffix = strlen(SUFFIX);
    const char *slash = strrchr(path, '/');
    size_t name = slash ? strlen(slash + 1) : length;

    if (name > suffix && strcmp(path + length - suffix, SUFFIX) == 0)
        length -= suffix;
    return (int)length;
}

int file_name_rotated(char *out, size_t size, const char *path, unsigned number)
{
    int stem = stem_bytes(path);
    int length = snprintf(out, size, "%.*s.%04u%s", stem, path, number, path + stem);

    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int file_name_snapshot(char *out, size_t size, const char *path, unsigned number)
{
    int length = snprintf(out, size, "%.*s-snapshot-%04u" SUFFIX, stem_bytes(path), path, number);

    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

void file_name_derived(char *out, size_t size, const char *path, const char *how)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    snprintf(out, size, "%.*s.%s" SUFFIX, stem_bytes(name), name, how);
}

/* The number in a rotated file's name; 0: it is none. */
static unsigned number_of(const char *name, const char *stem, size_t stem_length,
                          const char *suffix)
{
    const char *digits = name + stem_length + 1;
    unsigned long number;
    char *end;

    if (strncmp(name, stem, stem_length) != 0 || name[stem_length] != '.')
        return 0;
    if (*digits < '0' || *digits > '9')
        return 0;
    number = strtoul(digits, &end, 10);
    return end - digits >= DIGITS_MIN && strcmp(end, suffix) == 0 && number < UINT_MAX
               ? (unsigned)number
               : 0;
}

int file_names_clear(const char *path, unsigned last)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t stem_length = (size_t)(path + stem_bytes(path) - name);
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    int err = 0;

    if (!dir)
        err = folder ? -errno : -ENOMEM;
    while (dir && (entry = readdir(dir))) {
        unsigned number = number_of(entry->d_name, name, stem_length, name + stem_length);

        if (number > last && unlinkat(dirfd(dir), entry->d_name, 0) && errno != ENOENT)
            err = -errno;
    }
    if (dir)
        closedir(dir);
    free(folder);
    return err;
}
