/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process family: start, fork, exit. What exec and spawn do is in exec.c.
 *
 * vfork() is not hooked: a function that returns twice cannot be wrapped in C. Its child runs in
 * our memory, on our thread's ring, and what it does is told there; exec.c marks what it can. A
 * child of _Fork() or of a raw clone is found out by its first event.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "agent/agent.h"
#include "agent/exec.h"
#include "agent/module.h"
#include "base/coverage.h"
#include "base/crash_point.h"

static const struct ada_field start_fields[] = {AGENT_FIELD("pid", UNSIGNED, 4),
                                                AGENT_FIELD("parent_pid", UNSIGNED, 4),
                                                AGENT_FIELD("executable", STRING, 0)};
static const struct ada_field fork_fields[] = {AGENT_FIELD("child_pid", UNSIGNED, 4)};
static const struct ada_field exit_fields[] = {AGENT_FIELD("status", SIGNED, 4)};

/* Weak: another libc may not have it. */
extern char __libc_single_threaded __attribute__((weak));

AGENT_EVENT(start_event, "process", "start", INSTANT, INFO, start_fields);
AGENT_EVENT(fork_event, "process", "fork", INSTANT, INFO, fork_fields);
AGENT_EVENT(exit_event, "process", "exit", INSTANT, INFO, exit_fields);

static char executable[PATH_MAX];

/* ---- fork ---- */

static void emit_start(uint32_t parent_pid)
{
    const uint32_t fixed[2] = {tracer_pid(), parent_pid};

    agent_emit_text(&start_event, fixed, sizeof(fixed), executable);
}

static void fork_in_child(bool parent_had_threads)
{
    uint32_t parent = tracer_pid();

    CRASH_POINT("fork.child");
    tracer_fork_child();
    modules_fork_child(parent_had_threads);
    emit_start(parent);
}

AGENT_HOOK pid_t fork(void)
{
    bool had_threads;
    pid_t child;
    int saved;

    if (!REAL(fork)) {
        errno = ENOSYS;
        return -1;
    }
    if (!tracer_is_attached())
        return real.fork();
    had_threads = !&__libc_single_threaded || !__libc_single_threaded;
    modules_look();
    CRASH_POINT("fork.before");
    child = real.fork();
    CRASH_POINT("fork.done");
    saved = errno;
    if (!child)
        fork_in_child(had_threads);
    else if (child > 0)
        (void)ada_emit(&fork_event, &(uint32_t){(uint32_t)child}, 4);
    errno = saved;
    return child;
}

/* ---- exit ---- */

static void emit_exit(int status)
{
    (void)ada_emit(&exit_event, &status, sizeof(status));
}

/*
 * exit() and the end of main. Registered first of all, so that it runs last of all: after other
 * handlers and every library's destructors. What libc frees behind it is still told.
 */
static void exit_handler(int status, void *unused)
{
    (void)unused;
    emit_exit(status);
    modules_look();
}

/*
 * Ends without handlers. No system call before the real one: the sandbox that a program has entered
 * may allow it nothing else.
 */
static void exit_at_once(int status)
{
    if (!tracer_is_attached() || exec_take_failed_child())
        return;
    emit_exit(status);
    modules_look_if_calm();
    coverage_keep();
}

__attribute__((noreturn)) static void exit_anyhow(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

AGENT_HOOK void _exit(int status)
{
    exit_at_once(status);
    if (REAL(_exit))
        real._exit(status);
    exit_anyhow(status);
}

AGENT_HOOK void _Exit(int status)
{
    exit_at_once(status);
    if (REAL(_Exit))
        real._Exit(status);
    exit_anyhow(status);
}

AGENT_HOOK void quick_exit(int status)
{
    exit_at_once(status);
    if (REAL(quick_exit))
        real.quick_exit(status);
    exit_anyhow(status);
}

/* ---- the family ---- */

static void process_start(void)
{
    ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);

    executable[length < 0 ? 0 : length] = 0;
    agent_event_add(&start_event);
    agent_event_add(&fork_event);
    agent_event_add(&exit_event);
    emit_start((uint32_t)getppid());
    if (real.on_exit)
        (void)real.on_exit(exit_handler, NULL);
}

const struct agent_family process_family = {.name = "process", .start = process_start};
