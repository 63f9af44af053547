/* SPDX-License-Identifier: Apache-2.0 */
/* A library that is preloaded, too: allocates in its constructor, whenever that comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *early;

__attribute__((constructor)) static void begin(void)
{
    early = malloc(1000);
    strcpy(early, "allocated early");
    for (int i = 0; i < 3000; i++)
        early = realloc(early, 1000 + (size_t)i);
    free(calloc(10, 10));
}

__attribute__((destructor)) static void end(void)
{
    early = realloc(early, 100);
    fprintf(stdout, "%s\n", early);
    free(early);
}
