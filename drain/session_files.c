/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation: one file after the other. */
#include "drain/session_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/fresh_file.h"
#include "drain/file_names.h"
#include "drain/session_files_state.h"

enum {
    RETRY_NS = 1000 * 1000 * 1000, /* after the next file could not be begun */
    ROOM_BYTES = 16 << 20,         /* free again on a disk that was full: worth another file */
    WAITING_MAX = 16,              /* files left behind that wait for their ends; with as many */
                                   /* the next one grows on */
    WAITING_ASKED_MAX = 64,        /* the same, when it is asked for */
};

/* A file that the drain has left behind. */
struct finished_file {
    struct errand errand;
    struct session_files *files;
    struct trace_ending *ending;
    struct drain_module *modules;
    uint64_t bytes; /* before its end */
    unsigned number;
};

/* A session whose first file was to be the only one has no number in its name. */
static bool is_numbered(const struct session_files *f)
{
    return f->options.rotate_bytes || f->options.rotate_ns;
}

int session_files_create(struct session_files **out, const struct session_files_options *options)
{
    struct session_files *f = calloc(1, sizeof(*f));

    if (!f)
        return -ENOMEM;
    f->options = *options;
    f->path = strdup(options->path);
    f->errands = errands_create();
    f->number = f->oldest = 1;
    f->figures.number = is_numbered(f);
    pthread_mutex_init(&f->lock, NULL);
    if (!f->path || !f->errands) {
        session_files_destroy(f);
        return -ENOMEM;
    }
    f->options.path = f->path;
    *out = f;
    return 0;
}

void session_files_destroy(struct session_files *f)
{
    if (!f)
        return;
    errands_destroy(f->errands);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f);
}

void session_files_figures(struct session_files *f, struct session_files_figures *out)
{
    pthread_mutex_lock(&f->lock);
    *out = f->figures;
    pthread_mutex_unlock(&f->lock);
}

/* ---- in the errands' thread ---- */

int file_end(struct session_files *f, struct trace_ending *ending, struct drain_module *modules,
             uint64_t *file_bytes)
{
    if (f->options.resolve)
        f->options.resolve(f->options.context, modules, ending);
    drain_modules_free(modules);
    CRASH_POINT("rotate.left");
    return trace_ending_close(ending, file_bytes);
}

static int rotated_name(const struct session_files *f, char *out, unsigned number)
{
    if (number == 1 && !is_numbered(f))
        return snprintf(out, PATH_MAX, "%s", f->path) < PATH_MAX ? 0 : -ENAMETOOLONG;
    return file_name_rotated(out, PATH_MAX, f->path, number);
}

/* `newest` has begun: all but the last `keep` go. */
static void old_files_delete(struct session_files *f, unsigned newest)
{
    char path[PATH_MAX];

    while (f->options.keep && newest - f->oldest >= f->options.keep) {
        if (rotated_name(f, path, f->oldest++) != 0 || unlink(path) != 0)
            continue;
        pthread_mutex_lock(&f->lock);
        f->figures.deleted++;
        pthread_mutex_unlock(&f->lock);
    }
}

static void finished_run(struct errand *errand)
{
    struct finished_file *done = (struct finished_file *)errand;
    struct session_files *f = done->files;
    uint64_t bytes = 0;
    int err = file_end(f, done->ending, done->modules, &bytes);
    char path[PATH_MAX];

    pthread_mutex_lock(&f->lock);
    f->waiting--;
    f->figures.end_bytes += bytes > done->bytes ? bytes - done->bytes : 0;
    if (err && !f->figures.error && rotated_name(f, path, done->number) == 0) {
        f->figures.error = err;
        snprintf(f->figures.error_path, sizeof(f->figures.error_path), "%.255s", path);
    }
    pthread_mutex_unlock(&f->lock);
    old_files_delete(f, done->number + 1);
    free(done);
}

/* ---- in the drain's thread ---- */

static void file_begun(struct session_files *f, struct drain *d, uint64_t now_ns)
{
    struct trace_writer_stats stats;

    trace_writer_stats(drain_writer(d), &stats);
    f->begun_ns = now_ns;
    f->begun_bytes = stats.file_bytes;
    f->begun_lost = stats.lost_records;
    f->begun_ticks[1] = f->begun_ticks[0];
    f->begun_ticks[0] = drain_ticks(d);
    f->started = true;
}

/* Whatever the file refers to may have been unmapped just before it began: its first records had
 * waited in their rings. */
static void finished_post(struct session_files *f, struct drain *d, struct finished_file *done)
{
    uint64_t from_ticks = f->begun_ticks[1];

    done->errand.run = finished_run;
    done->files = f;
    done->number = f->number;
    done->bytes = trace_ending_bytes(done->ending);
    if (drain_modules_copy(d, from_ticks, &done->modules) != 0)
        done->modules = NULL; /* costs its symbols */
    drain_forget_before(d, from_ticks);
    pthread_mutex_lock(&f->lock);
    f->waiting++;
    pthread_mutex_unlock(&f->lock);
    errands_post(f->errands, &done->errand);
}

