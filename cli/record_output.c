/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fresh_file.h"
#include "cli/message.h"
#include "drain/file_names.h"

static int base_make(struct record_output *output)
{
    char folder[PATH_MAX];
    int size;

    if (output->path[0] != '/' && !getcwd(folder, sizeof(folder)))
        return -errno;
    size =
        snprintf(output->base, sizeof(output->base), "%s%s%s", output->path[0] == '/' ? "" : folder,
                 output->path[0] == '/' ? "" : "/", output->path);
    return size < (int)sizeof(output->base) ? 0 : -ENAMETOOLONG;
}

/* The name of the first of several files. */
static int path_number(struct record_output *output)
{
    char path[PATH_MAX];

    memcpy(path, output->path, sizeof(path));
    return file_name_rotated(output->path, sizeof(output->path), path, 1);
}

static int path_choose(struct record_output *output, const char *path, const char *program)
{
    const char *slash = strrchr(program, '/');
    int size = path ? snprintf(output->path, sizeof(output->path), "%s", path)
                    : snprintf(output->path, sizeof(output->path), "%s.adatrace",
                               slash ? slash + 1 : program);

    return size < (int)sizeof(output->path) ? 0 : -ENAMETOOLONG;
}

int record_output_open(struct record_output *output, const char *path, const char *program,
                       enum record_output_kind kind, bool force)
{
    struct stat status;
    int fd = path_choose(output, path, program);

    if (!fd)
        fd = base_make(output);
    if (!fd && kind == OUTPUT_NUMBERED)
        fd = path_number(output);
    if (fd) {
        message_failure(fd, "cannot write %.100s", path ? path : program);
        return fd;
    }
    if (kind == OUTPUT_NONE)
        return 0;
    output->is_new = stat(output->path, &status) || S_ISREG(status.st_mode);
    if (output->is_new) {
        fd = fresh_file_exchange(output->path, force, output->old);
    } else {
        fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        fd = fd < 0 ? -errno : fd;
    }
    if (fd == -EEXIST)
        message_print("%s exists already: --force replaces it, -o FILE names another",
                      output->path);
    else if (fd < 0)
        message_failure(fd, "cannot write %s", output->path);
    return fd;
}

void record_output_discard(const struct record_output *output)
{
    if (output->is_new)
        fresh_file_undo(output->path, output->old);
}

void record_output_settle(struct record_output *output)
{
    fresh_file_settle(output->old);
    *output->old = 0;
}

uint64_t record_output_bytes(const struct record_output *output)
{
    struct stat status;

    return output->is_new && stat(output->path, &status) == 0 ? (uint64_t)status.st_size : 0;
}
