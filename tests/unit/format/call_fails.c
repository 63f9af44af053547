/* SPDX-License-Identifier: Apache-2.0 */
#include "call_fails.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"

/* Atomic, all of it. */
static struct {
    unsigned kinds, wanted, first, last;
    int error;
    unsigned calls, failed;
} plan;

void calls_fail(unsigned kinds, unsigned first, unsigned last, int error)
{
    /* relaxed, as all here: threads begin and end in between, or sleep while nothing fails. */
    store_relaxed(&plan.wanted, kinds);
    store_relaxed(&plan.first, first);
    store_relaxed(&plan.last, last);
    store_relaxed(&plan.error, error);
    store_relaxed(&plan.calls, 0);
    store_relaxed(&plan.failed, 0);
    store_relaxed(&plan.kinds, kinds);
}

void calls_go_on(void)
{
    store_relaxed(&plan.kinds, load_relaxed(&plan.wanted));
}

unsigned calls_pass(void)
{
    store_relaxed(&plan.kinds, 0);
    return load_relaxed(&plan.failed);
}

bool call_sweep_next(struct call_sweep *sweep)
{
    if (!calls_pass() && sweep->runs) {
        if (sweep->for_ever)
            return false;
        sweep->for_ever = true;
        sweep->first = 0;
    }
    sweep->runs++;
    sweep->first++;
    return true;
}

void call_sweep_arm(const struct call_sweep *sweep)
{
    calls_fail(sweep->kinds, sweep->first, sweep->for_ever ? UINT_MAX : sweep->first, sweep->error);
}

bool call_is_due(enum call_kind kind)
{
    unsigned call;

    if (!(load_relaxed(&plan.kinds) & kind))
        return false;
    call = __atomic_add_fetch(&plan.calls, 1, __ATOMIC_RELAXED);
    if (call < load_relaxed(&plan.first) || call > load_relaxed(&plan.last))
        return false;
    __atomic_add_fetch(&plan.failed, 1, __ATOMIC_RELAXED);
    errno = kind == CALL_MEMORY ? ENOMEM : load_relaxed(&plan.error);
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return call_is_due(CALL_MEMORY) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return call_is_due(CALL_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return call_is_due(CALL_MEMORY) ? NULL : __real_realloc(memory, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return call_is_due(CALL_MEMORY) ? NULL : __real_strdup(text);
}

char *__real_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size);
char *__wrap_strndup(const char *text, size_t size)
{
    return call_is_due(CALL_MEMORY) ? NULL : __real_strndup(text, size);
}

ssize_t __real_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t size, off_t offset)
{
    return call_is_due(CALL_READ) ? -1 : __real_pread(fd, bytes, size, offset);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *argument), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *argument), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *argument), void *argument)
{
    return call_is_due(CALL_THREAD) ? EAGAIN
                                    : __real_pthread_create(thread, attributes, run, argument);
}
