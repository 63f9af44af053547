/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/crc32c.h"
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
        if (index_entry_is(entry, BLOCK_DATA))
            c->records -= entry->records;
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

static int frame_check(struct trace *t, const struct block_header *header, int64_t got)
{
    const unsigned char *frame = t->frame.bytes + BLOCK_HEADER_BYTES;

    if (got != BLOCK_HEADER_BYTES + (int64_t)header->frame_bytes ||
        crc32c(frame, header->frame_bytes) != header->frame_crc)
        return -EBADMSG;
    return frame_decode(t->decompressor, frame, header->frame_bytes, header->content_bytes,
                        &t->content);
}

static bool entry_matches(const struct index_entry *entry, const struct block_header *header)
{
    return entry->kind == header->kind && entry->flags == header->flags &&
           entry->thread == header->thread && entry->records == header->records &&
           entry->frame_bytes == header->frame_bytes && entry->first_ticks == header->first_ticks &&
           entry->last_ticks == header->last_ticks;
}

int trace_entry_read(struct trace *t, struct index_entry *entry, struct block_header *header)
{
    size_t bytes = BLOCK_HEADER_BYTES + (size_t)entry->frame_bytes;
    unsigned long long offset = entry->offset;
    int64_t got;
    int status;

    if (entry->damaged)
        return -EBADMSG;
    /* The entry may come from a hostile index: no more memory than the file has bytes. */
    if (bytes > t->size || entry->offset > t->size - bytes) {
        trace_damage(t, entry, offset, "the block at offset %llu is cut off", offset);
        return -EBADMSG;
    }
    t->frame.size = 0;
    if (byte_buffer_reserve(&t->frame, bytes) != 0)
        return -ENOMEM;
    got = trace_bytes_read(t, entry->offset, t->frame.bytes, bytes);
    if (got < 0)
        return (int)got;
    status = block_header_decode(t->frame.bytes, (size_t)got, header);
    if (status != 0 || header->recording != t->recording || !entry_matches(entry, header)) {
        trace_damage(t, entry, offset, "the block header at offset %llu is damaged", offset);
        return -EBADMSG;
    }
    status = frame_check(t, header, got);
    if (status == -EBADMSG)
        trace_damage(t, entry, offset, "the content of the block at offset %llu is damaged",
                     offset);
    return status;
}

int trace_block_read(struct trace *t, size_t place, struct block_header *header)
{
    return trace_entry_read(t, &t->blocks.entries[place], header);
}

int trace_block_load(struct trace *t, size_t place, const struct block_wish *wish,
                     struct decoded_block *out)
{
    struct index_entry *entry = &t->blocks.entries[place];
    struct block_types types = {&t->type_of_number, t->type_list};
    const struct thread_row *threads = t->threads.rows;
    struct block_header header;
    uint64_t unknown;
    int status = trace_block_read(t, place, &header);

    if (status != 0)
        return status;
    status = block_decode(&t->decoder, &header, &types, wish, t->content.bytes, t->content.size,
                          out, &unknown);
    if (status == -EBADMSG)
        trace_damage(t, entry, entry->offset, "the data in the block at offset %llu is malformed",
                     (unsigned long long)entry->offset);
    if (status != 0)
        return status;
    if (unknown && !entry->undescribed) {
        entry->undescribed = true;
        t->condition.undescribed_records += unknown;
    }
    out->block.thread = &threads[trace_thread_place(t, entry->thread)].thread;
    return 0;
}

/* ---- opening ---- */

int trace_file_open(struct trace *t, const char *path, struct trace_error *error)
{
    struct stat status;

    t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0 || fstat(t->fd, &status) != 0)
        return trace_error_set(error, -errno, 0, "cannot open %s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return trace_error_set(error, -EISDIR, 0, "%s is a folder", path);
    if (!S_ISREG(status.st_mode))
        return trace_error_set(error, -ESPIPE, 0, "%s is not a regular file", path);
    if (status.st_size == 0)
        return trace_error_set(error, -ENODATA, 0, "%s is empty", path);
    t->size = (uint64_t)status.st_size;
    t->decompressor = frame_decompressor_create();
    if (!t->decompressor)
        return trace_error_set(error, -ENOMEM, 0, "out of memory");
    return 0;
}
