/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay: one thread measures, another one sums up, a ring between them.
 *
 *     ./relay            a million measurements
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <adatrace/ring.h>

enum { MEASUREMENTS = 1000000 };

struct measurement {
    unsigned number;
    double celsius;
};

static void *measure(void *argument)
{
    struct ada_ring *ring = argument;

    for (unsigned i = 0; i < MEASUREMENTS; i++) {
        struct measurement m = {i, 20 + i % 10};

        if (ada_ring_write(ring, &m, sizeof(m), ADA_FOREVER)) /* waits while the ring is full */
            break;
    }
    ada_ring_shutdown(ring); /* the reader gets -EPIPE after the last one */
    return NULL;
}

static int add(void *sum, const struct ada_ring_record *record)
{
    const struct measurement *m = record->payload; /* in the ring: nothing is copied */

    *(double *)sum += m->celsius;
    return 0;
}

int main(void)
{
    struct ada_ring_snapshot figures;
    struct ada_ring *ring;
    pthread_t thread;
    double sum = 0;

    if (ada_ring_create(1 << 20, &ring) || pthread_create(&thread, NULL, measure, ring))
        return 1;
    while (ada_ring_wait(ring, ADA_FOREVER) == 0) /* sleeps while it is empty */
        if (ada_ring_drain(ring, add, &sum, 1000) < 0)
            return 1;
    pthread_join(thread, NULL);
    ada_ring_snapshot(ring, &figures);
    printf("%llu measurements, %.1f degrees on average\n", (unsigned long long)figures.read,
           sum / (double)figures.read);
    ada_ring_destroy(ring);
    return 0;
}
