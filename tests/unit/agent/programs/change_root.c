/* SPDX-License-Identifier: Apache-2.0 */
/* Changes its root to argv[1], then threads, allocates and executes argv[2] there. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *allocate(void *unused)
{
    free(malloc(10));
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int status = 0;

    if (argc < 3 || chroot(argv[1]) || chdir("/")) {
        perror("chroot");
        return 77;
    }
    if (pthread_create(&thread, NULL, allocate, NULL) || pthread_join(thread, NULL))
        return 1;
    if (!fork()) {
        execv(argv[2], argv + 2);
        perror("execv");
        _exit(9);
    }
    wait(&status);
    printf("child: %#x\n", (unsigned)status);
    return 0;
}
