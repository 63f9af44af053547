/* SPDX-License-Identifier: Apache-2.0 */
#include "crash_rows.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

enum { ROWS = 1024, THREADS_MAX = 16 };

ADA_EVENT(crash, step, (u32, row), (u64, number), (string, text))

struct row {
    uint64_t emitted; /* events with numbers below that: their calls had returned */
    uint32_t pid, unused;
};

static struct table {
    uint64_t used;
    struct row rows[ROWS];
} * table;

int rows_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;

    if (fd >= 0 && !ftruncate(fd, sizeof(*table)))
        at = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    table = at;
    return at == MAP_FAILED ? -1 : 0;
}

void *rows_work(void *most)
{
    static const char *const texts[] = {"", "a", "some words", "some more words than before"};
    uint32_t n = (uint32_t)__atomic_fetch_add(&table->used, 1, __ATOMIC_RELAXED);
    struct row *row = &table->rows[n % ROWS];

    row->pid = (uint32_t)getpid();
    for (uint64_t number = 0; number < *(uint64_t *)most; number++) {
        ada_trace_crash_step(n, number, texts[number % 4]);
        /* Release: whoever sees this count knows that the emit before it had returned. Pairs with
         * the death of the process, after which the test reads the file. */
        __atomic_store_n(&row->emitted, number + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

int rows_threads(unsigned threads, unsigned rounds, uint64_t most)
{
    pthread_t running[THREADS_MAX];

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < threads; i++)
            if (pthread_create(&running[i], NULL, rows_work, &most))
                return -1;
        for (unsigned i = 0; i < threads; i++)
            pthread_join(running[i], NULL);
    }
    return 0;
}
