/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chorus: singers come and go, each a thread with a ring of its own, one conductor hears them
 * all.
 *
 *     ./chorus           100 singers, 8 of them at a time
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include <adatrace/fanin.h>

enum { SINGERS = 100, AT_A_TIME = 8, NOTES = 1000 };

static void *sing(void *argument)
{
    struct ada_fanin *stage = argument;
    struct ada_ring *ring;
    int err;

    while ((err = ada_fanin_join(stage, &ring)) == -EAGAIN)
        sched_yield(); /* the stage is full; somebody will leave */
    for (unsigned note = 0; !err && note < NOTES; note++)
        err = ada_ring_write(ring, &note, sizeof(note), ADA_FOREVER);
    return NULL; /* a thread that ends has left: nothing that it wrote is lost */
}

struct concert {
    unsigned long notes, singers;
};

static int hear(void *context, const struct ada_fanin_producer *singer,
                const struct ada_ring_record *note)
{
    struct concert *concert = context;

    (void)singer; /* who it was: index and generation */
    if (note)
        concert->notes++;
    else
        concert->singers++; /* this one has left, and that was all */
    return 0;
}

int main(void)
{
    const struct ada_fanin_options options = {.size = sizeof(options), .producers = AT_A_TIME};
    struct concert concert = {0, 0};
    pthread_t singers[SINGERS];
    struct ada_fanin *stage;

    if (ada_fanin_create(&options, &stage))
        return 1;
    for (int i = 0; i < SINGERS; i++)
        if (pthread_create(&singers[i], NULL, sing, stage))
            return 1;
    while (concert.singers < SINGERS)
        if (ada_fanin_wait(stage, ADA_FOREVER) || ada_fanin_poll(stage, hear, &concert, 64) < 0)
            return 1;
    for (int i = 0; i < SINGERS; i++)
        pthread_join(singers[i], NULL);
    printf("%lu notes of %lu singers\n", concert.notes, concert.singers);
    ada_fanin_destroy(stage);
    return 0;
}
