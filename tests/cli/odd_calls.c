/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are hard to follow, built with -finstrument-functions: inlined recursion, an inlined
 * callee, functions left by longjmp, a handler on an alternate stack. test_cli_calls.py knows how
 * often each is called.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NOINLINE __attribute__((noinline))

static jmp_buf back;

static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static int square(int x)
{
    return x * x;
}

NOINLINE static int squares(int x)
{
    return square(x) + square(x + 1);
}

NOINLINE static void jump_if_even(int n)
{
    if (n % 2 == 0)
        longjmp(back, 1);
}

NOINLINE static void jump_over(int n)
{
    jump_if_even(n);
    __asm__ volatile(""); /* no tail call */
}

NOINLINE static void handle(int number)
{
    volatile int sum = squares(number);

    (void)sum;
}

NOINLINE static void jumps(int count)
{
    for (volatile int i = 0; i < count; i++)
        if (!setjmp(back))
            jump_over(i);
}

NOINLINE static void signals(int count)
{
    stack_t stack = {.ss_size = 65536};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};

    stack.ss_sp = malloc(stack.ss_size);
    if (!stack.ss_sp || sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
        exit(1);
    for (int i = 0; i < count; i++)
        (void)raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    (void)sigaltstack(&stack, NULL);
    free(stack.ss_sp);
}

int main(void)
{
    volatile int sum = fib(18);

    for (int i = 0; i < 1000; i++)
        sum += squares(i);
    jumps(1000);
    signals(10);
    printf("%d\n", sum);
    return 0;
}
