/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real: the functions that the agent's hooks stand in front of, as the program would have got them
 * without us: the next definition after ours, so that a linked jemalloc is respected.
 *
 * Found once, early, by one call: hooks never ask the dynamic loader. A function that this system
 * does not have stays NULL, and its hook says so the way the function itself would fail.
 *
 * A new hook begins with a row here. Reading `real` is async-signal-safe; it never changes after
 * real_resolve().
 */
#ifndef ADATRACE_AGENT_REAL_H
#define ADATRACE_AGENT_REAL_H

#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <threads.h>
#include <unistd.h>

/* What libc's headers do not declare (yet). */
void free_sized(void *memory, size_t size);
void free_aligned_sized(void *memory, size_t alignment, size_t size);
void __cyg_profile_func_enter(void *function, void *call_site);
void __cyg_profile_func_exit(void *function, void *call_site);
int dlclose(void *handle);

/* The memory family first: finding the others may allocate. */
#define REAL_FUNCTIONS(X)       \
    X(malloc)                   \
    X(calloc)                   \
    X(realloc)                  \
    X(free)                     \
    X(aligned_alloc)            \
    X(posix_memalign)           \
    X(memalign)                 \
    X(valloc)                   \
    X(pvalloc)                  \
    X(malloc_usable_size)       \
    X(free_sized)               \
    X(free_aligned_sized)       \
    X(fork)                     \
    X(_exit)                    \
    X(_Exit)                    \
    X(quick_exit)               \
    X(on_exit)                  \
    X(execve)                   \
    X(execv)                    \
    X(execvp)                   \
    X(execvpe)                  \
    X(fexecve)                  \
    X(execveat)                 \
    X(posix_spawn)              \
    X(posix_spawnp)             \
    X(pthread_create)           \
    X(pthread_setname_np)       \
    X(thrd_create)              \
    X(prctl)                    \
    X(dlclose)                  \
    X(__cyg_profile_func_enter) \
    X(__cyg_profile_func_exit)

struct real {
#define REAL_MEMBER(name) __typeof__(name) *name;
    REAL_FUNCTIONS(REAL_MEMBER)
#undef REAL_MEMBER
};
extern struct real real __attribute__((visibility("hidden")));

/*
 * Fill in `real`. Allocates (from the bootstrap heap, through our own malloc); leaves errno and
 * dlerror() alone. Called by the constructor, and by a hook that is used before it; again, and from
 * inside itself, it does nothing.
 */
void real_resolve(void);

/* Is `function` libc's own, and not of some library in between? */
bool real_is_libc(const void *function);

/* For hooks that may run before the constructor. */
#define REAL(name) \
    (__builtin_expect(real.name != NULL, 1) ? real.name : (real_resolve(), real.name))

#endif
