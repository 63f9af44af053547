/* SPDX-License-Identifier: Apache-2.0 */
#include "death.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry_fixture.h"

/* What valgrind makes of a few hundred instructions is more than this. */
enum { MOMENTS_MAX = 40000, STEPS_IN_ALL = 100000 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_OURS = false };
#else
enum { IS_OURS = true };
#endif

struct traced {
    void (*act)(void *context);
    void *context;
};

static void stop_and_act(void *argument)
{
    struct traced *t = argument;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        _exit(1);
    (void)raise(SIGSTOP);
    t->act(t->context);
}

/* False: it came to its end. */
static bool step(pid_t pid)
{
    int status = 0;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSTOPPED(status);
}

/* A process that is about to act; 0: it could not be traced. */
static pid_t traced_start(struct traced *t)
{
    pid_t pid = process_start(stop_and_act, t);
    int status = 0;

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSTOPPED(status) ? pid : 0;
}

unsigned death_moments(void (*act)(void *context), void *context)
{
    struct traced t = {.act = act, .context = context};
    pid_t pid = IS_OURS ? traced_start(&t) : 0;
    unsigned steps = 0;

    if (!pid)
        return 0;
    while (steps < MOMENTS_MAX && step(pid))
        steps++;
    if (steps < MOMENTS_MAX)
        return steps;
    (void)process_kill(pid);
    return 0;
}

/* All steps are taken anew for each death. */
unsigned death_stride(unsigned moments)
{
    return (unsigned)((uint64_t)moments * moments / 2 / STEPS_IN_ALL) + 1;
}

bool death_after(void (*act)(void *context), void *context, unsigned steps)
{
    struct traced t = {.act = act, .context = context};
    pid_t pid = traced_start(&t);

    assert_true(pid > 0);
    for (unsigned i = 0; i < steps; i++)
        if (!step(pid))
            return false;
    assert_int_equal(process_kill(pid), 128 + SIGKILL);
    return true;
}
