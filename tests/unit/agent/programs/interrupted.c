/* SPDX-License-Identifier: Apache-2.0 */
/* A timer's handler interrupts instrumented functions; argv[1] jump: it jumps out of them. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;
static sigjmp_buf back;
static int jumps;

__attribute__((noinline)) void leaf(void)
{
    __asm__ volatile("");
}

__attribute__((no_instrument_function)) static void handler(int signal)
{
    (void)signal;
    signals = signals + 1;
    leaf();
    if (jumps)
        siglongjmp(back, 1);
    free(malloc(32)); /* main does not allocate meanwhile */
}

__attribute__((no_instrument_function)) int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval timer = {{0, 500}, {0, 500}}, off = {0};

    jumps = argc > 1 && !strcmp(argv[1], "jump");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    (void)sigsetjmp(back, 1);
    while (signals < 200)
        leaf();
    setitimer(ITIMER_REAL, &off, NULL);
    for (int i = 0; i < 10000; i++)
        leaf();
    printf("%s\n", signals >= 200 ? "200 signals" : "fewer");
    return 0;
}
