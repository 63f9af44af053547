/* SPDX-License-Identifier: Apache-2.0 */
/* Has an allocator of its own, as programs that link jemalloc statically do; parts of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char arena[1 << 20] __attribute__((aligned(16)));
static size_t used;
static unsigned long mallocs, frees, foreign;

static int is_ours(const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)arena < sizeof(arena);
}

void *malloc(size_t size)
{
    size_t bytes = (size + 31) & ~(size_t)15;
    unsigned char *at = arena + used;

    if (bytes > sizeof(arena) - used)
        return NULL;
    used += bytes;
    mallocs++;
    *(size_t *)(void *)at = size;
    return at + 16;
}

void free(void *memory)
{
    frees += memory != NULL;
    foreign += memory && !is_ours(memory);
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); /* the arena is zeroed and never reused */
}

void *realloc(void *memory, size_t size)
{
    void *moved = malloc(size);

    if (memory && moved) {
        size_t before = *(size_t *)(void *)((unsigned char *)memory - 16);

        memcpy(moved, memory, before < size ? before : size);
    }
    return moved;
}

int main(void)
{
    char *text;
    unsigned long before = mallocs;

    for (int i = 0; i < 10; i++)
        free(malloc(100));
    text = realloc(strdup("grown"), 1000);
    printf("%s, %d ours\n", text, is_ours(text));
    printf("%d mallocs at least, %lu foreign frees\n", mallocs - before >= 12, foreign);
    return 0;
}
