/* SPDX-License-Identifier: Apache-2.0 */
#include "format/byte_buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int byte_buffer_reserve(struct byte_buffer *buffer, size_t extra)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    unsigned char *bytes;

    if (extra <= buffer->capacity - buffer->size)
        return 0;
    if (extra > SIZE_MAX / 4 - buffer->size)
        return -ENOMEM;
    while (capacity < buffer->size + extra)
        capacity += capacity / 2;
    bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

int byte_buffer_append(struct byte_buffer *buffer, const void *bytes, size_t size)
{
    int status = byte_buffer_reserve(buffer, size);

    if (status == 0 && size) {
        memcpy(buffer->bytes + buffer->size, bytes, size);
        buffer->size += size;
    }
    return status;
}

void byte_buffer_free(struct byte_buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof(*buffer));
}
