/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of many small pieces: a buffer in front of write(2), without stdio per field.
 *
 * Ask for room once, write the pieces there with the functions of out_text.h, and say how far they
 * reached; or use out_put_*() one by one. The first error sticks and everything after it is
 * thrown away, so only the end (and, now and then, a long loop) has to look. A reader that went
 * away (EPIPE) is no error to talk about: `adatrace decode FILE | head` ends quietly.
 * One buffer belongs to one thread.
 */
#ifndef ADATRACE_CLI_OUT_BUFFER_H
#define ADATRACE_CLI_OUT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    OUT_BUFFER_BYTES = 128 * 1024,
    OUT_ROOM_MAX = 64 * 1024, /* that can be asked for at once */
};

struct out_buffer {
    char *at, *end; /* the next byte, and the end of the memory */
    char *memory;
    int fd;
    int error; /* 0, or the negative errno that stopped the output */
};

/* Write to stdout from now on, and make a closed pipe an error instead of a signal. 0 or -ENOMEM.
 */
int out_open_stdout(struct out_buffer *out) __attribute__((warn_unused_result));
/* Write to fd, which stays the caller's. 0 or -ENOMEM. */
int out_open(struct out_buffer *out, int fd) __attribute__((warn_unused_result));
void out_flush(struct out_buffer *out);
/* Flush and release. Returns the error that stuck, or 0; -EPIPE counts as 0. */
int out_close(struct out_buffer *out) __attribute__((warn_unused_result));

/* Into memory that grows, for another thread to print to. 0 or -ENOMEM. */
int out_open_memory(struct out_buffer *out) __attribute__((warn_unused_result));
void out_close_memory(struct out_buffer *out);
/* Write what is in `memory` to `out`, and empty it. */
void out_move(struct out_buffer *out, struct out_buffer *memory);

/* At least `bytes` (OUT_ROOM_MAX at most) to write to; then set out->at behind what was written. */
static inline char *out_room(struct out_buffer *out, size_t bytes)
{
    if (__builtin_expect((size_t)(out->end - out->at) < bytes, 0))
        out_flush(out);
    return out->at;
}

/* Any length. */
void out_put(struct out_buffer *out, const char *bytes, size_t size);

static inline void out_put_text(struct out_buffer *out, const char *text)
{
    out_put(out, text, strlen(text));
}

static inline void out_put_char(struct out_buffer *out, char c)
{
    *out_room(out, 1) = c;
    out->at++;
}

static inline void out_put_spaces(struct out_buffer *out, size_t count)
{
    while (count--)
        out_put_char(out, ' ');
}

/* Any length of untrusted text through one of the escapes of out_text.h. */
void out_put_escaped(struct out_buffer *out,
                     char *(*escape)(char *at, const char *text, size_t size), const char *text,
                     size_t size);

/* Any number of bytes, two hexadecimal digits each. */
void out_put_hex(struct out_buffer *out, const unsigned char *bytes, size_t size);

/* Not for inner loops. */
void out_printf(struct out_buffer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
