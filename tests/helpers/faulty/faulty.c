/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "faulty_calls.h"

static __thread struct {
    unsigned countdown; /* 1: the next one fails */
    const char *name;   /* whose call failed */
    int error;
} once;

static struct {
    const char *name;
    int error;
    unsigned times;
} next;

static struct faulty_held held;

void faulty_arm(unsigned nth)
{
    once.countdown = nth;
    once.name = NULL;
    once.error = 0;
}

void faulty_rest(void)
{
    once.countdown = 0;
}

void faulty_next(const char *name, int error, unsigned times)
{
    next.name = name;
    next.error = error;
    store_relaxed(&next.times, name ? times : 0);
}

const char *faulty_name(void)
{
    return once.name;
}

/* Also in other threads, one at a time. */
static bool is_next(const char *name)
{
    unsigned times = load_relaxed(&next.times);

    if (!times || strcmp(next.name, name) != 0)
        return false;
    if (times != UINT_MAX)
        store_relaxed(&next.times, times - 1);
    return true;
}

int faulty_due(const char *name, int error)
{
    if (is_next(name))
        return next.error;
    if (!once.countdown || --once.countdown)
        return 0;
    once.name = name;
    once.error = error;
    return error;
}

void faulty_hold(int64_t allocations, int64_t mapped_bytes)
{
    add_relaxed(&held.allocations, allocations); /* relaxed: looked at when all is quiet */
    add_relaxed(&held.mapped_bytes, mapped_bytes);
}

/* Not cmocka's: its jumps are those of one file where it is our own. */
__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

static struct faulty_held held_now(void)
{
    struct faulty_held now = held;
    DIR *list = opendir("/proc/self/fd");

    if (!list)
        fail("/proc/self/fd cannot be read");
    while (readdir(list))
        now.descriptors++;
    closedir(list);
    return now;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (!strcmp(name, *names))
            return true;
    return false;
}

static bool is_error_among(int error, const int *errors)
{
    for (; errors && *errors; errors++)
        if (error == *errors)
            return true;
    return false;
}

static void outcome_check(int got, unsigned nth, const char *const *harmless, const int *also)
{
    if (!got && !is_among(once.name, harmless))
        fail("call %u, %s, failed and nobody said so", nth, once.name);
    if (got && got != -once.error && !is_error_among(got, also))
        fail("call %u, %s, failed with %d and what was said is %d", nth, once.name, -once.error,
             got);
}

unsigned faulty_sweep(int (*scene)(void *context), void *context, const char *const *harmless,
                      const int *also)
{
    for (unsigned nth = 1;; nth++) {
        struct faulty_held before = held_now(), after;
        int got;

        faulty_arm(nth);
        got = scene(context);
        faulty_rest();
        after = held_now();
        if (memcmp(&before, &after, sizeof(before)) != 0)
            fail("call %u, %s: %d descriptors, %d allocations, %d mapped bytes more", nth,
                 once.name ? once.name : "none", (int)(after.descriptors - before.descriptors),
                 (int)(after.allocations - before.allocations),
                 (int)(after.mapped_bytes - before.mapped_bytes));
        if (!once.name) {
            if (got)
                fail("nothing failed, and what was said is %d", got);
            return nth - 1;
        }
        outcome_check(got, nth, harmless, also);
    }
}
