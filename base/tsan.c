/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tsan.h"

#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

enum { TRY_LOCK = 1 << 1 }; /* __tsan_mutex_try_lock: its deadlock detector looks away */

/* Weak: without it they are nowhere. */
#define ASKED_FOR __attribute__((weak))
extern void __tsan_acquire(void *address) ASKED_FOR;
extern void __tsan_release(void *address) ASKED_FOR;
extern void __tsan_mutex_pre_lock(void *mutex, unsigned flags) ASKED_FOR;
extern void __tsan_mutex_post_lock(void *mutex, unsigned flags, int depth) ASKED_FOR;
extern int __tsan_mutex_pre_unlock(void *mutex, unsigned flags) ASKED_FOR;
extern void __tsan_mutex_post_unlock(void *mutex, unsigned flags) ASKED_FOR;
extern void AnnotateIgnoreReadsBegin(const char *file, int line) ASKED_FOR;
extern void AnnotateIgnoreReadsEnd(const char *file, int line) ASKED_FOR;
extern void AnnotateIgnoreWritesBegin(const char *file, int line) ASKED_FOR;
extern void AnnotateIgnoreWritesEnd(const char *file, int line) ASKED_FOR;

#if defined(__SANITIZE_THREAD__)
#define SEES_ALL true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SEES_ALL true
#endif
#endif
#ifndef SEES_ALL
#define SEES_ALL false
#endif

/* In a child of fork(2) it sees no more what is locked, if the parent had threads. */
static pid_t home;

__attribute__((constructor)) static void home_note(void)
{
    if (tsan_is_here())
        home = getpid();
}

bool tsan_is_here(void)
{
    return __tsan_acquire != NULL;
}

void tsan_release(void *address)
{
    if (tsan_is_here())
        __tsan_release(address);
}

void tsan_acquire(void *address)
{
    if (tsan_is_here())
        __tsan_acquire(address);
}

void tsan_mutex_disown(void *mutex)
{
    if (!tsan_is_here() || getpid() != home)
        return;
    (void)__tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
}

void tsan_mutex_own(void *mutex)
{
    if (!tsan_is_here() || getpid() != home)
        return;
    __tsan_mutex_pre_lock(mutex, TRY_LOCK);
    __tsan_mutex_post_lock(mutex, TRY_LOCK, 0);
}

void tsan_look_away(void)
{
    if (SEES_ALL || !tsan_is_here())
        return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

void tsan_look_back(void)
{
    if (SEES_ALL || !tsan_is_here())
        return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
