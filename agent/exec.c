/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec family: what is executed, by exec or by spawn, and that the new program is followed.
 *
 * What libc does inside (system, popen) does not come through here: it passes the environment as it
 * is, and the agent with it. The variadic ones collect their arguments on the stack, as libc's own
 * do. Nothing is held over the real call: a vfork child that succeeds never comes back from it, and
 * goes on living in its parent.
 */
#include "agent/exec.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/exec_environment.h"
#include "agent/exec_target.h"
#include "agent/module.h"
#include "base/coverage.h"
#include "base/crash_point.h"

/* `pid` is who calls: a vfork child tells this in its parent's ring. */
static const struct ada_field exec_fields[] = {AGENT_FIELD("pid", UNSIGNED, 4),
                                               AGENT_FIELD("path", STRING, 0)};
static const struct ada_field failed_fields[] = {AGENT_FIELD("pid", UNSIGNED, 4),
                                                 AGENT_FIELD("error", SIGNED, 4)};
static const struct ada_field spawn_fields[] = {AGENT_FIELD("child_pid", UNSIGNED, 4),
                                                AGENT_FIELD("error", SIGNED, 4),
                                                AGENT_FIELD("path", STRING, 0)};

AGENT_EVENT(exec_event, "process", "exec", INSTANT, INFO, exec_fields);
AGENT_EVENT(failed_event, "process", "exec_failed", INSTANT, INFO, failed_fields);
AGENT_EVENT(spawn_event, "process", "spawn", INSTANT, INFO, spawn_fields);

enum { PATH_BYTES = 400 }; /* longer ones are told as they were given */

/* An exec failed in a vfork child of this thread, which has not ended yet. */
static __thread unsigned char failed_in_child __attribute__((tls_model("initial-exec")));

bool exec_take_failed_child(void)
{
    if (ADA_LIKELY(!failed_in_child))
        return false;
    failed_in_child = 0;
    return (uint32_t)getpid() != tracer_pid();
}

/* ---- before and after ---- */

struct exec_call {
    struct exec_environment environment;
    bool traced;
};

/* The directory that a path is relative to, with a slash behind it. False: not known. */
static bool directory_name(int dir, char *buffer, size_t size)
{
    char link[32];
    ssize_t length;

    if (dir == AT_FDCWD) {
        length = getcwd(buffer, size - 1) ? (ssize_t)strlen(buffer) : -1;
    } else {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        length = readlink(link, buffer, size - 1);
    }
    if (length <= 0 || (size_t)length >= size - 1)
        return false;
    buffer[length] = '/';
    buffer[length + 1] = 0;
    return true;
}

/* The collector, in its own directory, has to understand the path. */
static const char *full_path(int dir, const char *path, char *buffer, size_t size)
{
    while (path[0] == '.' && path[1] == '/')
        for (path += 2; *path == '/';)
            path++;
    if (*path == '/' || !directory_name(dir, buffer, size) || strlen(buffer) + strlen(path) >= size)
        return path;
    if (!*path) /* the descriptor itself */
        buffer[strlen(buffer) - 1] = 0;
    return strcat(buffer, path);
}

__attribute__((noinline)) static void tell_exec(int dir, const char *path)
{
    uint32_t pid = (uint32_t)getpid();
    char buffer[PATH_BYTES];

    tracer_fork_child();
    if (pid == tracer_pid())
        modules_look_if_calm();
    agent_emit_text(&exec_event, &pid, sizeof(pid), full_path(dir, path, buffer, sizeof(buffer)));
}

/* Sets the environment to pass on. `path` NULL: the program is the descriptor `dir`. */
static char *const *exec_begin(struct exec_call *call, int dir, const char *path,
                               char *const *environment)
{
    int saved = errno;

    call->traced = tracer_is_attached();
    exec_environment_init(&call->environment, environment,
                          path ? exec_target_is_fit(dir, path) : exec_target_fd_is_fit(dir),
                          call->traced);
    if (call->traced)
        tell_exec(dir, path ? path : "");
    CRASH_POINT("exec.told");
    coverage_keep();
    errno = saved;
    return call->environment.entries;
}

/* The same for a file that is looked for in PATH. */
__attribute__((noinline)) static char *const *exec_begin_search(struct exec_call *call,
                                                                const char *file,
                                                                char *const *environment)
{
    char buffer[PATH_BYTES];

    return exec_begin(call, AT_FDCWD, exec_target_find(file, buffer, sizeof(buffer)), environment);
}

/* It returned, so it failed. */
static int exec_failed(struct exec_call *call, int result)
{
    int saved = errno;
    uint32_t failure[2] = {0, (uint32_t)saved};

    exec_environment_fini(&call->environment);
    if (!call->traced)
        return result;
    failure[0] = (uint32_t)getpid();
    failed_in_child = failure[0] != tracer_pid();
    (void)ada_emit(&failed_event, failure, sizeof(failure));
    errno = saved;
    return result;
}

static int exec_missing(void)
{
    errno = ENOSYS;
    return -1;
}

/* ---- exec ---- */

AGENT_HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    struct exec_call call;

    if (!REAL(execve))
        return exec_missing();
    envp = exec_begin(&call, AT_FDCWD, path, envp);
    return exec_failed(&call, real.execve(path, argv, envp));
}

AGENT_HOOK int execv(const char *path, char *const argv[])
{
    struct exec_call call;
    char *const *envp;

    if (!REAL(execv) || !REAL(execve))
        return exec_missing();
    envp = exec_begin(&call, AT_FDCWD, path, environ);
    return exec_failed(&call,
                       envp == environ ? real.execv(path, argv) : real.execve(path, argv, envp));
}

