/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/collector.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "drain/control.h"
#include "drain/door.h"
#include "drain/module_names.h"
#include "drain/program_file.h"
#include "drain/session_folder.h"
#include "drain/session_writer.h"
#include "registry/handshake.h"

struct collector {
    struct session_folder folder;
    char socket[SESSION_PATH_BYTES]; /* the door's */
    int socket_fd;
    struct drain *drain;
    struct door *door;
    struct control *control; /* NULL: nobody can ask */
    struct session_files *files;
    struct session_triggers *triggers; /* NULL: none were asked for */
    struct module_names *names;        /* for them; the drain's thread */
    bool flight;
    enum collector_last last_snapshot;
    struct snapshot_result last_result;
    bool has_last_result;
    struct drain_figures last;
    bool finished;
    const char *expected; /* the program, as a traced process; NULL: it cannot be one */
    bool has_missed;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t come;
        bool is_come; /* the file is complete */
        int outcome;
        void (*wanted)(void *context);
    } end;
    void (*news)(void *context, const char *text);
    void (*trigger_news)(void *context, const char *text);
    void *context;
    struct program_verdict verdict; /* the drain's thread: of the program looked at last */
};

/* ---- what the drain asks ---- */

static void news_pass_on(void *context, const char *text)
{
    struct collector *c = context;

    if (c->news)
        c->news(c->context, text);
}

/* `path` as the process sees it: its own folder counts when it is relative. */
static const char *untraceable(void *context, uint32_t pid, const char *path)
{
    struct collector *c = context;
    char where[4200];

    if (path[0] == '/')
        snprintf(where, sizeof(where), "%.4095s", path);
    else if (strchr(path, '/'))
        snprintf(where, sizeof(where), "/proc/%u/cwd/%.4095s", pid, path);
    else if (program_find(path, getenv("PATH"), where, sizeof(where)))
        return NULL;
    /* What cannot be executed was not. */
    if (access(where, X_OK) || program_inspect(where, &c->verdict) || c->verdict.is_traceable)
        return NULL;
    return c->verdict.why;
}

static void turn_pass_on(void *context, struct drain *drain, uint64_t now_ns)
{
    struct collector *c = context;

    session_files_turn(c->files, drain, now_ns);
}

static void resolve(void *context, const struct drain_module *modules, struct trace_ending *ending)
{
    struct symbolize_figures ignored;

    (void)context;
    (void)symbolize_ending(ending, modules, &ignored); /* what is not named stays a number */
}

/* ---- start ---- */

static int drain_make(struct collector *c, int fd, const struct collector_options *o,
                      enum clock_source clock)
{
    const struct session_writer_options writer_options = {
        .clock = clock,
        .policy = o->geometry.policy,
        .level = o->compression,
        .threads = o->drain_threads,
        .command = o->command,
        .flight = o->flight,
        .flight_bytes = o->flight_bytes,
        .flight_ns = o->flight_ns,
    };
    const struct drain_options options = {
        .clock = clock,
        .level = o->compression,
        .watches_processes = true,
        .policy = o->geometry.policy,
        .event_level = o->level,
        .room_budget = o->ring_budget,
        .wait = o->wait,
        .context = c,
        .news = news_pass_on,
        .untraceable = untraceable,
        .turn = turn_pass_on,
    };
    struct trace_writer *writer;
    int err = session_writer_open(&writer, fd, &writer_options);

    return err ? err : drain_create(&c->drain, writer, &options);
}

static int files_make(struct collector *c, const struct collector_options *o)
{
    struct session_files_options options = o->files;

    options.path = o->file ? o->file : "adatrace";
    options.context = c;
    options.resolve = resolve;
    c->flight = o->flight;
    c->last_snapshot = o->last_snapshot;
    return session_files_create(&c->files, &options);
}

/* ---- triggers ---- */

static void trigger_news_pass_on(void *context, const char *text)
{
    struct collector *c = context;

    if (c->trigger_news)
        c->trigger_news(c->context, text);
}