/* Each of them holds a descriptor and what its end will tell. Whoever ends them may get less of a
 * processor than the drain does. */
static unsigned files_waiting(struct session_files *f)
{
    unsigned waiting;

    pthread_mutex_lock(&f->lock);
    waiting = f->waiting;
    pthread_mutex_unlock(&f->lock);
    return waiting;
}

/* `path`: PATH_MAX bytes; the next file's name, if it has one, also where it cannot be begun. */
static int next_begin(struct session_files *f, struct drain *d, uint64_t now_ns, char *path)
{
    int err = rotated_name(f, path, f->number + 1), fd = -1;
    char old[PATH_MAX];
    struct finished_file *done = err ? NULL : calloc(1, sizeof(*done));

    if (!err && !done)
        err = -ENOMEM;
    if (!err)
        err = trace_writer_can_switch(drain_writer(d));
    if (!err && files_waiting(f) >= WAITING_ASKED_MAX)
        err = -EBUSY;
    if (!err)
        fd = fresh_file_exchange(path, f->options.replace, old);
    if (fd < 0 || err) {
        free(done);
        return err ? err : fd;
    }
    CRASH_POINT("rotate.opened");
    err = drain_switch(d, fd, &done->ending);
    if (err) {
        fresh_file_undo(path, old);
        free(done);
        return err;
    }
    fresh_file_settle(old);
    finished_post(f, d, done);
    f->number++;
    f->complained = false;
    pthread_mutex_lock(&f->lock);
    f->figures.number = f->number;
    pthread_mutex_unlock(&f->lock);
    file_begun(f, d, now_ns);
    return 0;
}

/* A disk that was full may have room again: what is lost is lost, but the session goes on. */
static bool room_is_back(const struct session_files *f)
{
    char folder[PATH_MAX];
    struct statvfs vfs;
    char *slash;

    snprintf(folder, sizeof(folder), "%s", f->path);
    slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        snprintf(folder, sizeof(folder), "%s", slash ? "/" : ".");
    else
        *slash = 0;
    return statvfs(folder, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize >= ROOM_BYTES;
}

static bool is_due(const struct session_files *f, struct drain *d, uint64_t now_ns)
{
    struct trace_writer_stats stats;

    if (f->options.rotate_ns && now_ns - f->begun_ns >= f->options.rotate_ns)
        return true;
    trace_writer_stats(drain_writer(d), &stats);
    if (f->options.rotate_bytes && stats.file_bytes - f->begun_bytes >= f->options.rotate_bytes)
        return true;
    return stats.lost_records != f->begun_lost && room_is_back(f);
}

void session_files_stay(struct session_files *f)
{
    store_relaxed(&f->stays, 1); /* carries nothing but itself */
}

/* Not sooner: a session that does not come about leaves everything as it was. */
static void earlier_files_clear(struct session_files *f, struct drain *d)
{
    char text[PATH_MAX + 160];
    int err;

    if (f->cleared || !f->options.replace || !load_relaxed(&f->stays) || !is_numbered(f))
        return;
    f->cleared = true;
    err = file_names_clear(f->path, f->number);
    if (!err)
        return;
    snprintf(text, sizeof(text),
             "cannot delete the files that an earlier session left beside %s: %s", f->path,
             strerrordesc_np(-err));
    drain_note(d, TRACE_NOTE_WARNING, text);
}

void session_files_finish(struct session_files *f, struct drain *d)
{
    earlier_files_clear(f, d);
    errands_wait(f->errands);
}

void session_files_turn(struct session_files *f, struct drain *d, uint64_t now_ns)
{
    char path[PATH_MAX], text[PATH_MAX + 160];
    int err;

    if (!is_numbered(f))
        return;
    earlier_files_clear(f, d);
    if (!f->started)
        file_begun(f, d, now_ns);
    if (now_ns < f->retry_ns || !is_due(f, d, now_ns))
        return;
    if (files_waiting(f) >= WAITING_MAX)
        return;
    /* Ahead, because callers may be answered while this goes on. One of them may have wanted the
     * same. */
    drain_flush(d);
    if (!is_due(f, d, now_ns))
        return;
    path[0] = 0;
    err = next_begin(f, d, now_ns, path);
    if (!err)
        return;
    f->retry_ns = now_ns + RETRY_NS;
    if (f->complained)
        return;
    f->complained = true;
    snprintf(text, sizeof(text), "cannot go on in %s, the file before it grows on: %s", path,
             strerrordesc_np(-err));
    drain_note(d, TRACE_NOTE_WARNING, text);
}

struct rotate_call {
    struct session_files *files;
    char *path;
};

static int rotate_run(struct drain *d, void *context)
{
    const struct rotate_call *call = context;
    uint64_t now_ns = clock_monotonic_ns();

    if (!call->files->started)
        file_begun(call->files, d, now_ns);
    return next_begin(call->files, d, now_ns, call->path);
}

int session_files_rotate(struct session_files *f, struct drain *d, char path[PATH_MAX])
{
    struct rotate_call call = {.files = f, .path = path};

    path[0] = 0;
    return drain_call(d, rotate_run, &call);
}
