/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drain/collector.h"

/* ---- its environment ---- */

static bool variable_is(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* "LD_PRELOAD=agent" in front of what it is now. The caller frees. */
static char *preload_make(const char *agent)
{
    const char *now = getenv("LD_PRELOAD");
    char *text = NULL;

    if (!now || !*now)
        return asprintf(&text, "LD_PRELOAD=%s", agent) < 0 ? NULL : text;
    return asprintf(&text, "LD_PRELOAD=%s:%s", agent, now) < 0 ? NULL : text;
}

struct environment {
    char **entries;
    char *preload, *session; /* ours; the others are the process's own */
};

static void environment_free(struct environment *e)
{
    free(e->entries);
    free(e->preload);
    free(e->session);
}

/* A copy of our environment in the same order, ours replaced in place or appended. */
static int environment_make(struct environment *e, const struct record_child_options *o)
{
    size_t count = 0, used = 0;

    while (environ[count])
        count++;
    *e = (struct environment){.entries = calloc(count + 3, sizeof(char *))};
    if (o->agent)
        e->preload = preload_make(o->agent);
    if (!e->entries || (o->agent && !e->preload) ||
        asprintf(&e->session, "%s=%s", collector_variable(), o->session) < 0) {
        e->session = NULL;
        environment_free(e);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        if (!variable_is(environ[i], collector_variable()) &&
            !(o->agent && variable_is(environ[i], "LD_PRELOAD")))
            e->entries[used++] = environ[i];
    if (e->preload)
        e->entries[used++] = e->preload;
    e->entries[used] = e->session;
    return 0;
}

/* ---- the child between fork and exec: async-signal-safe calls only ---- */

static void execute(const struct record_child_options *o, char **environment, char **shell_words)
{
    execve(o->path, o->words, environment);
    /* As execvp(3) does: a text without "#!" is a shell's. */
    if (errno == ENOEXEC && o->is_script)
        execve("/bin/sh", shell_words, environment);
}

__attribute__((noreturn)) static void child_run(const struct record_child_options *o,
                                                char **environment, char **shell_words, int report)
{
    int error;

    sigprocmask(SIG_SETMASK, o->mask, NULL);
    execute(o, environment, shell_words);
    error = errno;
    (void)!write(report, &error, sizeof(error));
    _exit(127);
}

/* ---- start ---- */

/* sh PATH ARGUMENT... The caller frees. */
static char **shell_words_make(const struct record_child_options *o)
{
    size_t count = 0;
    char **words;

    while (o->words[count])
        count++;
    words = calloc(count + 2, sizeof(*words));
    if (!words)
        return NULL;
    words[0] = "sh";
    memcpy(&words[1], &o->path, sizeof(o->path));
    for (size_t i = 1; i < count; i++)
        words[i + 1] = o->words[i];
    return words;
}

static int fork_and_execute(struct record_child *child, const struct record_child_options *o,
                            char **environment, char **shell_words)
{
    int report[2], error = 0;
    ssize_t got;

    if (pipe2(report, O_CLOEXEC))
        return -errno;
    child->pid = fork();
    if (child->pid < 0) {
        error = errno;
        close(report[0]);
        close(report[1]);
        return -error;
    }
    if (!child->pid)
        child_run(o, environment, shell_words, report[1]);
    close(report[1]);
    /* Ends when exec has closed the other side, or with the reason why it did not. */
    do {
        got = read(report[0], &error, sizeof(error));
    } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got != sizeof(error))
        return 0;
    record_child_wait(child);
    return -error;
}

int record_child_start(struct record_child *child, const struct record_child_options *o)
{
    struct environment environment;
    char **shell_words = shell_words_make(o);
    int err = shell_words ? environment_make(&environment, o) : -ENOMEM;

    *child = (struct record_child){.pidfd = -1};
    if (err) {
        free(shell_words);
        return err;
    }
    err = fork_and_execute(child, o, environment.entries, shell_words);
    environment_free(&environment);
    free(shell_words);
    if (err)
        return err;
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    return 0;
}

/* ---- end ---- */

bool record_child_has_ended(const struct record_child *child)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child->pid;
}

void record_child_wait(struct record_child *child)
{
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
    if (child->pidfd >= 0)
        close(child->pidfd);
    child->pidfd = -1;
}

int record_child_exit_status(const struct record_child *child)
{
    return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}
