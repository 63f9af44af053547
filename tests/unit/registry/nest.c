/* SPDX-License-Identifier: Apache-2.0 */
#include "nest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "ring_fixture.h"
#include "step.h"
#include "step_flag.h"

static struct nest *current;
static int depth;
/* At each depth. */
static uint64_t remaining[NEST_DEEPEST + 1]; /* instructions to the interruption */
static bool meets[NEST_DEEPEST + 1];         /* it is where nest_meet() is */

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

int nest_depth(void)
{
    return depth;
}

#if defined(__x86_64__)

bool nest_is_possible(void)
{
    return step_is_possible();
}

/* An emit of the fast path has some fifty instructions, one that gives a record up a thousand. */
static uint64_t instructions_pick(struct nest *n)
{
    static const uint64_t upto[] = {50, 120, 300, 900};
    uint64_t among = random_next(n->random) % (sizeof(upto) / sizeof(*upto));

    return random_next(n->random) % upto[among];
}

static void on_trap(int number, siginfo_t *info, void *interrupted)
{
    greg_t *registers = ((ucontext_t *)interrupted)->uc_mcontext.gregs;
    struct nest *n = current;

    (void)number;
    (void)info;
    if (step_in_vdso((uintptr_t)registers[REG_RIP]) || remaining[depth]-- > 0)
        return;
    registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    if (!n->left)
        return;
    n->left--;
    n->count++;
    depth++;
    n->interrupt(n->context);
    depth--;
    if (!n->left || random_next(n->random) % 2)
        return;
    remaining[depth] = instructions_pick(n); /* and once more */
    registers[REG_EFL] |= TRAP_FLAG;
}

void nest_open(struct nest *n, void *stack, size_t stack_bytes)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_NODEFER | SA_SIGINFO};
    const stack_t alternate = {.ss_sp = stack, .ss_size = stack_bytes};

    current = n;
    depth = 0;
    if (stack) {
        require(sigaltstack(&alternate, NULL) == 0, "sigaltstack");
        action.sa_flags |= SA_ONSTACK;
    }
    require(sigaction(SIGTRAP, &action, NULL) == 0, "sigaction");
}

/* Whether the rest is stepped through is on_trap()'s choice: it leaves the flag or takes it away.
 */
void nest_meet(void)
{
    if (!meets[depth])
        return;
    meets[depth] = false;
    remaining[depth] = 0;
    trap_flag_set();
}

void nest_run(void (*run)(void *context), void *context)
{
    uint64_t choice = random_next(current->random) % 4;

    if (depth == 0)
        current->left = current->most;
    if (choice == 0 || depth >= current->deepest || !current->left) {
        run(context);
        return;
    }
    remaining[depth] = instructions_pick(current);
    meets[depth] = choice == 1;
    if (choice > 1)
        trap_flag_set();
    run(context);
    trap_flag_clear();
    meets[depth] = false;
}

#else

bool nest_is_possible(void)
{
    return false;
}

void nest_open(struct nest *n, void *stack, size_t stack_bytes)
{
    (void)n;
    (void)stack;
    (void)stack_bytes;
    (void)remaining;
}

void nest_meet(void)
{
    (void)meets;
}

void nest_run(void (*run)(void *context), void *context)
{
    run(context);
}

#endif

void nest_close(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    const stack_t none = {.ss_flags = SS_DISABLE};

    current = NULL;
    require(sigaction(SIGTRAP, &usual, NULL) == 0, "sigaction");
    require(sigaltstack(&none, NULL) == 0, "sigaltstack");
}
