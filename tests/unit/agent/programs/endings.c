/* SPDX-License-Identifier: Apache-2.0 */
/* Ends in the way that argv[1] names, with handlers and destructors that still allocate. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void at_exit(void)
{
    free(malloc(111));
    puts("atexit");
}

static void at_quick(void)
{
    puts("at_quick_exit");
    fflush(stdout);
}

__attribute__((destructor)) static void destructor(void)
{
    free(malloc(222));
    puts("destructor");
}

static void *exits(void *unused)
{
    (void)unused;
    exit(5);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    pthread_t thread;

    atexit(at_exit);
    at_quick_exit(at_quick);
    if (!strcmp(how, "exit"))
        exit(300);
    if (!strcmp(how, "_exit"))
        _exit(3);
    if (!strcmp(how, "quick_exit"))
        quick_exit(4);
    if (!strcmp(how, "thread") && !pthread_create(&thread, NULL, exits, NULL))
        for (;;)
            pause();
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
    if (!strcmp(how, "segv"))
        raise(SIGSEGV);
    return 6;
}
