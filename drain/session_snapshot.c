/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a running session: the drain lends what there is, another thread writes it. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fresh_file.h"
#include "drain/file_names.h"
#include "drain/session_files_state.h"

enum { NUMBERS_MAX = 1000000 };

/* A snapshot on its way into its file. */
struct snapshot_errand {
    struct errand errand;
    struct session_files *files;
    struct trace_snapshot *snapshot;
    struct drain_module *modules;
    bool replace, is_numbered;
    void (*done)(void *context, const struct snapshot_result *result);
    void *context;
    struct snapshot_result result;
};

/* ---- in the errands' thread ---- */

/* The next number whose file is not there yet. */
static int numbered_create(struct session_files *f, char *path)
{
    for (;;) {
        int fd, err;

        if (++f->snapshot_number >= NUMBERS_MAX)
            return -EEXIST;
        err = file_name_snapshot(path, PATH_MAX, f->path, f->snapshot_number);
        if (err)
            return err;
        fd = fresh_file_open(path, false);
        if (fd != -EEXIST)
            return fd;
    }
}

/* The descriptor, and what the file is called until it is complete. */
static int snapshot_open(struct snapshot_errand *e, char name[PATH_MAX])
{
    int fd;

    if (e->is_numbered) {
        fd = numbered_create(e->files, e->result.path);
        snprintf(name, PATH_MAX, "%s", e->result.path);
        return fd;
    }
    /* What is still recorded into would go on without a name, and be gone at its end. */
    if (trace_snapshot_is_of(e->snapshot, e->result.path))
        return -EBUSY;
    return fresh_file_begin(e->result.path, e->replace, name);
}

/* One that is there keeps its name until the new one is complete: whatever happens to that. */
static int snapshot_write(struct snapshot_errand *e)
{
    struct trace_ending *ending;
    char name[PATH_MAX];
    int fd = snapshot_open(e, name), err;

    if (fd < 0) {
        trace_snapshot_free(e->snapshot);
        drain_modules_free(e->modules);
        return fd;
    }
    err = trace_snapshot_write(e->snapshot, fd, &ending);
    if (err) {
        drain_modules_free(e->modules);
        unlink(name);
        return err;
    }
    err = file_end(e->files, ending, e->modules, &e->result.file_bytes);
    if (!err)
        return fresh_file_keep(e->result.path, name);
    /* Without its end it is worth more than nothing, and less than what is there. */
    if (fresh_file_is_beside(e->result.path, name))
        unlink(name);
    return err;
}

static void snapshot_run(struct errand *errand)
{
    struct snapshot_errand *e = (struct snapshot_errand *)errand;
    struct session_files *f = e->files;

    e->result.status = snapshot_write(e);
    if (e->result.status == 0) {
        pthread_mutex_lock(&f->lock);
        f->figures.snapshots++;
        pthread_mutex_unlock(&f->lock);
    }
    if (e->done)
        e->done(e->context, &e->result);
    free(e);
}

/* ---- in the drain's thread ---- */

static struct snapshot_errand *errand_create(struct session_files *f,
                                             const struct snapshot_wish *wish)
{
    struct snapshot_errand *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->errand.run = snapshot_run;
    e->files = f;
    e->replace = wish->replace;
    e->is_numbered = !wish->path;
    e->done = wish->done;
    e->context = wish->context;
    snprintf(e->result.path, sizeof(e->result.path), "%s", wish->path ? wish->path : "");
    return e;
}

int session_files_snapshot_here(struct session_files *f, struct drain *d,
                                const struct snapshot_wish *wish)
{
    /* Now: the rings have not been emptied yet, which takes its time. */
    uint64_t from_ticks =
        wish->from_ticks ? wish->from_ticks : drain_ticks_before(d, wish->before_ns);
    struct snapshot_errand *e;
    int err;

    if (wish->path && strlen(wish->path) >= PATH_MAX)
        return -ENAMETOOLONG;
    e = errand_create(f, wish);
    if (!e)
        return -ENOMEM;
    err = drain_snapshot(d, from_ticks, &e->snapshot, &e->modules);
    if (err) {
        free(e);
        return err;
    }
    errands_post(f->errands, &e->errand);
    return 0;
}

struct snapshot_call {
    struct session_files *files;
    const struct snapshot_wish *wish;
};

static int snapshot_begin(struct drain *d, void *context)
{
    const struct snapshot_call *call = context;

    return session_files_snapshot_here(call->files, d, call->wish);
}

int session_files_snapshot(struct session_files *f, struct drain *d,
                           const struct snapshot_wish *wish)
{
    struct snapshot_call call = {.files = f, .wish = wish};

    return drain_call(d, snapshot_begin, &call);
}

/* ---- and waiting for it ---- */

struct snapshot_wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    struct snapshot_result *result;
};

static void wait_end(void *context, const struct snapshot_result *result)
{
    struct snapshot_wait *wait = context;

    pthread_mutex_lock(&wait->lock);
    *wait->result = *result;
    wait->is_done = true;
    pthread_cond_signal(&wait->done);
    pthread_mutex_unlock(&wait->lock);
}

int session_files_snapshot_wait(struct session_files *f, struct drain *d,
                                const struct snapshot_wish *given, bool last,
                                struct snapshot_result *result)
{
    struct snapshot_wait wait = {.result = result};
    struct snapshot_wish wish = *given;
    int err;

    *result = (struct snapshot_result){0};
    pthread_mutex_init(&wait.lock, NULL);
    pthread_cond_init(&wait.done, NULL);
    wish.done = wait_end;
    wish.context = &wait;
    err = last ? session_files_snapshot_here(f, d, &wish) : session_files_snapshot(f, d, &wish);
    pthread_mutex_lock(&wait.lock);
    while (!err && !wait.is_done)
        pthread_cond_wait(&wait.done, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    pthread_cond_destroy(&wait.done);
    pthread_mutex_destroy(&wait.lock);
    return err ? err : result->status;
}
