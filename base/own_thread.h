/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of ours, in somebody else's program: no signal is theirs, ThreadSanitizer does not look
 * at them where it would not understand, and they never wait for what only they can bring about.
 */
#ifndef ADATRACE_BASE_OWN_THREAD_H
#define ADATRACE_BASE_OWN_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Belongs to the caller, and stays where it is until the thread has begun. */
struct own_thread {
    pthread_t id; /* to be joined, or detached */
    const char *name;
    void *(*run)(void *context);
    void *context;
};

/* All signals are blocked in it: they belong to the application, or to the command's main thread.
 * `name`: what the kernel and debuggers call it, at most 15 bytes that stay. stack_bytes 0: as
 * other threads have. 0, or -errno as pthread_create(). Any thread. */
int own_thread_start(struct own_thread *thread, const char *name, size_t stack_bytes,
                     void *(*run)(void *context), void *context)
    __attribute__((warn_unused_result));

/* Is the calling thread one of ours? It can emit, where the application's malloc() does, but nobody
 * makes room for it while it waits. Async-signal-safe, no system call. */
bool own_thread_is(void);

#endif
