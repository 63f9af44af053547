/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes. Zero-initialised is empty. Belongs to one thread at a time; allocates,
 * so never from a signal handler.
 */
#ifndef ADATRACE_FORMAT_BYTE_BUFFER_H
#define ADATRACE_FORMAT_BYTE_BUFFER_H

#include <stddef.h>

struct byte_buffer {
    unsigned char *bytes;
    size_t size, capacity;
};

/* Make room for `extra` bytes after the first `size`. 0 or -ENOMEM; on failure nothing changed. */
int byte_buffer_reserve(struct byte_buffer *buffer, size_t extra)
    __attribute__((warn_unused_result));

/* Append a copy. 0 or -ENOMEM. */
int byte_buffer_append(struct byte_buffer *buffer, const void *bytes, size_t size)
    __attribute__((warn_unused_result));

/* Give the memory back; empty again afterwards. */
void byte_buffer_free(struct byte_buffer *buffer);

#endif
