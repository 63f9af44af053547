/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where ---- */

void config_file_of_user(char path[PATH_MAX])
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    *path = 0;
    /* The specification of these folders: a relative one is to be ignored. */
    if (folder && folder[0] == '/')
        snprintf(path, PATH_MAX, "%s/adatrace/adatrace.ini", folder);
    else if (home && home[0] == '/')
        snprintf(path, PATH_MAX, "%s/.config/adatrace/adatrace.ini", home);
}

/* ---- reading ---- */

struct reading {
    struct config_file *file;
    FILE *stream;
    unsigned line;
    bool too_long; /* the line that was read last */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct config_file *file,
                                                        const char *format, ...)
{
    int length = snprintf(file->problem, sizeof(file->problem), "%.200s", file->path);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(file->problem + length, sizeof(file->problem) - (size_t)length, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* One line, as the parser wants it. Blanks in front of a name would make it a continuation of the
 * line above: nobody expects that here. */
static char *line_next(char *text, int size, void *context)
{
    struct reading *r = context;
    size_t blanks;

    if (r->too_long || !fgets(text, size, r->stream))
        return NULL;
    r->line++;
    if (strcspn(text, "\n") > CONFIG_FILE_LINE_MAX) {
        r->too_long = true;
        return NULL;
    }
    blanks = strspn(text, " \t");
    memmove(text, text + blanks, strlen(text + blanks) + 1);
    return text;
}

/* 1: go on; 0: stop, which the parser takes for an error. */
static int entry_keep(void *context, const char *section, const char *name, const char *value)
{
    struct reading *r = context;
    struct config_file *f = r->file;
    size_t sizes[] = {strlen(section) + 1, strlen(name) + 1, strlen(value) + 1};
    char *text = malloc(sizes[0] + sizes[1] + sizes[2]);

    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 16;
        struct config_entry *entries = realloc(f->entries, capacity * sizeof(*entries));

        if (entries) {
            f->entries = entries;
            f->capacity = capacity;
        }
    }
    if (!text || f->count == f->capacity) {
        free(text);
        f->no_memory = true;
        return 0;
    }
    f->entries[f->count++] = (struct config_entry){
        .section = memcpy(text, section, sizes[0]),
        .name = memcpy(text + sizes[0], name, sizes[1]),
        .value = memcpy(text + sizes[0] + sizes[1], value, sizes[2]),
        .line = r->line,
    };
    /* cppcheck-suppress memleak ; the entry has it, from its section on */
    return 1;
}

/* Others could make us write files by it. */
static bool is_ours(int fd)
{
    struct stat status;

    return !fstat(fd, &status) && (status.st_uid == geteuid() || status.st_uid == 0) &&
           !(status.st_mode & S_IWOTH);
}

static int stream_read(struct config_file *f, FILE *stream)
{
    struct reading r = {.file = f, .stream = stream};
    int bad = ini_parse_stream(line_next, &r, entry_keep, &r);

    if (f->no_memory)
        return refuse(f, ": there is no memory to read it");
    if (r.too_long)
        return refuse(f, ":%u: the line is too long: %d bytes are read", r.line,
                      CONFIG_FILE_LINE_MAX);
    if (ferror(stream))
        return refuse(f, ": it cannot be read");
    if (bad > 0)
        return refuse(f, ":%d: it is neither 'NAME = VALUE' nor '[COMMAND]'", bad);
    return 0;
}

int config_file_read(struct config_file *f, const char *path, bool found)
{
    FILE *stream;
    int fd, err;

    memset(f, 0, sizeof(*f));
    snprintf(f->path, sizeof(f->path), "%s", path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0)
        return refuse(f, ": it cannot be read: %s", strerror(errno));
    f->is_there = true;
    if (found && !is_ours(fd)) {
        close(fd);
        return refuse(f, ": it is not used, because others may write to it");
    }
    stream = fdopen(fd, "r");
    if (!stream) {
        close(fd);
        return refuse(f, ": there is no memory to read it");
    }
    err = stream_read(f, stream);
    fclose(stream);
    return err;
}

void config_file_free(struct config_file *f)
{
    /* Each entry's texts are one block, which the section begins. */
    for (size_t i = 0; i < f->count; i++)
        free((char *)(uintptr_t)f->entries[i].section);
    free(f->entries);
    f->entries = NULL;
    f->count = 0;
}
