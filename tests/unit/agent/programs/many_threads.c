/* SPDX-License-Identifier: Apache-2.0 */
/* argv[1] threads one after another, argv[2] at once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t all;

static void *together(void *n)
{
    free(malloc(10));
    pthread_barrier_wait(&all);
    return n;
}

static void *alone(void *n)
{
    free(malloc(10));
    return n;
}

int main(int argc, char **argv)
{
    long in_turn = argc > 1 ? strtol(argv[1], NULL, 10) : 1,
         at_once = argc > 2 ? strtol(argv[2], NULL, 10) : 1, good = 0;
    pthread_t *threads = calloc((size_t)at_once, sizeof(*threads));
    void *result;

    for (long i = 0; i < in_turn; i++) {
        if (pthread_create(&threads[0], NULL, alone, (void *)i))
            return 1;
        pthread_join(threads[0], &result);
        good += (long)result == i;
    }
    pthread_barrier_init(&all, NULL, (unsigned)at_once);
    for (long i = 0; i < at_once; i++)
        if (pthread_create(&threads[i], NULL, together, (void *)i))
            return 2;
    for (long i = 0; i < at_once; i++) {
        pthread_join(threads[i], &result);
        good += (long)result == i;
    }
    free(threads);
    printf("%ld threads\n", good);
    return 0;
}
