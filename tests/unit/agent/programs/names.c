/* SPDX-License-Identifier: Apache-2.0 */
/* Names itself, another thread, and by prctl. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/prctl.h>

static sem_t named_itself, go;

static void *named(void *unused)
{
    char name[32] = "";

    (void)unused;
    prctl(PR_SET_NAME, "by prctl");
    prctl(PR_GET_NAME, name);
    printf("%s\n", name);
    sem_post(&named_itself);
    sem_wait(&go);
    pthread_getname_np(pthread_self(), name, sizeof(name));
    printf("%s\n", name);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    char name[32] = "";

    sem_init(&named_itself, 0, 0);
    sem_init(&go, 0, 0);
    printf("%d\n", pthread_setname_np(pthread_self(), "the main one"));
    printf("%d\n", pthread_setname_np(pthread_self(), "a name that is far too long"));
    if (pthread_create(&thread, NULL, named, NULL))
        return 1;
    sem_wait(&named_itself);
    pthread_setname_np(thread, "by another");
    sem_post(&go);
    pthread_join(thread, NULL);
    pthread_getname_np(pthread_self(), name, sizeof(name));
    printf("%s\n", name);
    return 0;
}
