/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that does what it is told on stdin, one command a line, and says "done" after each:
 *
 *     start FILE NAME   record itself     private FILE   the same, unseen
 *     stop              end that          stats          print ada_session_stats()
 *     emit N            N events          threads K N    K threads that emit N each, and end
 *     hold K N          the same, but they stay
 *     again NUMBER      one more event of each of those
 *     fork              a child that waits
 *     closeall          close every descriptor above 2
 *     open FILE         and leave it open
 */
#include <adatrace/adatrace.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ADA_EVENT(demand, event, (u64, number))

enum { THREADS_MAX = 64 };

static struct work {
    unsigned long count;
    bool stays;
    unsigned held; /* threads that stay */
    sem_t finished;
} work;

/* What those that stay are asked for. */
static struct wish {
    pthread_mutex_t lock;
    pthread_cond_t told;
    unsigned asked; /* so many times */
    unsigned long number;
} wish = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void emit(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        ada_trace_demand_event(i);
}

static unsigned long wish_await(unsigned *seen)
{
    unsigned long number;

    pthread_mutex_lock(&wish.lock);
    while (wish.asked == *seen)
        pthread_cond_wait(&wish.told, &wish.lock);
    *seen = wish.asked;
    number = wish.number;
    pthread_mutex_unlock(&wish.lock);
    return number;
}

static void wish_tell(unsigned long number)
{
    pthread_mutex_lock(&wish.lock);
    wish.asked++;
    wish.number = number;
    pthread_cond_broadcast(&wish.told);
    pthread_mutex_unlock(&wish.lock);
    for (unsigned i = 0; i < work.held; i++)
        sem_wait(&work.finished);
}

static void *thread_work(void *argument)
{
    bool stays = work.stays; /* before the next command changes it */
    unsigned seen = wish.asked;

    (void)argument;
    emit(work.count);
    sem_post(&work.finished);
    while (stays) {
        ada_trace_demand_event(wish_await(&seen));
        sem_post(&work.finished);
    }
    return NULL;
}

static void threads_run(unsigned count, unsigned long events, bool stay)
{
    pthread_t threads[THREADS_MAX];

    if (count > THREADS_MAX)
        count = THREADS_MAX;
    work.count = events;
    work.stays = stay;
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, thread_work, NULL))
            abort();
    for (unsigned i = 0; i < count; i++)
        sem_wait(&work.finished);
    if (stay)
        work.held += count;
    for (unsigned i = 0; i < count && !stay; i++)
        pthread_join(threads[i], NULL);
}

static int session_begin(const char *file, const char *name, int is_private)
{
    const struct ada_session_options options = {
        .size = sizeof(options), .name = name, .replace = 1, .is_private = is_private};

    return ada_session_start(file, &options);
}

/* What came of it goes before "done". */
static int stats_tell(void)
{
    struct ada_session_figures s = {.size = sizeof(s)};
    int err = ada_session_stats(&s);

    printf("{\"err\": %d, \"is_joined\": %d, \"threads\": %u, \"threads_ever\": %llu, "
           "\"written\": %llu, \"written_bytes\": %llu, \"dropped\": %llu, \"stored\": %llu}\n",
           err, s.is_joined, s.threads, (unsigned long long)s.threads_ever,
           (unsigned long long)s.written, (unsigned long long)s.written_bytes,
           (unsigned long long)s.dropped, (unsigned long long)s.stored);
    return err;
}

/* What comes after the answer, if anything; negative: it failed. */
static int obey(const char *line)
{
    char first[512], second[128];
    unsigned long a, b;

    if (sscanf(line, "start %511s %127s", first, second) == 2)
        return session_begin(first, second, 0);
    if (sscanf(line, "private %511s", first) == 1)
        return session_begin(first, NULL, 1);
    if (sscanf(line, "emit %lu", &a) == 1)
        emit(a);
    else if (sscanf(line, "threads %lu %lu", &a, &b) == 2)
        threads_run((unsigned)a, b, false);
    else if (sscanf(line, "hold %lu %lu", &a, &b) == 2)
        threads_run((unsigned)a, b, true);
    else if (sscanf(line, "again %lu", &a) == 1)
        wish_tell(a);
    else if (sscanf(line, "open %511s", first) == 1)
        return open(first, O_RDWR | O_CREAT, 0600);
    else if (!strncmp(line, "stats", 5))
        return stats_tell();
    else if (!strncmp(line, "stop", 4))
        return ada_session_stop();
    else if (!strncmp(line, "closeall", 8))
        return close_range(3, ~0u, 0);
    else if (!strncmp(line, "fork", 4)) {
        int child = fork();

        if (!child) {
            close_range(0, 2, 0); /* nobody waits for us */
            alarm(60);
            for (;;)
                pause();
        }
        return child;
    } else {
        return -1;
    }
    return 0;
}

int main(void)
{
    char line[1024];

    sem_init(&work.finished, 0, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready %d\n", getpid());
    while (fgets(line, sizeof(line), stdin))
        printf("done %d\n", obey(line));
    return 0;
}
