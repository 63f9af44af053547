/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded session: the application's own segment, drained by one thread inside the application
 * into a file of its own; another thread answers who asks (control.h). All calls come under the
 * tracer's session lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/fresh_file.h"
#include "drain/control.h"
#include "drain/drain.h"
#include "drain/drain_stats.h"
#include "drain/embedded_trigger.h"
#include "drain/file_names.h"
#include "drain/session_files.h"
#include "drain/session_writer.h"
#include "registry/arena.h"
#include "registry/registry.h"
#include "registry/session_host.h"

enum { RINGS_AT_START = 2 };

static struct {
    struct segment segment; /* made by the first session, for the life of the process */
    struct drain *drain;    /* of the current one */
    pthread_mutex_t ending; /* who ends it: the application, or somebody outside */
    uint32_t ended;         /* atomic: its file is complete */
    int outcome;            /* of that */
    pid_t pid;              /* a forked child has a copy of all this, but no thread */
    struct session_folder folder;
    struct control *control; /* NULL: nobody can ask */
    struct session_files *files;
    struct session_triggers *triggers; /* NULL: nobody has asked for any */
    bool fork_is_watched;
} host = {.ending = PTHREAD_MUTEX_INITIALIZER};

/* ---- the file ---- */

/* A file of ours in any case: what somebody is still writing to, or reading, keeps its name's old
 * file. -EEXIST: it is there and may not be replaced. `old`: as of fresh_file_exchange(), where
 * `created`. */
