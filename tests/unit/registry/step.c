/* SPDX-License-Identifier: Apache-2.0 */
#include "step.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "step_flag.h"

enum { VDSO_BYTES_MAX = 16384 };

extern const char __executable_start; /* the linker's */

/* One for each plan that is under way: a copy's judge may have its own. */
struct step_state {
    const struct step_plan *plan;
    struct step_state *outer;
    sigjmp_buf left;
    uint64_t steps, count, failed;
    bool in_copy;
};

static struct step_state *current;
static bool is_copy;     /* of the process that began to step */
static bool is_debugged; /* by one who knows the marks, where there are any */

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

#if defined(__x86_64__)

static void trap_flag_forget(ucontext_t *interrupted)
{
    interrupted->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static unsigned long place(const ucontext_t *interrupted)
{
    return (unsigned long)interrupted->uc_mcontext.gregs[REG_RIP] -
           (unsigned long)(uintptr_t)&__executable_start;
}

#elif defined(__aarch64__)

/* There is no flag that a program could set. Who debugs us (tests/machines/stepper.py) runs what
 * lies between these two one instruction at a time, and sends SIGTRAP behind each. */
static const uint32_t brk_begin = 0xd420bc20, brk_end = 0xd420bc40;

static inline __attribute__((always_inline)) void trap_flag_set(void)
{
    if (is_debugged)
        __asm__ volatile("brk #0x5e1" ::: "memory");
}

static inline __attribute__((always_inline)) void trap_flag_clear(void)
{
    if (is_debugged)
        __asm__ volatile("brk #0x5e2" ::: "memory");
}

/* In a copy, which nobody debugs: go on behind it. */
static bool is_mark(ucontext_t *interrupted)
{
    uint32_t word = *(const uint32_t *)(uintptr_t)interrupted->uc_mcontext.pc;

    if (!is_copy)
        return false;
    require(word == brk_begin || word == brk_end, "a trap in a copy"); /* else copies of copies */
    interrupted->uc_mcontext.pc += sizeof(word);
    return true;
}

static void trap_flag_forget(ucontext_t *interrupted)
{
    (void)interrupted;
}

static unsigned long place(const ucontext_t *interrupted)
{
    return (unsigned long)interrupted->uc_mcontext.pc -
           (unsigned long)(uintptr_t)&__executable_start;
}

#else

static void trap_flag_set(void)
{
}

static void trap_flag_clear(void)
{
}

static void trap_flag_forget(ucontext_t *interrupted)
{
    (void)interrupted;
}

static unsigned long place(const ucontext_t *interrupted)
{
    (void)interrupted;
    return 0;
}

#endif

#if !defined(__aarch64__)
static bool is_mark(ucontext_t *interrupted)
{
    (void)interrupted;
    return false;
}
#endif

bool step_in_vdso(uintptr_t at)
{
    uintptr_t begin = getauxval(AT_SYSINFO_EHDR);

    return begin && at - begin < VDSO_BYTES_MAX;
}

static bool in_vdso(const ucontext_t *interrupted)
{
    return step_in_vdso(place(interrupted) + (uintptr_t)&__executable_start);
}

static void copy_await(struct step_state *s, pid_t copy, const ucontext_t *interrupted)
{
    int status;

    require(waitpid(copy, &status, 0) == copy, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    printf("    ... when interrupted behind instruction %llu, at 0x%lx (status 0x%x)\n",
           (unsigned long long)s->count, place(interrupted), (unsigned)status);
    s->failed++;
}

static void on_trap(int number, siginfo_t *info, void *interrupted)
{
    struct step_state *s = current;
    pid_t copy;

    (void)number;
    (void)info;
    if (is_mark(interrupted))
        return;
    if (in_vdso(interrupted) || (s->plan->every && s->steps++ % s->plan->every))
        return;
    fflush(stdout);
    copy = fork();
    require(copy >= 0, "fork");
    if (copy) {
        copy_await(s, copy, interrupted);
        s->count++;
        return;
    }
    s->in_copy = is_copy = true;
    trap_flag_forget(interrupted);
    s->plan->interrupt(s->plan->context);
    if (s->plan->jumps)
        siglongjmp(s->left, 1);
}

static void step_run(struct step_state *s)
{
    if (sigsetjmp(s->left, 0))
        return;
    trap_flag_set();
    s->plan->run(s->plan->context);
    trap_flag_clear();
}

uint64_t step_through(const struct step_plan *plan, uint64_t *failed)
{
    /* SA_NODEFER: to jump out of the handler leaves no signal blocked. */
    const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_NODEFER | SA_SIGINFO};
    struct step_state s = {.plan = plan, .outer = current};
    struct sigaction before;

    require(sigaction(SIGTRAP, &action, &before) == 0, "sigaction");
    is_debugged = getenv("ADATRACE_STEPPER") != NULL;
    current = &s;
    step_run(&s);
    current = s.outer;
    require(sigaction(SIGTRAP, &before, NULL) == 0, "sigaction");
    if (s.in_copy) {
        bool good = plan->judge(plan->context);

        fflush(stdout);
        _exit(good ? 0 : 1);
    }
    *failed += s.failed;
    return s.count;
}

/* ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void nothing(void *context)
{
    (void)context;
}

static bool always(void *context)
{
    (void)context;
    return true;
}
#endif

bool step_is_possible(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false; /* most instructions would be the sanitizer's */
#else
    const struct step_plan plan = {.run = nothing, .interrupt = nothing, .judge = always};
    uint64_t failed = 0;

    return step_through(&plan, &failed) > 0;
#endif
}

bool step_nests(void)
{
#if defined(__x86_64__)
    return true;
#else
    return false;
#endif
}
