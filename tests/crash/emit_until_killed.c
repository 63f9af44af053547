/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emits numbered events from several threads until somebody kills it.
 *
 *     emit_until_killed COUNTERS [MOST]
 *
 * With MOST no thread emits more than that: it waits for its death then. A machine that is slow to
 * kill us is not to have to read for ever.
 *
 * COUNTERS is a file of one u64 per thread, mapped shared, so that it outlives us: the numbers
 * below it have been emitted, their emit calls had returned. test_killed.py compares it with the
 * trace.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

enum { THREADS = 3 };

ADA_EVENT(killed, step, (u32, thread), (u64, number), (string, text))

static uint64_t *counters, most = UINT64_MAX;

static void *work(void *argument)
{
    static const char *const texts[] = {"", "a", "some words", "some more words than before"};
    uint64_t *counter = argument;
    uint32_t thread = (uint32_t)(counter - counters);

    for (uint64_t number = 0; number < most; number++) {
        ada_trace_killed_step(thread, number, texts[number % 4]);
        /* Release: whoever sees this count knows that the emit before it had returned. Pairs with
         * the death of the process, after which the test reads the file. */
        __atomic_store_n(counter, number + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

int main(int count, char **words)
{
    pthread_t threads[THREADS];
    int fd;

    if (count < 2) {
        fprintf(stderr, "usage: emit_until_killed COUNTERS [MOST]\n");
        return 2;
    }
    if (count > 2)
        most = strtoull(words[2], NULL, 10);
    fd = open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, THREADS * sizeof(*counters)) != 0)
        return 1;
    counters = mmap(NULL, THREADS * sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counters == MAP_FAILED)
        return 1;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, &counters[i]) != 0)
            return 1;
    for (;;)
        pause();
}