AGENT_HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct exec_call call;

    if (!REAL(execvpe))
        return exec_missing();
    envp = exec_begin_search(&call, file, envp);
    return exec_failed(&call, real.execvpe(file, argv, envp));
}

AGENT_HOOK int execvp(const char *file, char *const argv[])
{
    struct exec_call call;
    char *const *envp;

    if (!REAL(execvp) || !REAL(execvpe))
        return exec_missing();
    envp = exec_begin_search(&call, file, environ);
    return exec_failed(&call,
                       envp == environ ? real.execvp(file, argv) : real.execvpe(file, argv, envp));
}

AGENT_HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct exec_call call;

    if (!REAL(fexecve))
        return exec_missing();
    envp = exec_begin(&call, fd, NULL, envp);
    return exec_failed(&call, real.fexecve(fd, argv, envp));
}

/* NULL: it is the descriptor itself that is to be executed. */
static const char *path_below(const char *path, int flags)
{
    return path && !*path && (flags & AT_EMPTY_PATH) ? NULL : path;
}

AGENT_HOOK int execveat(int dir, const char *path, char *const argv[], char *const envp[],
                        int flags)
{
    struct exec_call call;

    if (!REAL(execveat))
        return exec_missing();
    envp = exec_begin(&call, dir, path_below(path, flags), envp);
    return exec_failed(&call, real.execveat(dir, path, argv, envp, flags));
}

/* ---- the variadic ones ---- */

/* Arguments behind the first one, with the NULL. */
static size_t count_arguments(va_list list)
{
    size_t count = 1;

    while (va_arg(list, char *))
        count++;
    return count;
}

/* Makes `argv` of first and what follows it, and leaves `list` behind the NULL. A macro, because
 * the memory is its caller's frame. */
#define COLLECT_ARGUMENTS(argv, list, first)             \
    do {                                                 \
        size_t count_;                                   \
                                                         \
        va_start(list, first);                           \
        count_ = count_arguments(list);                  \
        va_end(list);                                    \
        (argv) = alloca((1 + count_) * sizeof(*(argv))); \
        (argv)[0] = (char *)(uintptr_t)(first);          \
        va_start(list, first);                           \
        for (size_t at_ = 1; at_ <= count_; at_++)       \
            (argv)[at_] = va_arg(list, char *);          \
    } while (0)

AGENT_HOOK int execl(const char *path, const char *first, ...)
{
    char **argv;
    va_list list;

    COLLECT_ARGUMENTS(argv, list, first);
    va_end(list);
    return execv(path, argv);
}

AGENT_HOOK int execlp(const char *file, const char *first, ...)
{
    char **argv;
    va_list list;

    COLLECT_ARGUMENTS(argv, list, first);
    va_end(list);
    return execvp(file, argv);
}

AGENT_HOOK int execle(const char *path, const char *first, ...)
{
    char **argv, *const *envp;
    va_list list;

    COLLECT_ARGUMENTS(argv, list, first);
    envp = va_arg(list, char *const *);
    va_end(list);
    return execve(path, argv, envp);
}

/* ---- spawn ---- */

__attribute__((noinline)) static void tell_spawn(pid_t child, int err, const char *path)
{
    const uint32_t fixed[2] = {err ? 0 : (uint32_t)child, (uint32_t)err};
    char buffer[PATH_BYTES];

    agent_emit_text(&spawn_event, fixed, sizeof(fixed),
                    full_path(AT_FDCWD, path ? path : "", buffer, sizeof(buffer)));
}

AGENT_HOOK int posix_spawn(pid_t *restrict pid, const char *restrict path,
                           const posix_spawn_file_actions_t *restrict actions,
                           const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
                           char *const envp[restrict])
{
    struct exec_environment environment;
    int saved = errno, err;
    pid_t child = 0;

    if (!REAL(posix_spawn))
        return ENOSYS;
    exec_environment_init(&environment, envp, exec_target_is_fit(AT_FDCWD, path),
                          tracer_is_attached());
    errno = saved;
    err = real.posix_spawn(&child, path, actions, attributes, argv, environment.entries);
    saved = errno;
    exec_environment_fini(&environment);
    if (pid && !err)
        *pid = child;
    tell_spawn(child, err, path);
    errno = saved;
    return err;
}

__attribute__((noinline)) static bool file_is_fit(const char *file)
{
    char buffer[PATH_BYTES];

    return exec_target_is_fit(AT_FDCWD, exec_target_find(file, buffer, sizeof(buffer)));
}

__attribute__((noinline)) static void tell_spawn_search(pid_t child, int err, const char *file)
{
    char buffer[PATH_BYTES];

    tell_spawn(child, err, exec_target_find(file, buffer, sizeof(buffer)));
}

AGENT_HOOK int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                            const posix_spawn_file_actions_t *restrict actions,
                            const posix_spawnattr_t *restrict attributes,
                            char *const argv[restrict], char *const envp[restrict])
{
    struct exec_environment environment;
    int saved = errno, err;
    pid_t child = 0;

    if (!REAL(posix_spawnp))
        return ENOSYS;
    exec_environment_init(&environment, envp, file_is_fit(file), tracer_is_attached());
    errno = saved;
    err = real.posix_spawnp(&child, file, actions, attributes, argv, environment.entries);
    saved = errno;
    exec_environment_fini(&environment);
    if (pid && !err)
        *pid = child;
    tell_spawn_search(child, err, file);
    errno = saved;
    return err;
}

/* ---- the family ---- */

static void exec_prepare(void)
{
    exec_environment_prepare();
    exec_target_prepare();
}

static void exec_start(void)
{
    agent_event_add(&exec_event);
    agent_event_add(&failed_event);
    agent_event_add(&spawn_event);
}

const struct agent_family exec_family = {
    .name = "exec", .prepare = exec_prepare, .start = exec_start};
