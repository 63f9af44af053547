/* SPDX-License-Identifier: Apache-2.0 */
/* Calls every hook with errno set and says where it changed. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MARK = 4242 };

#define CHECK(what, ...)                           \
    do {                                           \
        errno = MARK;                              \
        __VA_ARGS__;                               \
        if (errno != MARK)                         \
            printf("%s: errno %d\n", what, errno); \
    } while (0)

void instrumented(void);
__attribute__((noinline)) void instrumented(void)
{
    __asm__ volatile("");
}

static void *nothing(void *unused)
{
    if (errno)
        printf("a thread begins with errno %d\n", errno);
    return unused;
}

__attribute__((no_instrument_function)) int main(void)
{
    static char *const args[] = {"true", NULL}, *const no_environment[] = {NULL};
    void *volatile p;
    const char *volatile nowhere = NULL;
    void *memory = NULL;
    pthread_t thread;
    pid_t child;

    CHECK("malloc", p = malloc(10));
    CHECK("realloc", p = realloc(p, 100));
    CHECK("free", free(p));
    CHECK("calloc", p = calloc(1, 10));
    CHECK("reallocarray", p = reallocarray(p, 2, 100));
    CHECK("free", free(p));
    CHECK("posix_memalign", if (posix_memalign(&memory, 64, 10)) return 1);
    CHECK("malloc_usable_size", malloc_usable_size(memory));
    CHECK("free", free(memory));
    CHECK("a function", for (int i = 0; i < 100000; i++) instrumented());
    CHECK("pthread_create", pthread_create(&thread, NULL, nothing, NULL));
    pthread_join(thread, NULL);
    CHECK("pthread_setname_np", pthread_setname_np(pthread_self(), "x"));
    CHECK("prctl", prctl(PR_SET_NAME, "y"));
    CHECK("posix_spawnp", posix_spawnp(&child, "true", NULL, NULL, args, no_environment));
    wait(NULL);
    CHECK(
        "fork", if (!fork()) {
            if (errno != MARK)
                printf("fork's child: errno %d\n", errno);
            exit(0);
        });
    wait(NULL);
    CHECK("dlclose", dlclose(dlopen(NULL, RTLD_NOW)));
    errno = MARK;
    execve("/no/such", args, environ);
    printf("execve: errno %d\n", errno);
    errno = MARK;
    execvp("no-such-program", args);
    printf("execvp: errno %d\n", errno);
    errno = MARK;
    execve("/", args, environ);
    printf("execve of a directory: errno %d\n", errno);
    errno = MARK;
    execve(nowhere, args, environ);
    printf("execve of NULL: errno %d\n", errno);
    return 0;
}
