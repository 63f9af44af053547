/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody writes first: an array, a mutex, two conditions. */
#include <pthread.h>
#include <string.h>

#include "bench/ring_race.h"

static struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    uint64_t put, taken;
    uint64_t places[RACE_PLACES];
} queues[2];

static void open_queues(void)
{
    for (int i = 0; i < 2; i++) {
        memset(&queues[i], 0, sizeof(queues[i]));
        pthread_mutex_init(&queues[i].lock, NULL);
        pthread_cond_init(&queues[i].filled, NULL);
        pthread_cond_init(&queues[i].emptied, NULL);
    }
}

static void close_queues(void)
{
    for (int i = 0; i < 2; i++) {
        pthread_cond_destroy(&queues[i].emptied);
        pthread_cond_destroy(&queues[i].filled);
        pthread_mutex_destroy(&queues[i].lock);
    }
}

static void produce(uint64_t count, unsigned batch)
{
    struct queue *q = &queues[0];

    for (uint64_t sent = 0; sent < count;) {
        pthread_mutex_lock(&q->lock);
        while (q->put - q->taken == RACE_PLACES)
            pthread_cond_wait(&q->emptied, &q->lock);
        if (q->put == q->taken)
            pthread_cond_signal(&q->filled);
        for (unsigned i = 0; i < batch && sent < count && q->put - q->taken < RACE_PLACES; i++)
            q->places[q->put++ % RACE_PLACES] = sent++;
        pthread_mutex_unlock(&q->lock);
    }
}

static void consume(uint64_t count, unsigned batch)
{
    struct queue *q = &queues[0];
    uint64_t values[RACE_BATCH_MAX];

    for (uint64_t taken = 0; taken < count;) {
        unsigned n = 0;

        pthread_mutex_lock(&q->lock);
        while (q->put == q->taken)
            pthread_cond_wait(&q->filled, &q->lock);
        if (q->put - q->taken == RACE_PLACES)
            pthread_cond_signal(&q->emptied);
        while (n < batch && q->taken != q->put)
            values[n++] = q->places[q->taken++ % RACE_PLACES];
        pthread_mutex_unlock(&q->lock);
        for (unsigned i = 0; i < n; i++)
            race_expect(values[i], taken++);
    }
}

static bool put(int queue, uint64_t value)
{
    struct queue *q = &queues[queue];
    bool room;

    pthread_mutex_lock(&q->lock);
    room = q->put - q->taken < RACE_PLACES;
    if (room) {
        if (q->put == q->taken)
            pthread_cond_signal(&q->filled);
        q->places[q->put++ % RACE_PLACES] = value;
    }
    pthread_mutex_unlock(&q->lock);
    return room;
}

static bool take(int queue, uint64_t *value)
{
    struct queue *q = &queues[queue];
    bool any;

    pthread_mutex_lock(&q->lock);
    any = q->put != q->taken;
    if (any)
        *value = q->places[q->taken++ % RACE_PLACES];
    pthread_mutex_unlock(&q->lock);
    return any;
}

static uint64_t take_sleeping(int queue)
{
    struct queue *q = &queues[queue];
    uint64_t value;

    pthread_mutex_lock(&q->lock);
    while (q->put == q->taken)
        pthread_cond_wait(&q->filled, &q->lock);
    value = q->places[q->taken++ % RACE_PLACES];
    pthread_mutex_unlock(&q->lock);
    return value;
}

const struct race_contestant race_mutex = {"mutex", open_queues, close_queues, produce,
                                           consume, put,         take,         take_sleeping};
