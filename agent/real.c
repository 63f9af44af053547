/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/real.h"

#include <dlfcn.h>
#include <errno.h>

#include "base/atomic.h"

struct real real;

/* Kept volatile and between fences: libc declares dlsym() as a leaf function, and a compiler that
 * believes it takes such a mark away. */
static volatile unsigned char begun;

/* POSIX lets a function pointer be made of what dlsym() returns; ISO C knows no such conversion. */
static void find(void *slot, const char *name)
{
    void **out = slot;

    *out = dlsym(RTLD_NEXT, name);
}

void real_resolve(void)
{
    int saved = errno;

    if (begun)
        return;
    begun = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#define REAL_FIND(name) find(&real.name, #name);
    REAL_FUNCTIONS(REAL_FIND)
#undef REAL_FIND
    /* What was not found has left a message that the program's own dlerror() must not show. */
    (void)dlerror();
    errno = saved;
}

bool real_is_libc(const void *function)
{
    Dl_info theirs, libc;
    const void *known;

    /* fork() is nobody's but libc's, as far as symbols go: the lookup passed over the program. */
    __builtin_memcpy(&known, &real.fork, sizeof(known));
    return function && known && dladdr(function, &theirs) && dladdr(known, &libc) &&
           theirs.dli_fbase == libc.dli_fbase;
}
