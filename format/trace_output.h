/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace output: whole blocks onto a descriptor, with room kept for the end of the file.
 *
 * A block stands in the file completely or not at all: what a full disk or an error cut short is
 * taken back where the descriptor allows it. Ordinary writes stop while `reserve` bytes are still
 * free; the last ones (metadata, index, end) may use them. Free room is held by allocating ahead of
 * the end where the file system can, else by asking how much is left. What was allocated is cut
 * back on close; a recorder that is killed leaves it behind the end of the file: the reserve, and
 * as much as was written, up to 4 MiB. It takes room on the disk, not size, and goes when the file
 * is copied, or truncated to the size it has. RLIMIT_FSIZE is kept to rather than run into, so no
 * SIGXFSZ; a caller that writes to a pipe ignores SIGPIPE itself. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_TRACE_OUTPUT_H
#define ADATRACE_FORMAT_TRACE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own_file.h"

struct trace_output {
    int fd;
    bool seekable;  /* a regular file: can be cut back, allocated ahead */
    bool allocates; /* the file system can allocate ahead */
    bool broken;    /* part of a block could not be taken back: nothing may follow */
    uint64_t written;
    uint64_t allocated; /* the file's room ends here; > written while we hold some */
    uint64_t check_at;  /* without allocation: free room is looked up again at this offset */
    uint64_t reserve;
    struct own_file own; /* an application that we are in may close descriptors, ours too */
};

/* Take over `fd`. `reserve` is lessened on a small disk: at most an eighth of what is free, below
 * 64 KiB half of it. */
void trace_output_open(struct trace_output *output, int fd, uint64_t reserve);

/* `fd` may have been closed, and its number be another file's by now: have it be ours, if need be
 * by opening the file anew. 0, or -EBADF: the file cannot be found again. */
int trace_output_hold(struct trace_output *output) __attribute__((warn_unused_result));

/* Write all of bytes[size], or nothing. `last`: the reserve may be used. 0 or a negative errno;
 * -EBADF: somebody has closed the descriptor, and the file cannot be found again. */
int trace_output_write(struct trace_output *output, const void *bytes, size_t size, bool last)
    __attribute__((warn_unused_result));

/* Take whole blocks back: the file has its first `size` bytes, and the next block comes behind
 * them. Half a block that stayed goes, too. 0, or a negative errno: nothing may follow, or it is no
 * regular file, and as it was. */
int trace_output_cut(struct trace_output *output, uint64_t size)
    __attribute__((warn_unused_result));

/* Give room held ahead back and close the descriptor, if it is still ours. 0 or a negative errno.
 */
int trace_output_close(struct trace_output *output);

#endif
