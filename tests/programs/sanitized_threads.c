/* SPDX-License-Identifier: Apache-2.0 */
/* Any program, to be built with a sanitizer: N threads that use memory, each begun while the one
 * before it ends. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *work(void *argument)
{
    char *copy = strdup(argument);

    for (size_t size = 1; copy && size < 100000; size *= 7) {
        char *more = realloc(copy, size + 64);

        if (!more)
            break;
        copy = more;
    }
    free(copy);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    int count = argc > 1 ? atoi(argv[1]) : 10;

    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i % 2], NULL, work, argv[0]))
            return 2;
        if (i > 0)
            pthread_join(threads[(i - 1) % 2], NULL);
    }
    pthread_join(threads[(count - 1) % 2], NULL);
    puts("done");
    return 0;
}
