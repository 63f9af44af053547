/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and signal handlers with the smallest stacks there may be. */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* What the program itself needs of a smallest stack. */
enum { USED_BYTES = 2048 };

static void *use_stack(void *argument)
{
    volatile char bytes[USED_BYTES];

    memset((char *)bytes, 1, sizeof(bytes));
    free(malloc(10));
    return (char *)argument + bytes[USED_BYTES - 1];
}

static void handler(int signal)
{
    free(malloc((size_t)signal));
}

static int smallest_thread(size_t bytes)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;
    int err;

    pthread_attr_init(&attributes);
    err = pthread_attr_setstacksize(&attributes, bytes);
    if (!err)
        err = pthread_create(&thread, &attributes, use_stack, (void *)41);
    pthread_attr_destroy(&attributes);
    if (err)
        return -err;
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

int main(void)
{
    /* The kernel's frame and a little. */
    size_t bytes = getauxval(AT_MINSIGSTKSZ) + 2048;
    stack_t stack = {.ss_sp = malloc(bytes), .ss_size = bytes};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};

    printf("thread: %d\n", smallest_thread((size_t)PTHREAD_STACK_MIN));
    printf("too small: %d\n", smallest_thread(4096));
    if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
        return 1;
    for (int i = 0; i < 100; i++)
        raise(SIGUSR1);
    printf("handled\n");
    return 0;
}
