/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_buffer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/out_text.h"

enum {
    OUT_MEMORY = -1, /* instead of a descriptor */
    OUT_MEMORY_KEPT_MAX = 1024 * 1024,
};

int out_open(struct out_buffer *out, int fd)
{
    *out = (struct out_buffer){.fd = fd};
    out->memory = malloc(OUT_BUFFER_BYTES);
    if (!out->memory)
        return -ENOMEM;
    out->at = out->memory;
    out->end = out->memory + OUT_BUFFER_BYTES;
    return 0;
}

int out_open_stdout(struct out_buffer *out)
{
    /* Not in main(): an ignored signal would be inherited by the program that `record` runs. */
    signal(SIGPIPE, SIG_IGN);
    return out_open(out, STDOUT_FILENO);
}

/* Somebody made the pipe non-blocking, as shells' coprocesses do: wait for room. */
static void writable_wait(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    (void)poll(&wait, 1, -1);
}

static void bytes_write(struct out_buffer *out, const char *from, const char *end)
{
    while (from < end && !out->error) {
        ssize_t done = write(out->fd, from, (size_t)(end - from));

        if (done >= 0)
            from += done;
        else if (errno == EAGAIN)
            writable_wait(out->fd);
        else if (errno != EINTR)
            out->error = -errno;
    }
}

/* More room behind what is there; without memory it is thrown away, as after any error. */
static void memory_grow(struct out_buffer *out)
{
    size_t used = (size_t)(out->at - out->memory);
    size_t capacity = (size_t)(out->end - out->memory) + used + OUT_BUFFER_BYTES;
    char *memory = realloc(out->memory, capacity);

    if (!memory) {
        out->error = -ENOMEM;
        out->at = out->memory;
        return;
    }
    out->memory = memory;
    out->at = memory + used;
    out->end = memory + capacity;
}

void out_flush(struct out_buffer *out)
{
    if (out->fd == OUT_MEMORY) {
        memory_grow(out);
        return;
    }
    bytes_write(out, out->memory, out->at);
    out->at = out->memory;
}

int out_open_memory(struct out_buffer *out)
{
    return out_open(out, OUT_MEMORY);
}

void out_close_memory(struct out_buffer *out)
{
    free(out->memory);
    *out = (struct out_buffer){.fd = OUT_MEMORY};
}

void out_move(struct out_buffer *out, struct out_buffer *memory)
{
    out_flush(out);
    bytes_write(out, memory->memory, memory->at);
    memory->at = memory->memory;
    if (memory->end - memory->memory > OUT_MEMORY_KEPT_MAX) {
        char *smaller = realloc(memory->memory, OUT_BUFFER_BYTES);

        if (smaller)
            memory->memory = memory->at = smaller;
        memory->end = memory->memory + OUT_BUFFER_BYTES;
    }
}

void out_put(struct out_buffer *out, const char *bytes, size_t size)
{
    while (size) {
        size_t piece = size < OUT_ROOM_MAX ? size : OUT_ROOM_MAX;

        memcpy(out_room(out, piece), bytes, piece);
        out->at += piece;
        bytes += piece;
        size -= piece;
    }
}

void out_put_escaped(struct out_buffer *out,
                     char *(*escape)(char *at, const char *text, size_t size), const char *text,
                     size_t size)
{
    enum { PIECE = OUT_ROOM_MAX / TEXT_ESCAPED_MAX };

    while (size) {
        size_t piece = size < PIECE ? size : PIECE;

        /* Do not cut a UTF-8 sequence in two: step back over its continuation bytes. */
        if (piece < size)
            for (int back = 0; back < 3 && ((unsigned char)text[piece] & 0xc0) == 0x80; back++)
                piece--;
        out->at = escape(out_room(out, piece * TEXT_ESCAPED_MAX), text, piece);
        text += piece;
        size -= piece;
    }
}

void out_put_hex(struct out_buffer *out, const unsigned char *bytes, size_t size)
{
    enum { PIECE = OUT_ROOM_MAX / 2 };

    while (size) {
        size_t piece = size < PIECE ? size : PIECE;

        out->at = text_hex_bytes(out_room(out, 2 * piece), bytes, piece);
        bytes += piece;
        size -= piece;
    }
}

void out_printf(struct out_buffer *out, const char *format, ...)
{
    char *room = out_room(out, OUT_ROOM_MAX);
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(room, OUT_ROOM_MAX, format, arguments);
    va_end(arguments);
    if (size >= OUT_ROOM_MAX)
        size = OUT_ROOM_MAX - 1;
    if (size > 0)
        out->at += size;
}

int out_close(struct out_buffer *out)
{
    out_flush(out);
    free(out->memory);
    out->memory = NULL;
    return out->error == -EPIPE ? 0 : out->error;
}
