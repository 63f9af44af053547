/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak_load SEED PLUGIN: threads, forks, execs, signals, libraries, names, at random, until stdin
 * ends. `soak_load once N` emits N events and ends: what it executes.
 *
 * Every choice comes from the seed; when things meet is up to the scheduler.
 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "soak_ticks.h"

enum { THREADS_MAX = 12, STEP_MS_MAX = 40, TICK_BYTES_MAX = 200, LARGE_BYTES = 2000 };

static const char *plugin_path, *own_path;
static uint64_t choices;

struct task {
    uint64_t seed;
    unsigned events;
};

static void on_signal(int number)
{
    (void)number;
    soak_signal();
    soak_signal();
}

/* ---- threads ---- */

static void events_emit(uint64_t *state, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t choice = soak_random(state);

        soak_tick(choice % 500 == 0 ? LARGE_BYTES : (uint32_t)(choice >> 20) % TICK_BYTES_MAX);
        if (choice % 1024 == 1)
            ada_thread_name(choice & 4096 ? "soak, renamed" : "soak, again");
        if (choice % 2048 == 2)
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        if (choice % 256 == 3)
            free(malloc((size_t)(choice >> 40) % 10000));
    }
}

static void *thread_run(void *argument)
{
    struct task *task = argument;
    uint64_t state = task->seed;

    soak_begin();
    events_emit(&state, task->events);
    soak_end();
    free(task);
    return NULL;
}

static int thread_start(pthread_t *thread, uint64_t *state)
{
    struct task *task = malloc(sizeof(*task));
    uint64_t choice = soak_random(state);

    if (!task)
        return -1;
    /* Few of them have more than a ring can hold. */
    *task = (struct task){choice | 1, (unsigned)(choice % 32 ? choice % 3000 : choice % 60000)};
    if (!pthread_create(thread, NULL, thread_run, task))
        return 0;
    free(task);
    return -1;
}

static void threads_burst(uint64_t *state)
{
    pthread_t threads[THREADS_MAX];
    unsigned count = 0, wanted = 1 + (unsigned)(soak_random(state) % THREADS_MAX);

    while (count < wanted && !thread_start(&threads[count], state))
        count++;
    if (soak_random(state) % 4 == 0 && count)
        pthread_kill(threads[0], SIGUSR1);
    while (count)
        pthread_join(threads[--count], NULL);
}

/* ---- processes ---- */

static void child_run(uint64_t state)
{
    pthread_t thread;

    soak_begin();
    if (state % 8 == 1) /* one that dies in the middle */
        setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value.tv_usec = 500}, NULL);
    events_emit(&state, (unsigned)(state % 5000));
    if (state % 3 == 0 && !thread_start(&thread, &state))
        pthread_join(thread, NULL);
    soak_end();
    if (state % 3 == 1)
        exit(0);
    if (state % 3 == 2) {
        execl(own_path, own_path, "once", "300", (char *)NULL);
        _exit(127);
    }
    _exit(0);
}

static void process_fork(uint64_t *state)
{
    uint64_t seed = soak_random(state) | 1;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGVTALRM, SIG_DFL);
        child_run(seed);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* ---- libraries ---- */

static void plugin_use(uint64_t *state)
{
    void *handle = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    void (*work)(unsigned);

    if (!handle)
        return;
    *(void **)&work = dlsym(handle, "soak_plugin_work");
    if (work)
        work((unsigned)(soak_random(state) % 50));
    dlclose(handle);
}

/* ---- all of it ---- */

static void step(uint64_t *state)
{
    switch (soak_random(state) % 8) {
    case 0:
        process_fork(state);
        break;
    case 1:
    case 2:
        plugin_use(state);
        break;
    case 3:
        events_emit(state, (unsigned)(soak_random(state) % 2000));
        break;
    case 4:
        raise(SIGUSR1);
        break;
    default:
        threads_burst(state);
    }
}

static int once(unsigned events)
{
    uint64_t state = soak_now_ns() | 1;

    soak_begin();
    events_emit(&state, events);
    soak_end();
    return 0;
}

int main(int count, char **words)
{
    const struct itimerval beat = {{0, 3000}, {0, 3000}};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct pollfd end = {.fd = 0, .events = POLLIN};

    if (count == 3 && !strcmp(words[1], "once"))
        return once((unsigned)atoi(words[2]));
    if (count != 3)
        return 2;
    own_path = words[0];
    plugin_path = words[2];
    /* One in the other would number its events as the other does. */
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaddset(&action.sa_mask, SIGALRM);
    choices = strtoull(words[1], NULL, 10) * 0x9e3779b97f4a7c15u | 1;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &beat, NULL);
    printf("begun %d\n", (int)getpid());
    fflush(stdout);
    soak_begin();
    while (poll(&end, 1, (int)(soak_random(&choices) % STEP_MS_MAX)) <= 0)
        step(&choices);
    soak_end();
    printf("ended\n");
    return 0;
}
