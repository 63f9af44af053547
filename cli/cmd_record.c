/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `adatrace record`: run a program and collect what its threads emit. What can go wrong by itself
 * (the program is not there, the file cannot be written) is found out before the program runs; from
 * then on its exit status is ours.
 */
#include "cli/options_record.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <adatrace/field.h>

#include "cli/message.h"
#include "cli/record_agent.h"
#include "cli/record_child.h"
#include "cli/record_files.h"
#include "cli/record_metrics.h"
#include "cli/record_output.h"
#include "cli/record_signals.h"
#include "cli/record_talk.h"
#include "cli/record_triggers.h"
#include "cli/status.h"
#include "drain/collector.h"
#include "drain/program_file.h"

enum { STATUS_CANNOT_RUN = 126, STATUS_NOT_FOUND = 127 };
enum { PROGRESS_MS = 1000, LOOK_MS = 20, SLOTS_MIN = 8, ADDRESSES_PART = 8 };

struct recording {
    const struct record_settings *settings;
    char **words;
    char program[PATH_MAX], agent[PATH_MAX];
    struct program_verdict verdict;
    struct record_output output;
    struct record_signals signals;
    struct record_talk talk;
    struct collector *collector; /* NULL: has ended, while the program goes on */
    int end_fd;                  /* readable when somebody wants it to end; -1: nobody can */
    struct record_child child;
    struct record_metrics metrics;
    char *command; /* as one would type it */
};

/* ---- before ---- */

static int program_problem(const char *name, int error)
{
    if (error == -ENOENT && !strchr(name, '/'))
        message_print("%s is not a program that can be found in PATH", *name ? name : "''");
    else if (error == -ENOENT && access(name, F_OK) == 0)
        message_print("cannot run %s: the interpreter that it names is not there", name);
    else
        message_failure(error, "cannot run %s", name);
    return error == -ENOENT || error == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
}

/* 0, or the exit status. */
static int program_choose(struct recording *r)
{
    const char *name = r->words[0];
    int err = program_find(name, getenv("PATH"), r->program, sizeof(r->program));

    if (err)
        return program_problem(name, err);
    /* A file that cannot be read may still run; then nobody can tell. */
    if (program_inspect(r->program, &r->verdict))
        r->verdict =
            (struct program_verdict){.is_traceable = true, .is_elf = true, .may_preload = true};
    return record_agent_find(r->agent, sizeof(r->agent)) ? STATUS_FAILED : 0;
}

static char *command_text(char **words, int count)
{
    size_t size = 0, at = 0;
    char *joined, *text;

    for (int i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    joined = malloc(size);
    if (!joined)
        return NULL;
    for (int i = 0; i < count; at += strlen(words[i++]) + 1)
        strcpy(joined + at, words[i]);
    text = proc_words_quote(joined, size);
    free(joined);
    return text;
}

/* Into `part` of a limit: rings that grow less, then rings for fewer threads. */
static void geometry_fit(struct segment_geometry *geometry, __rlimit_resource_t resource,
                         unsigned part)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return;
    while (geometry->ring_max_bytes > geometry->ring_bytes &&
           segment_bytes(geometry) > limit.rlim_cur / part)
        geometry->ring_max_bytes /= 2;
    while (geometry->slots > SLOTS_MIN && segment_bytes(geometry) > limit.rlim_cur / part)
        geometry->slots /= 2;
}

static struct segment_geometry geometry_of(const struct record_settings *s)
{
    static const enum ring_policy policies[] = {
        [RECORD_POLICY_DROP] = RING_DROP,
        [RECORD_POLICY_OVERWRITE] = RING_OVERWRITE,
        [RECORD_POLICY_BLOCK] = RING_BLOCK,
    };
    uint64_t most = record_ring_max(s);
    struct segment_geometry geometry = {
        .slots = segment_slots_for(most),
        .ring_bytes = s->ring_bytes,
        .ring_max_bytes = most,
        .arena_bytes = SEGMENT_ARENA_DEFAULT,
        .policy = policies[s->policy.policy],
        .timeout_ns = s->policy.block_timeout_ns,
        .clock = (enum segment_clock)s->clock,
    };

    /* A segment counts as a file, and takes addresses from the program. */
    geometry_fit(&geometry, RLIMIT_FSIZE, 1);
    geometry_fit(&geometry, RLIMIT_AS, ADDRESSES_PART);
    return geometry;
}