static int output_open(const char *path, bool replace, bool *created, char old[PATH_MAX])
{
    struct stat status;
    int fd;

    /* A pipe or a device is written to as it is. */
    *created = stat(path, &status) || S_ISREG(status.st_mode);
    if (*created)
        return fresh_file_exchange(path, replace, old);
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

/* Names of further files are absolute: the application may go to another folder. */
static int files_begin(const char *path, const struct session_host_options *o)
{
    struct session_files_options options = {.replace = o->overwrite_file,
                                            .rotate_bytes = o->rotate_bytes,
                                            .rotate_ns = o->rotate_ns,
                                            .keep = o->keep};
    char folder[PATH_MAX], *absolute = NULL;
    int err;

    if (path[0] != '/' && getcwd(folder, sizeof(folder)) &&
        asprintf(&absolute, "%s/%s", folder, path) < 0)
        return -ENOMEM;
    options.path = absolute ? absolute : path;
    err = session_files_create(&host.files, &options);
    free(absolute);
    return err;
}

/* ---- start ---- */

/* Whoever finds the segment when we are dead has nobody else to ask. */
static void owner_tell(enum clock_source clock)
{
    const struct arena_process told = {.ticks = clock_source_ticks(clock),
                                       .pid = (uint32_t)getpid()};
    char text[ARENA_ITEM_MAX / 2];
    struct proc_facts facts;
    int bytes;

    proc_facts_read(told.pid, &facts);
    bytes =
        snprintf(text, sizeof(text), "%.8000s%c%.20000s", facts.executable ? facts.executable : "",
                 0, facts.command ? facts.command : "");
    if (bytes > 0 && (size_t)bytes < sizeof(text))
        (void)!arena_append(&host.segment, ARENA_PROCESS, &told, sizeof(told), text,
                            (size_t)bytes + 1);
    proc_facts_free(&facts);
}

static int segment_begin(const struct session_host_options *o, bool *reused)
{
    struct segment_geometry geometry = o->geometry;
    int err;

    *reused = host.segment.shared != NULL;
    if (*reused) {
        /* Its rings are laid out: what they do when they are full can still change, but for
         * overwrite. */
        err = registry_set_policy(&host.segment, geometry.policy, geometry.timeout_ns);
        if (err)
            return err;
    } else {
        geometry.clock = (enum segment_clock)clock_source_choose((enum clock_source)geometry.clock);
        err = segment_create(&host.segment, &geometry, o->segment_path);
        if (err)
            return err;
        err = registry_prepare(&host.segment, RINGS_AT_START);
        registry_spare(&host.segment, REGISTRY_SPARE);
        /* Of the first thread's ring: in our page table, which is the thread's, too. */
        (void)!registry_extend(&host.segment, 0, geometry.ring_bytes);
        if (err < 0) {
            segment_destroy(&host.segment);
            return err;
        }
        if (o->segment_path)
            owner_tell((enum clock_source)geometry.clock);
    }
    return switches_begin(&host.segment, o->globs, o->level);
}

static void files_turn(void *context, struct drain *drain, uint64_t now_ns)
{
    (void)context;
    session_files_turn(host.files, drain, now_ns);
}

static int drain_begin(const struct session_host_options *o, int fd, bool reused)
{
    enum clock_source clock = (enum clock_source)host.segment.geometry.clock;
    const struct drain_options options = {
        .clock = clock,
        .level = o->compression,
        .policy = o->geometry.policy,
        .event_level = o->level,
        .room_budget = o->ring_budget,
        .wait = o->wait,
        .turn = files_turn,
    };
    struct drain_attachment self = {
        .segment = host.segment,
        .kept = true,
        .reused = reused,
        .pid = (uint32_t)getpid(),
        .pidfd = -1,
        .ticks = clock_source_ticks(clock),
    };
    struct session_writer_options writer_options = {
        .clock = clock,
        .policy = o->geometry.policy,
        .level = o->compression,
        .threads = o->drain_threads,
        .flight = o->flight,
        .flight_bytes = o->flight_bytes,
        .flight_ns = o->flight_ns,
    };
    struct trace_writer *writer;
    int err;

    proc_facts_read(self.pid, &self.facts);
    writer_options.command = self.facts.command;
    err = session_writer_open(&writer, fd, &writer_options);
    if (!err)
        err = drain_create(&host.drain, writer, &options);
    if (err) {
        proc_facts_free(&self.facts);
        return err;
    }
    err = drain_attach(host.drain, &self);
    if (err) {
        proc_facts_free(&self.facts);
    } else {
        /* One round here and now: what rings hold from before this session is forgotten in it, and
         * events may come as soon as we return. */
        drain_round(host.drain);
        err = drain_start(host.drain);
    }
    if (err) {
        drain_destroy(host.drain);
        host.drain = NULL;
    }
    return err;
}

/* ---- its end ---- */

/* From the application's thread or the control's, whoever comes first. */
static int session_end(void *unused)
{
    struct session_files_figures figures;

    (void)unused;
    pthread_mutex_lock(&host.ending);
    if (!load_relaxed(&host.ended)) { /* relaxed: under the mutex */
        drain_stop(host.drain);
        session_files_finish(host.files, host.drain);
        host.outcome = drain_close(host.drain);
        session_files_figures(host.files, &figures);
        if (!host.outcome) /* a file that was left behind could not be ended */
            host.outcome = figures.error;
        store_relaxed(&host.ended, 1); /* relaxed: whoever acts on it takes the mutex */
    }
    pthread_mutex_unlock(&host.ending);
    return host.outcome;
}

/* ---- being asked ---- */

/* A child would keep the socket alive when we have died. */
static void forked(void)
{
    if (host.control)
        control_let_go(host.control);
}

/* A session that cannot be asked is as good as any other. */
static void control_begin(const char *path, const struct session_host_options *o)
{
    char file[PATH_MAX];
    struct control_options options = {
        .folder = &host.folder,
        .drain = host.drain,
        .files = host.files,
        .identity = {.kind = "embedded", .name = o->name, .pid = (uint32_t)getpid()},
        .end = session_end,
    };
    struct proc_facts facts;

    if (o->is_private || session_folder_create(&host.folder))
        return;
    if (!host.fork_is_watched)
        host.fork_is_watched = pthread_atfork(NULL, NULL, forked) == 0;
    proc_facts_read((uint32_t)getpid(), &facts);
    options.identity.command = facts.command;
    options.identity.file = realpath(path, file) ? file : path;
    if (control_open(&host.control, &options)) {
        host.control = NULL;
        session_folder_remove(&host.folder);
    }
    proc_facts_free(&facts);
}

static void control_end(void)
{
    struct control *control = host.control;

    host.control = NULL; /* first: somebody may fork meanwhile */
    control_close(control);
    session_folder_remove(&host.folder);
}

/* ---- start and stop ---- */

/* The first file. */
static int first_choose(char first[PATH_MAX], const char *path,
                        const struct session_host_options *o)
{
    if (!o->rotate_bytes && !o->rotate_ns)
        return snprintf(first, PATH_MAX, "%s", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
    return file_name_rotated(first, PATH_MAX, path, 1);
}

static int embedded_start(const char *path, const struct session_host_options *o,
                          struct segment *segment)
{
    bool reused = false, created = false;
    char first[PATH_MAX], old[PATH_MAX];
    int fd = -1, err;

    /* A forked child goes on in its parent's segment, whose drain is the parent's thread. */
    if (host.drain || (host.pid && host.pid != getpid()))
        return -EALREADY;
    err = first_choose(first, path, o);
    if (err)
        return err;
    if (!o->flight)
        fd = output_open(first, o->overwrite_file, &created, old);
    if (!o->flight && fd < 0)
        return fd;
    err = files_begin(path, o);
    if (!err)
        err = segment_begin(o, &reused);
    if (err) {
        if (fd >= 0)
            close(fd);
        goto fail;
    }
    err = drain_begin(o, fd, reused);
    if (err)
        goto fail;
    if (created)
        fresh_file_settle(old);
    session_files_stay(host.files);
    host.pid = getpid();
    host.ended = 0;
    control_begin(first, o);
    *segment = host.segment;
    return 0;
fail:
    session_files_destroy(host.files);
    host.files = NULL;
    if (created)
        fresh_file_undo(first, old);
    return err;
}

static int embedded_stop(void)
{
    int err;

    if (!host.drain || host.pid != getpid())
        return 0;
    err = session_end(NULL);
    control_end(); /* behind that: who listens over it hears everything first */
    drain_destroy(host.drain);
    session_files_destroy(host.files);
    session_triggers_destroy(host.triggers);
    host.drain = NULL;
    host.files = NULL;
    host.triggers = NULL;
    return err;
}

static int embedded_snapshot(const char *path)
{
    const struct snapshot_wish wish = {.path = path, .replace = true};
    struct snapshot_result *result;
    int err;

    if (!host.drain || host.pid != getpid())
        return -ESRCH;
    result = malloc(sizeof(*result));
    if (!result)
        return -ENOMEM;
    err = session_files_snapshot_wait(host.files, host.drain, &wish, false, result);
    free(result);
    return err;
}

static int embedded_trigger(const struct session_host_trigger *wish)
{
    if (!host.drain || host.pid != getpid())
        return -ESRCH;
    return embedded_trigger_add(&host.triggers, host.drain, host.files,
                                (enum clock_source)host.segment.geometry.clock, wish);
}

static bool embedded_has_ended(void)
{
    return host.drain && host.pid == getpid() && load_relaxed(&host.ended);
}

static int embedded_stats(struct session_host_stats *out)
{
    struct stats_picture picture;
    int err;

    if (!host.drain || host.pid != getpid())
        return -ENODATA;
    err = drain_stats(host.drain, &picture);
    if (err)
        return err;
    stats_for_host(&picture, out);
    stats_picture_free(&picture);
    return 0;
}

static const struct session_host embedded = {.start = embedded_start,
                                             .stop = embedded_stop,
                                             .snapshot = embedded_snapshot,
                                             .trigger = embedded_trigger,
                                             .has_ended = embedded_has_ended,
                                             .stats = embedded_stats};

const struct session_host *session_host_embedded = &embedded;
