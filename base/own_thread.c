/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_thread.h"

#include <signal.h>

static __thread bool is_own __attribute__((tls_model("initial-exec")));

int own_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *context)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int err;

    (void)pthread_attr_init(&attributes);
    if (stack_bytes)
        (void)pthread_attr_setstacksize(&attributes, stack_bytes); /* or as others have */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(thread, &attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -err;
}

void own_thread_begin(const char *name)
{
    pthread_setname_np(pthread_self(), name);
    is_own = true;
}

bool own_thread_is(void)
{
    return is_own;
}
