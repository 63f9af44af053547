/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ThreadSanitizer has to be told, because the kernel does it and not the program: that a dead
 * thread's robust mutex is let go of, and that everything the thread did comes before whoever sees
 * its death.
 *
 * In a build with it only; otherwise each call is nothing. Any thread that it knows: one that it
 * has not begun yet, or that has ended for it, must not call. The agent that is preloaded runs in
 * such threads, and before ThreadSanitizer itself does, so it is never built with it; what it is
 * made of is, in tests/unit/agent/test_agent_together.c. Async-signal-safe.
 */
#ifndef ADATRACE_BASE_TSAN_H
#define ADATRACE_BASE_TSAN_H

#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN_IS_HERE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN_IS_HERE 1
#endif
#endif

#ifdef TSAN_IS_HERE
#include <sys/types.h>
#include <unistd.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);
extern void __tsan_mutex_pre_lock(void *mutex, unsigned flags);
extern void __tsan_mutex_post_lock(void *mutex, unsigned flags, int depth);
extern int __tsan_mutex_pre_unlock(void *mutex, unsigned flags);
extern void __tsan_mutex_post_unlock(void *mutex, unsigned flags);

enum { TSAN_TRY_LOCK = 1 << 1 }; /* __tsan_mutex_try_lock: its deadlock detector looks away */

static inline bool tsan_is_here(void)
{
    return true;
}

/* All that this thread did until now comes before ... */
static inline void tsan_release(void *address)
{
    __tsan_release(address);
}

/* ... all that whoever says this of the same address does afterwards. */
static inline void tsan_acquire(void *address)
{
    __tsan_acquire(address);
}

/* A child of fork(2): there it sees no more what is locked, if its parent had threads. */
static pid_t tsan_home;

__attribute__((constructor)) static void tsan_home_note(void)
{
    tsan_home = getpid();
}

/* The mutex that we hold now is let go of by the kernel, unseen: count it as free already. */
static inline void tsan_mutex_disown(void *mutex)
{
    if (getpid() != tsan_home)
        return;
    (void)__tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
}

/* We do unlock a mutex, next, that tsan_mutex_disown() was said of. */
static inline void tsan_mutex_own(void *mutex)
{
    if (getpid() != tsan_home)
        return;
    __tsan_mutex_pre_lock(mutex, TSAN_TRY_LOCK);
    __tsan_mutex_post_lock(mutex, TSAN_TRY_LOCK, 0);
}

#else

static inline bool tsan_is_here(void)
{
    return false;
}
static inline void tsan_release(void *address)
{
    (void)address;
}
static inline void tsan_acquire(void *address)
{
    (void)address;
}
static inline void tsan_mutex_disown(void *mutex)
{
    (void)mutex;
}
static inline void tsan_mutex_own(void *mutex)
{
    (void)mutex;
}

#endif
#endif
