/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates known amounts in every way that there is. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler must not see through these. */
static void *volatile kept;

static void keep(void *memory)
{
    kept = memory;
}

static void failures(void)
{
    volatile size_t huge = SIZE_MAX / 2 + 1;
    void *memory = (void *)&kept;
    int err;

    errno = 0;
    keep(malloc(huge));
    printf("malloc: %d, errno %d\n", kept != NULL, errno);
    errno = 0;
    keep(calloc(huge, 4));
    printf("calloc: %d, errno %d\n", kept != NULL, errno);
    errno = 0;
    keep(reallocarray(NULL, huge, 4));
    printf("reallocarray: %d, errno %d\n", kept != NULL, errno);
    errno = 0;
    err = posix_memalign(&memory, 3, 10);
    printf("posix_memalign: %d, errno %d, untouched %d\n", err, errno, memory == (void *)&kept);
    errno = 0;
    err = posix_memalign(&memory, 16, huge);
    printf("posix_memalign: %d\n", err);
}

int main(void)
{
    void *memory;

    for (int i = 0; i < 100; i++) {
        keep(malloc(1001));
        free(kept);
    }
    keep(calloc(10, 100));
    for (int i = 0; i < 1000; i++)
        if (((char *)kept)[i])
            return 1;
    keep(realloc(kept, 2002));
    keep(reallocarray(kept, 30, 101));
    free(kept);
    keep(aligned_alloc(64, 4096));
    printf("aligned_alloc %d\n", (int)((uintptr_t)kept % 64));
    free(kept);
    if (posix_memalign(&memory, 128, 5005))
        return 2;
    printf("posix_memalign %d, usable %d\n", (int)((uintptr_t)memory % 128),
           malloc_usable_size(memory) >= 5005);
    free(memory);
    keep(memalign(256, 6006));
    printf("memalign %d\n", (int)((uintptr_t)kept % 256));
    free(kept);
    keep(valloc(7007));
    printf("valloc %d\n", (int)((uintptr_t)kept % 4096));
    free(kept);
    keep(pvalloc(8008));
    printf("pvalloc %d\n", malloc_usable_size(kept) >= 8192);
    free(kept);
    free(NULL);
    printf("usable size of NULL: %zu\n", malloc_usable_size(NULL));
    failures();
    return 0;
}
