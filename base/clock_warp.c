/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock_warp.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>

#include "base/clock.h"

/* The first journey to a CPU that slept takes longest, and hides most. */
enum { JOURNEYS = 3, PATIENCE_NS = 20 * 1000 * 1000 };

struct journey {
    uint64_t (*ticks)(void);
    cpu_set_t cpus;
    bool went_back;
};

static bool move_to(unsigned cpu)
{
    cpu_set_t there;

    CPU_ZERO(&there);
    CPU_SET(cpu, &there);
    return sched_setaffinity(0, sizeof(there), &there) == 0;
}

/* Where nobody can be moved to, nobody is moved to by the kernel either. */
static bool there_and_back_goes_back(uint64_t (*ticks)(void), unsigned home, unsigned away)
{
    uint64_t before, there, after;

    before = ticks();
    if (!move_to(away))
        return false;
    there = ticks();
    if (!move_to(home))
        return false;
    after = ticks();
    return there < before || after < there;
}

static void *travel(void *argument)
{
    struct journey *j = argument;
    uint64_t until = clock_monotonic_ns() + PATIENCE_NS;
    unsigned home = 0;

    while (home < CPU_SETSIZE && !CPU_ISSET(home, &j->cpus))
        home++;
    if (home == CPU_SETSIZE || !move_to(home))
        return NULL;
    for (int n = 0; n < JOURNEYS; n++)
        for (unsigned away = home + 1; away < CPU_SETSIZE && !j->went_back; away++)
            if (CPU_ISSET(away, &j->cpus) && clock_monotonic_ns() < until)
                j->went_back = there_and_back_goes_back(j->ticks, home, away);
    return NULL;
}

bool clock_warp_found(uint64_t (*ticks)(void))
{
    struct journey j = {.ticks = ticks};
    sigset_t all, before;
    pthread_t thread;
    int err;

    if (sched_getaffinity(0, sizeof(j.cpus), &j.cpus) || CPU_COUNT(&j.cpus) < 2)
        return false;
    sigfillset(&all); /* the application's handlers are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread, NULL, travel, &j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err)
        return false;
    pthread_join(thread, NULL);
    return j.went_back;
}
