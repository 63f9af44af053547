/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines on stacks of their own, instrumented, switching in the middle of calls. */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum { COROUTINES = 8, ROUNDS = 1000, STACK_BYTES = 64 * 1024 };

static ucontext_t scheduler, contexts[COROUTINES];
static long steps[COROUTINES];

__attribute__((noinline)) static void step(int n, int depth)
{
    if (depth)
        step(n, depth - 1);
    else
        swapcontext(&contexts[n], &scheduler);
    steps[n]++;
}

static void body(int n)
{
    for (int i = 0; i < ROUNDS; i++)
        step(n, i % 5);
}

int main(void)
{
    long total = 0;

    for (int n = 0; n < COROUTINES; n++) {
        getcontext(&contexts[n]);
        contexts[n].uc_stack.ss_sp = malloc(STACK_BYTES);
        contexts[n].uc_stack.ss_size = STACK_BYTES;
        contexts[n].uc_link = &scheduler;
        makecontext(&contexts[n], (void (*)(void))body, 1, n);
    }
    for (int i = 0; i <= ROUNDS; i++)
        for (int n = 0; n < COROUTINES; n++)
            swapcontext(&scheduler, &contexts[n]);
    for (int n = 0; n < COROUTINES; n++)
        total += steps[n];
    printf("%ld steps\n", total);
    return 0;
}