static int collector_problem(const struct recording *r, enum collector_step step, int error)
{
    switch (step) {
    case COLLECTOR_FILE:
        return message_failure(error, "cannot write %s", r->output.path);
    case COLLECTOR_FOLDER:
        return message_failure(error, "cannot make a folder for the session in $XDG_RUNTIME_DIR "
                                      "or /tmp");
    case COLLECTOR_RINGS:
        if (error == -ENAMETOOLONG) {
            message_print("--events is too long: patterns may have %d bytes together",
                          SEGMENT_GLOBS_BYTES - 1);
            return STATUS_FAILED;
        }
        if (error == -EFBIG) {
            message_print("the limit on file sizes (ulimit -f) leaves no room for rings of %llu "
                          "bytes; a smaller --ring-size may help",
                          (unsigned long long)r->settings->ring_bytes);
            return STATUS_FAILED;
        }
        if (error != -ENOMEM && error != -ENOSPC)
            return message_failure(error, "cannot make what threads would emit into");
        return message_failure(error,
                               "cannot get memory for rings of %llu bytes (a smaller "
                               "--ring-size may help)",
                               (unsigned long long)r->settings->ring_bytes);
    default:
        return message_failure(error, "cannot start the drain");
    }
}

/* The context of all that the collector tells is where it is talked about. */
static void end_wanted(void *talk)
{
    const struct recording *r = (void *)((char *)talk - offsetof(struct recording, talk));

    (void)!eventfd_write(r->end_fd, 1);
}

/* 0, or the exit status. */
static int collector_begin(struct recording *r, int fd)
{
    const struct record_settings *s = r->settings;
    char file[PATH_MAX];
    struct collector_options options = {
        .geometry = geometry_of(s),
        .ring_budget = s->ring_budget_bytes,
        .wait = s->wait,
        .globs = s->events.list,
        .level = (uint32_t)(ADA_LEVEL_CRITICAL + s->min_level),
        .compression = s->level,
        .drain_threads = s->drain_threads,
        .command = r->command ? r->command : r->words[0],
        .name = s->name,
        .file = r->output.base,
        .context = &r->talk,
        .news = s->verbose ? record_talk_news : NULL,
        .end_wanted = r->end_fd < 0 ? NULL : end_wanted,
    };
    enum collector_step step;
    int err;

    record_files_options(s, &options);
    record_triggers_options(s, &options);
    if (record_files_kind(s) == OUTPUT_FILE && realpath(r->output.path, file))
        options.file = file;
    err = collector_create(&r->collector, fd, &options, &step);
    return err ? collector_problem(r, step, err) : 0;
}

/* 0, or the exit status. */
static int metrics_begin(struct recording *r)
{
    const char *slash = strrchr(r->words[0], '/');
    const char *name = r->settings->name ? r->settings->name : slash ? slash + 1 : r->words[0];
    int status = record_metrics_begin(&r->metrics, &r->settings->metrics, r->collector, name,
                                      r->command ? r->command : r->words[0]);

    if (status)
        collector_destroy(r->collector);
    return status;
}

/* ---- its start ---- */

/* Once it runs: of a program that cannot, only that is to be said. */
static void untraced_tell(struct recording *r)
{
    const struct program_verdict *v = &r->verdict;
    char text[PATH_MAX + sizeof(v->why) + 64];

    if (v->is_traceable)
        return;
    snprintf(text, sizeof(text),
             v->may_emit ? "the calls of %s are not recorded: %s" : "%s is not traced: %s",
             r->program, v->why);
    message_print("%s; %s", text, v->may_emit ? "events of its own are" : "it runs as always");
    collector_note(r->collector, TRACE_NOTE_UNTRACED, text);
}

/* A descriptor for every process that is alive; the program itself keeps its own limit. */
static void descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int child_begin(struct recording *r)
{
    const struct record_child_options options = {
        .path = r->program,
        .words = r->words,
        .agent = r->verdict.may_preload ? r->agent : NULL,
        .session = collector_socket(r->collector),
        .mask = &r->signals.before,
        .is_script = !r->verdict.is_elf,
    };

    return record_child_start(&r->child, &options);
}

/* ---- the end of the recording ---- */

/* A pattern with a slip in it looks like a program without events. */
static void unmatched_tell(const struct recording *r, const struct drain_figures *figures)
{
    const char *globs = r->settings->events.list;

    if (*globs && r->verdict.is_traceable && !collector_has_missed(r->collector) &&
        !figures->records && !figures->dropped && !figures->overwritten)
        message_print("no event was recorded that matches '%s'; 'adatrace report' of a recording "
                      "without --events lists what there is",
                      globs);
}

