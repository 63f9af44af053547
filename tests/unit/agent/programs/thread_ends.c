/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that end by return, pthread_exit and cancellation, with clean-up, destructors, results.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

static pthread_key_t key;
static sem_t begun;

static void destroy(void *value)
{
    printf("destructor %d\n", (int)(intptr_t)value);
    free(malloc(10));
    if ((intptr_t)value > 1)
        pthread_setspecific(key, (void *)((intptr_t)value - 1));
}

static void clean(void *text)
{
    printf("clean-up of %s\n", (const char *)text);
}

static void *ends(void *how)
{
    pthread_setspecific(key, (void *)2);
    pthread_cleanup_push(clean, how);
    if (*(char *)how == 'e')
        pthread_exit((void *)11);
    if (*(char *)how == 'a')
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    sem_post(&begun);
    if (*(char *)how == 'c')
        for (;;)
            pause();
    if (*(char *)how == 'a')
        for (;;)
            free(NULL);
    pthread_cleanup_pop(1);
    return (void *)12;
}

static void run(const char *how, int cancel)
{
    pthread_t thread;
    void *result = NULL;
    int err = pthread_create(&thread, NULL, ends, (void *)(uintptr_t)how);

    if (err) {
        printf("%s: error %d\n", how, err);
        return;
    }
    if (cancel) {
        sem_wait(&begun);
        pthread_cancel(thread);
    }
    pthread_join(thread, &result);
    printf("%s: %d\n", how, result == PTHREAD_CANCELED ? -1 : (int)(intptr_t)result);
}

static int iso(void *argument)
{
    return -*(int *)argument;
}

int main(void)
{
    pthread_attr_t attributes;
    thrd_t thread;
    int seven = 7, result, err;
    pthread_t never;

    sem_init(&begun, 0, 0);
    pthread_key_create(&key, destroy);
    run("return", 0);
    sem_wait(&begun);
    run("exit", 0);
    run("cancel", 1);
    run("asynchronous", 1);
    if (thrd_create(&thread, iso, &seven) == thrd_success &&
        thrd_join(thread, &result) == thrd_success)
        printf("thrd_create: %d\n", result);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46);
    errno = 0;
    err = pthread_create(&never, &attributes, ends, NULL);
    printf("no room for a stack: %d, errno %d\n", err, errno);
    fflush(stdout);
    pthread_exit(NULL); /* the process ends with its last thread: this one */
}