static const char *function_name(void *context, const struct drain_module *module, uint64_t address)
{
    struct collector *c = context;

    return c->names ? module_names_find(c->names, module, address) : NULL;
}

/* While the drain does not run yet. */
static int triggers_make(struct collector *c, const struct collector_options *o,
                         enum clock_source clock)
{
    const struct session_triggers_options options = {
        .files = c->files,
        .clock = clock,
        .timing = o->timing,
        .context = c,
        .tell = trigger_news_pass_on,
        .function_name = function_name,
    };
    struct expression_error error;
    int err;

    if (!o->trigger_count)
        return 0;
    c->trigger_news = o->trigger_news;
    c->names = module_names_create();
    err = session_triggers_create(&c->triggers, &options);
    for (unsigned i = 0; i < o->trigger_count && !err; i++)
        err = session_triggers_add(c->triggers, c->drain, o->triggers[i], NULL, &error);
    return err;
}

static int signal_tell(struct drain *drain, void *context)
{
    (void)context;
    triggers_signal(drain);
    return 0;
}

void collector_signal(struct collector *c)
{
    (void)!drain_call(c->drain, signal_tell, NULL); /* when it has ended there is nothing to ask */
}

/* ---- start, the rest of it ---- */

static int door_make(struct collector *c, const struct collector_options *o,
                     enum clock_source clock)
{
    struct door_options options = {
        .listen_fd = c->socket_fd,
        .drain = c->drain,
        .geometry = o->geometry,
        .globs = o->globs,
        .level = o->level,
        .watch_fd = drain_watch_fd(c->drain),
    };

    options.geometry.clock = (enum segment_clock)clock;
    return door_open(&c->door, &options);
}

static int folder_make(struct collector *c)
{
    int err = session_folder_create(&c->folder);

    if (err)
        return err;
    session_folder_at(&c->folder, "socket", c->socket);
    CRASH_POINT("folder.made");
    c->socket_fd = session_folder_listen(&c->folder, "socket");
    return c->socket_fd < 0 ? c->socket_fd : 0;
}

/* ---- the end that somebody asks for ---- */

/* In the control's thread. */
static int end_wait(void *context)
{
    struct collector *c = context;
    int outcome;

    c->end.wanted(c->context);
    pthread_mutex_lock(&c->end.lock);
    while (!c->end.is_come)
        pthread_cond_wait(&c->end.come, &c->end.lock);
    outcome = c->end.outcome;
    pthread_mutex_unlock(&c->end.lock);
    return outcome;
}

static void end_tell(struct collector *c, int outcome)
{
    pthread_mutex_lock(&c->end.lock);
    c->end.is_come = true;
    c->end.outcome = outcome;
    pthread_cond_broadcast(&c->end.come);
    pthread_mutex_unlock(&c->end.lock);
}

/* ---- being asked ---- */

/* Without it the recording is as good; only nobody can ask. */
static void control_make(struct collector *c, const struct collector_options *o)
{
    struct control_options options = {
        .folder = &c->folder,
        .drain = c->drain,
        .files = c->files,
        .end_context = c,
        .identity = {.kind = "record", .name = o->name, .command = o->command, .file = o->file},
    };
    int err;
    char note[128];

    c->end.wanted = o->end_wanted;
    if (o->end_wanted)
        options.end = end_wait;
    err = control_open(&c->control, &options);
    if (!err)
        return;
    snprintf(note, sizeof(note), "this session cannot be asked while it runs: %s",
             strerrordesc_np(-err));
    drain_note(c->drain, TRACE_NOTE_WARNING, note);
}

int collector_create(struct collector **out, int fd, const struct collector_options *o,
                     enum collector_step *step)
{
    struct collector *c = calloc(1, sizeof(*c));
    enum clock_source clock = clock_source_choose((enum clock_source)o->geometry.clock);
    int err = -ENOMEM;

