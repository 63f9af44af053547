/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ThreadSanitizer has to be told, because the kernel does it and not the program: that a dead
 * thread's robust mutex is let go of, and that everything the thread did comes before whoever sees
 * its death. And what it cannot see: a library that is not built with it, in an application that
 * is.
 *
 * It is asked for while the program runs, so that the library as it ships tells it, too; without it
 * each call looks whether it is there, and that is all. Any thread that it knows: one that it has
 * not begun yet, or that has ended for it, must not call. An agent that is preloaded runs in such
 * threads, and before ThreadSanitizer itself does, so it stays out (base/elf_needed.h); what it is
 * made of is looked at in tests/unit/agent/test_agent_together.c. Async-signal-safe.
 */
#ifndef ADATRACE_BASE_TSAN_H
#define ADATRACE_BASE_TSAN_H

#include <stdbool.h>

bool tsan_is_here(void);

/* All that this thread did until now comes before ... */
void tsan_release(void *address);
/* ... all that whoever says this of the same address does afterwards. */
void tsan_acquire(void *address);

/* The mutex that we hold now is let go of by the kernel, unseen: count it as free already. */
void tsan_mutex_disown(void *mutex);
/* We do unlock a mutex, next, that tsan_mutex_disown() was said of. */
void tsan_mutex_own(void *mutex);

/* Of a thread of ours: who is not built with it uses atomics that it does not see, so what it would
 * see of the thread are races that are none. Where it sees all, nothing. Both are said, in turn. */
void tsan_look_away(void);
void tsan_look_back(void);

#endif
