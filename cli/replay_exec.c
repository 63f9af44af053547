/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "cli/decode.h"
#include "cli/message.h"
#include "cli/replay.h"
#include "cli/status.h"

enum { STATUS_OF_SIGNALS = 128 };

extern char **environ;

struct relay {
    struct replay *replay;
    struct decode decode;
    struct replay_pace pace;
    struct trace_batch batch, due;
    struct decode_mark marks[TRACE_BATCH_RECORDS];
    bool is_deaf; /* the command reads no more */
};

/* ---- the command ---- */

/* What we ignore, the command does not. */
static int attributes_make(posix_spawnattr_t *attributes)
{
    sigset_t ours;
    int err = posix_spawnattr_init(attributes);

    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    if (!err)
        err = posix_spawnattr_setsigdefault(attributes, &ours);
    return err ? err : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

static int shell_spawn(const char *command, int input, pid_t *pid)
{
    char *const words[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = attributes_make(&attributes);

    if (err)
        return err;
    err = posix_spawn_file_actions_init(&actions);
    if (!err)
        err = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!err)
        err = posix_spawn(pid, "/bin/sh", &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return err;
}

static int command_start(const char *command, pid_t *pid, int *input)
{
    int ends[2], err;

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    err = shell_spawn(command, ends[0], pid);
    close(ends[0]);
    *input = ends[1];
    if (err)
        close(ends[1]);
    return -err;
}

static int command_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return message_failure(errno, "waiting for the command");
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_OF_SIGNALS + WTERMSIG(status);
}

/* ---- lines ---- */

/* Records [from, to) of the batch, as they would be decoded. */
static void lines_print(struct relay *r, size_t from, size_t to)
{
    r->due.count = to - from;
    memcpy(r->due.records, r->batch.records + from, (to - from) * sizeof(*r->due.records));
    decode_print(&r->decode, &decode_format_json, &r->due, r->marks + from);
    out_flush(&r->decode.out);
}

static uint64_t due_of(const struct relay *r, size_t record)
{
    const struct replay *replay = r->replay;

    return replay_due(replay, replay->start_ns,
                      trace_ns(replay->trace, r->batch.records[record].ticks));
}

/* Whatever is due goes out together. False: told to stop, or nobody reads. */
static bool batch_relay(struct relay *r)
{
    size_t done = 0;

    decode_follow(&r->decode, &decode_format_json, &r->batch, r->marks);
    while (done < r->batch.count) {
        size_t end = done;

        while (end < r->batch.count) {
            uint64_t due_ns = due_of(r, end);

            if (end > done && due_ns > r->pace.now_ns)
                break;
            if (due_ns && !replay_pace_wait(&r->pace, due_ns))
                return false;
            r->replay->figures.gaps += !r->batch.records[end].run;
            end++;
        }
        lines_print(r, done, end);
        r->replay->figures.played += end - done;
        done = end;
        if (r->decode.out.error || load_relaxed(r->replay->stop)) /* relaxed: late is fine */
            return false;
    }
    return true;
}

static int all_relay(struct relay *r)
{
    struct replay *replay = r->replay;
    struct trace_cursor *cursor;
    int status = trace_cursor_open(replay->trace, replay->filter, &cursor);
    bool first = true;

    while (status >= 0 &&
           (status = trace_cursor_batch(cursor, &r->batch, TRACE_BATCH_RECORDS)) == 1) {
        if (first) {
            replay->first_ns = trace_ns(replay->trace, r->batch.records[0].ticks);
            replay->start_ns = clock_monotonic_ns();
            first = false;
        }
        if (!batch_relay(r))
            break;
        trace_batch_release(cursor, &r->batch);
    }
    trace_batch_release(cursor, &r->batch);
    trace_batch_fini(&r->batch);
    trace_cursor_close(cursor);
    return status < 0 ? status : 0;
}

static int relay_run(struct relay *r, int fd)
{
    struct replay *replay = r->replay;
    int status;

    r->decode.trace = replay->trace;
    r->decode.filter = replay->filter;
    replay_pace_init(&r->pace, replay->stop);
    status = out_open(&r->decode.out, fd);
    if (status == 0)
        status = decode_prepare(&r->decode, &decode_format_json);
    if (status == 0)
        status = all_relay(r);
    r->is_deaf = r->decode.out.error == -EPIPE;
    if (r->decode.out.error && !r->is_deaf && status == 0)
        status = r->decode.out.error;
    if (decode_format_json.end)
        decode_format_json.end(&r->decode);
    if (r->decode.out.memory)
        (void)!out_close(&r->decode.out);
    decode_release(&r->decode);
    replay->figures.lateness = r->pace.lateness;
    return status;
}

int replay_exec(struct replay *replay, const char *path, const char *command)
{
    struct relay *r = calloc(1, sizeof(*r));
    uint64_t begun_ns = clock_monotonic_ns();
    int input = -1, status = r ? 0 : -ENOMEM;
    pid_t pid = -1;

    (void)signal(SIGPIPE, SIG_IGN); /* a command that reads no more is no reason to die */
    if (status == 0)
        status = command_start(command, &pid, &input);
    if (status != 0) {
        free(r);
        return message_failure(status, "cannot run %s", command);
    }
    r->replay = replay;
    status = relay_run(r, input);
    close(input);
    replay->figures.took_ns = clock_monotonic_ns() - begun_ns;
    if (r->is_deaf)
        message_print("the command has stopped reading before the end");
    free(r);
    if (status != 0) {
        (void)command_wait(pid);
        return message_failure(status, "%s", path);
    }
    return command_wait(pid);
}
