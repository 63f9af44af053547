/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/own_thread.h"

struct metrics_file {
    const struct metrics_source *source;
    const char *path;
    char beside[PATH_MAX];
    struct own_thread thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stopping, running; /* stopping under lock */
};

/* ---- writing ---- */

/* What a killed one left there is of no use to anybody. */
static int beside_open(const struct metrics_file *f)
{
    int fd;

    unlink(f->beside);
    fd = open(f->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd < 0 ? -errno : fd;
}

static int picture_write(const struct metrics_file *f, const struct stats_picture *picture)
{
    struct out_buffer out;
    int fd = beside_open(f), err, closed;

    if (fd < 0)
        return fd;
    err = out_open(&out, fd);
    if (!err) {
        err = metrics_print(&out, picture, &f->source->labels, METRICS_PROMETHEUS);
        closed = out_close(&out);
        err = err ? err : closed;
    }
    if (close(fd) && !err)
        err = -errno;
    if (!err && rename(f->beside, f->path))
        err = -errno;
    if (err)
        unlink(f->beside);
    return err;
}

static int file_write(const struct metrics_file *f)
{
    struct stats_picture picture;
    int err = f->source->take(f->source->context, &picture);

    if (err)
        return err;
    err = picture_write(f, &picture);
    stats_picture_free(&picture);
    return err;
}

/* ---- the thread ---- */

/* False: it is time to end. */
static bool second_pass(struct metrics_file *f, struct timespec *next)
{
    bool stopping;

    next->tv_sec++;
    pthread_mutex_lock(&f->lock);
    while (!f->stopping && pthread_cond_timedwait(&f->stopped, &f->lock, next) != ETIMEDOUT)
        ;
    stopping = f->stopping;
    pthread_mutex_unlock(&f->lock);
    return !stopping;
}

static void *file_run(void *argument)
{
    struct metrics_file *f = argument;
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    /* An error that passes is mended by the next second; one that stays is told at the end. */
    while (second_pass(f, &next))
        (void)!file_write(f);
    return NULL;
}

static int thread_start(struct metrics_file *f)
{
    pthread_condattr_t attributes;
    int err;

    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&f->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    err = own_thread_start(&f->thread, "adatrace-file", 0, file_run, f);
    f->running = err == 0;
    return err;
}

int metrics_file_open(struct metrics_file **out, const char *path,
                      const struct metrics_source *source)
{
    struct metrics_file *f = calloc(1, sizeof(*f));
    int err;

    if (!f)
        return -ENOMEM;
    f->source = source;
    f->path = path;
    err = (size_t)snprintf(f->beside, sizeof(f->beside), "%s.%d.new", path, getpid()) <
                  sizeof(f->beside)
              ? file_write(f)
              : -ENAMETOOLONG;
    if (!err)
        err = thread_start(f);
    if (err) {
        free(f);
        return err;
    }
    *out = f;
    return 0;
}

void metrics_file_pause(struct metrics_file *f)
{
    if (!f || !f->running)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->stopped);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread.id, NULL);
    f->running = false;
}

int metrics_file_close(struct metrics_file *f)
{
    int err;

    if (!f)
        return 0;
    metrics_file_pause(f);
    err = file_write(f);
    pthread_cond_destroy(&f->stopped);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return err;
}
