/* SPDX-License-Identifier: Apache-2.0 */
#include "crash_rows.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

enum { ROWS = 1024, THREADS_MAX = 16, BETWEEN_PARTS_NS = 100 * 1000 * 1000 };

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

static uint32_t row_take(void)
{
    uint32_t n = (uint32_t)__atomic_fetch_add(&table->used, 1, __ATOMIC_RELAXED);

    table->rows[n % ROWS].pid = (uint32_t)getpid();
    return n;
}

static void row_emit(uint32_t n, uint64_t number, uint64_t end)
{
    static const char *const texts[] = {"", "a", "some words", "some more words than before"};
    struct row *row = &table->rows[n % ROWS];

    for (; number < end; number++) {
        ada_trace_crash_step(n, number, texts[number % 4]);
        /* Release: whoever sees this count knows that the emit before it had returned. Pairs with
         * the death of the process, after which the test reads the file. */
        __atomic_store_n(&row->emitted, number + 1, __ATOMIC_RELEASE);
    }
}

void *rows_work(void *most)
{
    row_emit(row_take(), 0, *(uint64_t *)most);
    return NULL;
}

void rows_work_slowly(uint64_t most, unsigned parts)
{
    uint32_t n = row_take();

    for (unsigned part = 0; part < parts; part++) {
        row_emit(n, most * part / parts, most * (part + 1) / parts);
        nanosleep(&(struct timespec){.tv_nsec = BETWEEN_PARTS_NS}, NULL);
    }
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