/* Of the program's, or before: then `pid` is 0. */
static void collector_end(struct recording *r, pid_t pid)
{
    struct symbolize_figures symbols;
    struct drain_figures figures;
    int err;

    record_metrics_pause(&r->metrics);
    err = collector_finish(r->collector, (uint32_t)pid, r->child.status, &symbols);
    record_metrics_end(&r->metrics);
    collector_figures(r->collector, &figures);
    record_talk_clear(&r->talk);
    if (err && figures.lost)
        message_failure(
            err, "%llu events did not get into %s%s, the rest of which is good",
            (unsigned long long)figures.lost, r->output.path,
            record_files_kind(r->settings) == OUTPUT_NUMBERED ? " and the files after it" : "");
    else if (err)
        message_failure(err, "%s may not be complete", r->output.path);
    if (symbols.broke)
        message_print("names of functions are missing: reading the symbols of what was traced came "
                      "to a bad end");
    if (collector_has_missed(r->collector))
        message_print("%s was not traced: the agent did not come up in it", r->words[0]);
    record_files_summary(r->collector, r->settings, &r->output, &figures);
    unmatched_tell(r, &figures);
    if (!pid)
        message_print("ended from outside; %s goes on", r->words[0]);
    collector_destroy(r->collector);
    r->collector = NULL;
}

/* ---- while it runs ---- */

static void child_attend(struct recording *r)
{
    struct pollfd fds[] = {{.fd = r->child.pidfd, .events = POLLIN},
                           {.fd = r->signals.fd, .events = POLLIN},
                           {.fd = r->end_fd, .events = POLLIN}};
    int timeout_ms = r->child.pidfd < 0 ? LOOK_MS : r->talk.is_live ? PROGRESS_MS : -1;
    struct drain_figures figures;

    for (;;) {
        int ready = poll(fds, 3, timeout_ms);

        if (ready < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            record_signals_pass_on(&r->signals, r->child.pid);
        if (r->signals.requests) {
            r->signals.requests = 0;
            if (r->collector)
                collector_signal(r->collector);
        }
        if (fds[0].revents || (r->child.pidfd < 0 && record_child_has_ended(&r->child)))
            break;
        if (fds[2].revents) {
            collector_end(r, 0);
            fds[2].fd = -1;
        }
        if (ready == 0 && r->collector) {
            collector_figures(r->collector, &figures);
            record_talk_progress(&r->talk, &figures);
        }
    }
    record_child_wait(&r->child);
}

static int program_record(struct recording *r)
{
    int err;

    err = child_begin(r);
    if (err) {
        record_metrics_pause(&r->metrics);
        record_metrics_end(&r->metrics);
        collector_destroy(r->collector);
        record_output_discard(&r->output);
        return program_problem(r->words[0], err);
    }
    untraced_tell(r);
    record_output_settle(&r->output);
    collector_program(r->collector, (uint32_t)r->child.pid);
    if (r->verdict.is_traceable && r->verdict.may_preload)
        collector_expect(r->collector, r->words[0]);
    descriptors_raise();
    child_attend(r);
    if (r->collector)
        collector_end(r, r->child.pid);
    return record_child_exit_status(&r->child);
}

int cmd_record(const struct record_settings *settings, int count, char **words)
{
    struct recording *r = calloc(1, sizeof(*r));
    char **program_words = calloc((size_t)count + 1, sizeof(*program_words));
    int status = STATUS_FAILED, fd;

    if (!r || !program_words) {
        message_print("out of memory");
        goto out;
    }
    memcpy(program_words, words, (size_t)count * sizeof(*words));
    r->settings = settings;
    r->words = program_words;
    record_talk_init(&r->talk);
    r->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    status = record_files_check(settings);
    if (!status)
        status = record_triggers_check(settings);
    if (!status)
        status = program_choose(r);
    if (status)
        goto out;
    status = STATUS_FAILED;
    if (record_signals_hold(&r->signals, settings->trigger.count > 0)) {
        message_failure(errno, "cannot hold signals back");
        goto out;
    }
    fd = record_output_open(&r->output, settings->output, words[0], record_files_kind(settings),
                            settings->force);
    if (fd < 0)
        goto out_signals;
    r->command = command_text(r->words, count);
    status = collector_begin(r, record_files_kind(settings) == OUTPUT_NONE ? -1 : fd);
    if (!status)
        status = metrics_begin(r);
    if (status)
        record_output_discard(&r->output);
    else
        status = program_record(r);
out_signals:
    record_signals_release(&r->signals);
out:
    if (r && r->end_fd > 0)
        close(r->end_fd);
    free(program_words);
    if (r)
        free(r->command);
    free(r);
    return status;
}
