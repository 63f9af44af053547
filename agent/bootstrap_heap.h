/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap heap: memory for who allocates before the real allocator has been found.
 *
 * Bump allocation out of 64 KiB of static memory, then out of mappings; nothing is ever given back,
 * its blocks are told by their addresses. Any thread, async-signal-safe, never aborts.
 */
#ifndef ADATRACE_AGENT_BOOTSTRAP_HEAP_H
#define ADATRACE_AGENT_BOOTSTRAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOOTSTRAP_ALIGNMENT = 16, BOOTSTRAP_BYTES = 64 * 1024 };

struct bootstrap_chunk;
extern unsigned char bootstrap_memory[BOOTSTRAP_BYTES] __attribute__((visibility("hidden")));
/* NULL, almost always. */
extern struct bootstrap_chunk *bootstrap_chunks __attribute__((visibility("hidden")));

/* Zeroed memory at a multiple of `alignment` (a power of two), or NULL. */
void *bootstrap_allocate(size_t size, size_t alignment);
/* The size asked for; memory is bootstrap_owns(). */
size_t bootstrap_size(const void *memory);

bool bootstrap_owns_mapped(const void *memory);

/* Is it one of ours? */
static inline bool bootstrap_owns(const void *memory)
{
    if (__builtin_expect((uintptr_t)memory - (uintptr_t)bootstrap_memory < BOOTSTRAP_BYTES, 0))
        return true;
    return __builtin_expect(bootstrap_chunks != NULL, 0) && bootstrap_owns_mapped(memory);
}

#endif
