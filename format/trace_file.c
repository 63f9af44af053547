/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/trace_state.h"

enum { HEADER_BYTES_MAX = 1024 /* of any version */ };

/* ---- what went wrong ---- */

int trace_error_set(struct trace_error *error, int code, uint64_t offset, const char *format, ...)
{
    va_list arguments;

    error->code = code;
    error->offset = offset;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return code;
}

void trace_damage(struct trace *t, struct index_entry *entry, uint64_t offset, const char *format,
                  ...)
{
    struct trace_condition *c = &t->condition;
    char text[sizeof(c->message)];
    va_list arguments;

    if (entry && entry->damaged)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (t->on_damage)
        t->on_damage(t->on_damage_context, offset, text);
    if (entry) {
        entry->damaged = true;
        if (index_entry_is(entry, BLOCK_DATA)) {
            c->records -= entry->records;
            c->damaged_records += entry->records;
            c->damaged_data_blocks++;
        }
    }
    c->damaged_blocks++;
    if (c->message[0] && c->damage_offset <= offset)
        return;
    c->damage_offset = offset;
    memcpy(c->message, text, sizeof(text));
}

/* ---- reading ---- */

int64_t trace_bytes_read(const struct trace *t, uint64_t offset, void *bytes, size_t size)
{
    size_t done = 0;

    if (offset > INT64_MAX - size)
        return 0; /* a number of the file's: nothing is there, which is no failure to read */
    while (done < size) {
        ssize_t part = pread(t->fd, (char *)bytes + done, size - done, (off_t)(offset + done));

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return errno == ENOMEM ? -ENOMEM : -EIO;
        if (part == 0)
            break;
        done += (size_t)part;
    }
    return (int64_t)done;
}

int trace_header_read(const struct trace *t, uint64_t offset, struct block_header *header)
{
    unsigned char bytes[HEADER_BYTES_MAX];
    bool first = offset == 0;
    int64_t got = trace_bytes_read(t, offset, bytes, first ? sizeof(bytes) : BLOCK_HEADER_BYTES);
    int status = got < 0 ? (int)got : block_header_decode(bytes, (size_t)got, header);

    if (status == 0 && t->condition.blocks && header->recording != t->recording)
        status = -EBADMSG;
    return status;
}

/* ---- opening ---- */

int trace_file_open(struct trace *t, const char *path, struct trace_error *error)
{
    struct stat status;

    t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0 || fstat(t->fd, &status) != 0)
        return trace_error_set(error, -errno, 0, "cannot open %s: %s", path,
                               strerrordesc_np(errno));
    if (S_ISDIR(status.st_mode))
        return trace_error_set(error, -EISDIR, 0, "%s is a folder", path);
    if (!S_ISREG(status.st_mode))
        return trace_error_set(error, -ESPIPE, 0, "%s is not a regular file", path);
    if (status.st_size == 0)
        return trace_error_set(error, -ENODATA, 0, "%s is empty", path);
    t->size = (uint64_t)status.st_size;
    if (trace_loader_init(&t->loader) != 0)
        return trace_error_set(error, -ENOMEM, 0, "out of memory");
    return 0;
}
