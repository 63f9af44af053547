/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/errands.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/own_thread.h"

enum { STACK_BYTES = 1 << 20 };

struct errands {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct errand *first, **end; /* under lock, like all below */
    bool busy, ending, started;
    struct own_thread thread;
};

struct errands *errands_create(void)
{
    struct errands *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, NULL);
    pthread_cond_init(&e->done, NULL);
    e->end = &e->first;
    return e;
}

static void *errands_run(void *argument)
{
    struct errands *e = argument;

    pthread_mutex_lock(&e->lock);
    while (e->first || !e->ending) {
        struct errand *errand = e->first;

        if (!errand) {
            pthread_cond_wait(&e->work, &e->lock);
            continue;
        }
        e->first = errand->next;
        if (!e->first)
            e->end = &e->first;
        e->busy = true;
        pthread_mutex_unlock(&e->lock);
        errand->run(errand);
        pthread_mutex_lock(&e->lock);
        e->busy = false;
        pthread_cond_broadcast(&e->done);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

static bool thread_start(struct errands *e)
{
    if (!e->started)
        e->started =
            own_thread_start(&e->thread, "adatrace-files", STACK_BYTES, errands_run, e) == 0;
    return e->started;
}

void errands_post(struct errands *e, struct errand *errand)
{
    pthread_mutex_lock(&e->lock);
    if (!thread_start(e)) {
        pthread_mutex_unlock(&e->lock);
        errand->run(errand);
        return;
    }
    errand->next = NULL;
    *e->end = errand;
    e->end = &errand->next;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
}

void errands_wait(struct errands *e)
{
    pthread_mutex_lock(&e->lock);
    while (e->first || e->busy)
        pthread_cond_wait(&e->done, &e->lock);
    pthread_mutex_unlock(&e->lock);
}

void errands_destroy(struct errands *e)
{
    bool started;

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->ending = true;
    started = e->started;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
    if (started)
        pthread_join(e->thread.id, NULL);
    pthread_cond_destroy(&e->work);
    pthread_cond_destroy(&e->done);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
