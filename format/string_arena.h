/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String arena: NUL-terminated copies that live as long as the arena, and never move.
 * Zero-initialised is empty. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_STRING_ARENA_H
#define ADATRACE_FORMAT_STRING_ARENA_H

#include <stddef.h>

struct string_chunk;
struct string_arena {
    struct string_chunk *newest;
    size_t free_bytes; /* in the newest chunk */
};

/* A copy of text[length] with a NUL after it, or NULL (out of memory). */
char *string_arena_copy(struct string_arena *arena, const void *text, size_t length);

void string_arena_free(struct string_arena *arena);

#endif
