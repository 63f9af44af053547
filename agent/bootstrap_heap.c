/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bootstrap_heap.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/atomic.h"

enum { CHUNK_BYTES = 1 << 20, HEAD_BYTES = BOOTSTRAP_ALIGNMENT };

/* Mapped when the static memory is full; the newest one serves. */
struct bootstrap_chunk {
    struct bootstrap_chunk *next;
    size_t bytes; /* of the whole mapping */
    size_t used;
    size_t unused;
};

unsigned char bootstrap_memory[BOOTSTRAP_BYTES] __attribute__((aligned(BOOTSTRAP_ALIGNMENT)));
struct bootstrap_chunk *bootstrap_chunks;
static size_t memory_used;

/* Take size bytes out of [base, base + bytes), with a head that says how many. */
static void *carve(unsigned char *base, size_t bytes, size_t *used, size_t size, size_t alignment)
{
    size_t from = load_relaxed(used), at; /* relaxed: only hands out numbers */

    do {
        uintptr_t start = (uintptr_t)base + from + HEAD_BYTES;

        at = ((start + alignment - 1) & ~(uintptr_t)(alignment - 1)) - (uintptr_t)base;
        if (at > bytes || size > bytes - at)
            return NULL;
    } while (!compare_exchange(used, &from, at + size));
    *(size_t *)(void *)(base + at - HEAD_BYTES) = size;
    return base + at;
}

static struct bootstrap_chunk *add_chunk(size_t size, size_t alignment)
{
    size_t need = size + alignment + HEAD_BYTES + sizeof(struct bootstrap_chunk);
    size_t bytes = need < CHUNK_BYTES ? CHUNK_BYTES : need;
    struct bootstrap_chunk *chunk, *newest;

    if (need < size)
        return NULL;
    chunk = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        return NULL;
    chunk->bytes = bytes;
    chunk->used = sizeof(*chunk);
    newest = load_relaxed(&bootstrap_chunks);
    do {
        chunk->next = newest;
        /* Release on success: the chunk's fields are visible to who finds it. Pairs with the
         * acquire in newest_chunk() and bootstrap_owns_mapped(). */
    } while (!compare_exchange(&bootstrap_chunks, &newest, chunk));
    return chunk;
}

static struct bootstrap_chunk *newest_chunk(void)
{
    return load_acquire(&bootstrap_chunks); /* pairs with add_chunk() */
}

void *bootstrap_allocate(size_t size, size_t alignment)
{
    size_t align = alignment < BOOTSTRAP_ALIGNMENT ? BOOTSTRAP_ALIGNMENT : alignment;
    struct bootstrap_chunk *chunk;
    int saved = errno;
    void *memory;

    size += !size; /* an address of its own for every block */
    if (size > PTRDIFF_MAX / 2 || align > PTRDIFF_MAX / 2)
        return NULL;
    memory = carve(bootstrap_memory, sizeof(bootstrap_memory), &memory_used, size, align);
    if (memory)
        return memory;
    chunk = newest_chunk();
    memory = chunk ? carve((void *)chunk, chunk->bytes, &chunk->used, size, align) : NULL;
    if (!memory && (chunk = add_chunk(size, align)))
        memory = carve((void *)chunk, chunk->bytes, &chunk->used, size, align);
    errno = saved;
    return memory;
}

size_t bootstrap_size(const void *memory)
{
    return *(const size_t *)((const void *)((const unsigned char *)memory - HEAD_BYTES));
}

bool bootstrap_owns_mapped(const void *memory)
{
    for (const struct bootstrap_chunk *c = newest_chunk(); c; c = c->next)
        if ((uintptr_t)memory - (uintptr_t)c < c->bytes)
            return true;
    return false;
}