    *step = COLLECTOR_FILE;
    if (!c) {
        if (fd >= 0)
            close(fd);
        return -ENOMEM;
    }
    c->socket_fd = -1;
    pthread_mutex_init(&c->end.lock, NULL);
    pthread_cond_init(&c->end.come, NULL);
    c->news = o->news;
    c->context = o->context;
    err = files_make(c, o);
    if (err) {
        if (fd >= 0)
            close(fd);
        goto fail;
    }
    err = drain_make(c, fd, o, clock);
    if (err)
        goto fail;
    *step = COLLECTOR_FOLDER;
    err = folder_make(c);
    if (err)
        goto fail;
    *step = COLLECTOR_RINGS;
    err = door_make(c, o, clock);
    if (err)
        goto fail;
    *step = COLLECTOR_THREADS;
    err = triggers_make(c, o, clock);
    if (err)
        goto fail;
    CRASH_POINT("collector.ready");
    err = drain_start(c->drain);
    if (err)
        goto fail;
    control_make(c, o);
    *out = c;
    return 0;
fail:
    c->finished = true;
    collector_destroy(c);
    return err;
}

const char *collector_variable(void)
{
    return HANDSHAKE_ENVIRONMENT;
}

const char *collector_socket(const struct collector *c)
{
    return c->socket;
}

void collector_program(struct collector *c, uint32_t pid)
{
    drain_child(c->drain, pid);
    session_files_stay(c->files);
    if (c->control)
        control_program_set(c->control, pid);
}

void collector_expect(struct collector *c, const char *name)
{
    c->expected = name;
}

bool collector_has_missed(const struct collector *c)
{
    return c->has_missed;
}

void collector_note(struct collector *c, enum trace_note_kind kind, const char *text)
{
    drain_note(c->drain, kind, text);
}

void collector_figures(struct collector *c, struct drain_figures *out)
{
    drain_figures(c->drain, out);
}

void collector_files(struct collector *c, struct session_files_figures *out)
{
    session_files_figures(c->files, out);
}

const struct snapshot_result *collector_last_snapshot(const struct collector *c)
{
    return c->has_last_result ? &c->last_result : NULL;
}

int collector_stats(struct collector *c, struct stats_picture *picture)
{
    return c->finished ? drain_stats_here(c->drain, picture) : drain_stats(c->drain, picture);
}

/* ---- end ---- */

/* A flight recorder's last words: what led to a bad end. */
static void last_snapshot_take(struct collector *c, int status)
{
    const struct snapshot_wish wish = {0};

    if (!c->flight || c->last_snapshot == LAST_NEVER ||
        (c->last_snapshot == LAST_ON_ERROR && status == 0))
        return;
    if (session_triggers_kept_end(c->triggers))
        return;
    c->has_last_result = true;
    c->last_result.status =
        session_files_snapshot_wait(c->files, c->drain, &wish, true, &c->last_result);
}

int collector_finish(struct collector *c, uint32_t pid, int status,
                     struct symbolize_figures *symbols)
{
    int err;

    *symbols = (struct symbolize_figures){0};
    if (pid)
        drain_child_status(c->drain, pid, status);
    door_close(c->door);
    c->door = NULL;
    drain_stop(c->drain);
    c->has_missed = pid && c->expected && !drain_child_came(c->drain, c->expected);
    last_snapshot_take(c, pid ? status : 0);
    session_files_finish(c->files, c->drain);
    CRASH_POINT("collector.drained");
    err = c->flight ? 0 : symbolize(c->drain, symbols);
    c->finished = true;
    status = drain_close(c->drain);
    end_tell(c, status ? status : err);
    return status ? status : err;
}

void collector_destroy(struct collector *c)
{
    struct symbolize_figures symbols;

    if (!c)
        return;
    if (!c->finished)
        (void)collector_finish(c, 0, 0, &symbols);
    door_close(c->door);
    control_close(c->control);
    drain_destroy(c->drain);
    session_files_destroy(c->files);
    session_triggers_destroy(c->triggers);
    module_names_destroy(c->names);
    if (c->socket_fd >= 0)
        close(c->socket_fd);
    session_folder_remove(&c->folder);
    free(c);
}
