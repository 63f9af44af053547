/* SPDX-License-Identifier: Apache-2.0 */
#include "format/string_arena.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024 - 64 };

struct string_chunk {
    struct string_chunk *older;
    size_t size;
    char bytes[];
};

static char *chunk_add(struct string_arena *arena, size_t size)
{
    struct string_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (!chunk)
        return NULL;
    chunk->older = arena->newest;
    chunk->size = size;
    arena->newest = chunk;
    arena->free_bytes = size;
    return chunk->bytes;
}

char *string_arena_copy(struct string_arena *arena, const void *text, size_t length)
{
    size_t need = length + 1;
    char *copy;

    if (need > arena->free_bytes && !chunk_add(arena, need < CHUNK_BYTES ? CHUNK_BYTES : need))
        return NULL;
    copy = arena->newest->bytes + (arena->newest->size - arena->free_bytes);
    if (length)
        memcpy(copy, text, length);
    copy[length] = 0;
    arena->free_bytes -= need;
    return copy;
}

void string_arena_free(struct string_arena *arena)
{
    while (arena->newest) {
        struct string_chunk *chunk = arena->newest;

        arena->newest = chunk->older;
        free(chunk);
    }
    arena->free_bytes = 0;
}
