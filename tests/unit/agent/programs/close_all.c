/* SPDX-License-Identifier: Apache-2.0 */
/* Closes every descriptor but the standard ones, then goes on allocating, threading and forking. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *allocate(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++)
        free(malloc((size_t)i + 1));
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int status, fd;

    syscall(SYS_close_range, 3u, ~0u, 0u);
    allocate(NULL);
    fd = dup(1);
    printf("the next descriptor is %d\n", fd);
    fflush(stdout);
    if (pthread_create(&thread, NULL, allocate, NULL) || pthread_join(thread, NULL))
        return 1;
    if (!fork()) {
        allocate(NULL);
        _exit(7);
    }
    wait(&status);
    printf("child: %d\n", WEXITSTATUS(status));
    return 3;
}
