/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_thread.h"

#include <signal.h>

#include "base/tsan.h"

static __thread bool is_own __attribute__((tls_model("initial-exec")));

static void *thread_main(void *argument)
{
    const struct own_thread *thread = argument;
    void *result;

    pthread_setname_np(pthread_self(), thread->name);
    is_own = true;
    tsan_look_away();
    result = thread->run(thread->context);
    tsan_look_back();
    return result;
}

int own_thread_start(struct own_thread *thread, const char *name, size_t stack_bytes,
                     void *(*run)(void *context), void *context)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int err;

    thread->name = name;
    thread->run = run;
    thread->context = context;
    (void)pthread_attr_init(&attributes);
    if (stack_bytes)
        (void)pthread_attr_setstacksize(&attributes, stack_bytes); /* or as others have */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -err;
}

bool own_thread_is(void)
{
    return is_own;
}
