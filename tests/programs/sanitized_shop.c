/* SPDX-License-Identifier: Apache-2.0 */
/* Built with ThreadSanitizer, linked with a library that is not: threads that begin while others
 * end, and so take their rings on, emit N events each. `tsan_shop N [FILE]`: into a session of its
 * own. */
#include <adatrace/adatrace.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

ADA_EVENT(shop, sold, (u32, n), (string, what))

enum { WAVES = 30, THREADS = 8, SIZE = 300 };

static unsigned long count;
static sem_t finished;

static void *work(void *argument)
{
    char what[SIZE];

    for (unsigned i = 0; i < SIZE; i++)
        what[i] = 'x';
    what[SIZE - 1] = 0;
    ada_thread_name((const char *)argument);
    for (unsigned long n = 0; n < count; n++) {
        ADA_SCOPE(shop, selling);
        ada_trace_shop_sold((uint32_t)n, n % 16 ? "bread" : what);
    }
    sem_post(&finished);
    return NULL;
}

int main(int argc, char **argv)
{
    const struct ada_session_options options = {
        .size = sizeof(options), .replace = 1, .ring_bytes = 65536, .policy = ADA_POLICY_BLOCK};
    pthread_t threads[WAVES * THREADS];

    count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    if (sem_init(&finished, 0, 0) || (argc > 2 && ada_session_start(argv[2], &options)))
        return 1;
    for (unsigned i = 0; i < WAVES * THREADS; i++) {
        if (i >= THREADS)
            while (sem_wait(&finished))
                ;
        if (pthread_create(&threads[i], NULL, work, "worker"))
            return 2;
    }
    for (unsigned i = 0; i < WAVES * THREADS; i++)
        pthread_join(threads[i], NULL);
    if (argc > 2 && ada_session_stop())
        return 3;
    puts("sold");
    return 0;
}
