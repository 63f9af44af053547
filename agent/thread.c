/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread family: start, name, end.
 *
 * A new thread begins in our trampoline, which claims its ring and jumps to its routine, leaving no
 * frame behind: stack, backtrace and result are the program's own. The end is told by the
 * destructor of a thread-specific key, because that runs after return, pthread_exit() and
 * cancellation alike. It puts itself off to the last round, behind the program's own destructors.
 *
 * prctl() stands here because it names threads and because it can take a thread's clocks away.
 */
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/module.h"
#include "base/atomic.h"
#include "base/crash_point.h"
#include "base/tsan.h"

static const struct ada_field start_fields[] = {AGENT_FIELD("tid", UNSIGNED, 4),
                                                AGENT_FIELD("creator_tid", UNSIGNED, 4),
                                                AGENT_FIELD("routine", CODE, 8)};
static const struct ada_field end_fields[] = {AGENT_FIELD("tid", UNSIGNED, 4)};
static const struct ada_field name_fields[] = {AGENT_FIELD("tid", UNSIGNED, 4),
                                               AGENT_FIELD("name", STRING, 0)};

AGENT_EVENT(start_event, "thread", "start", INSTANT, INFO, start_fields);
AGENT_EVENT(end_event, "thread", "end", INSTANT, INFO, end_fields);
AGENT_EVENT(name_event, "thread", "name", INSTANT, INFO, name_fields);

static pthread_key_t end_key;
static bool end_key_is_made;

/* The thread knows its own id without asking the kernel, which a sandbox may forbid. */
static uint32_t own_tid(void)
{
    struct ada_thread_stats stats;

    return ada_thread_stats_read(&stats) ? 0 : stats.tid;
}

/* ---- start and end ---- */

/* What a thread needs to begin; the creator fills it in, the thread takes it. */
struct thread_origin {
    union {
        void *(*posix)(void *argument);
        int (*iso)(void *argument);
    } routine;
    void *argument;
    uint32_t creator_tid;
    bool in_pool, muted;
};

enum { POOL_SIZE = 64 };

/* For threads that have been created and have not begun; more at once are allocated. */
static struct thread_origin pool[POOL_SIZE];
static uint64_t pool_used;

static struct thread_origin *origin_take(void)
{
    uint64_t used = load_relaxed(&pool_used);
    struct thread_origin *origin;

    while (~used) {
        unsigned n = (unsigned)__builtin_ctzll(~used);

        /* Acquire on success: the last user's reads ended. Pairs with origin_give(). */
        if (compare_exchange(&pool_used, &used, used | UINT64_C(1) << n)) {
            pool[n].in_pool = true;
            return &pool[n];
        }
    }
    origin = real.malloc ? real.malloc(sizeof(*origin)) : NULL;
    if (origin)
        origin->in_pool = false;
    return origin;
}

static void origin_give(struct thread_origin *origin)
{
    if (origin->in_pool)
        __atomic_fetch_and(&pool_used, ~(UINT64_C(1) << (origin - pool)), __ATOMIC_RELEASE);
    else if (real.free)
        real.free(origin);
}

/* Where ThreadSanitizer looks on, before the thread has ended for it and for the tracer. */
static uintptr_t last_round(void)
{
    return tsan_is_here() ? PTHREAD_DESTRUCTOR_ITERATIONS - 2 : PTHREAD_DESTRUCTOR_ITERATIONS;
}

static void thread_end(void *round)
{
    uintptr_t next = (uintptr_t)round + 1;
    uint32_t tid;

    if (next <= last_round() && !pthread_setspecific(end_key, (void *)next))
        return;
    CRASH_POINT("thread.ending");
    tid = own_tid();
    (void)ada_emit(&end_event, &tid, sizeof(tid));
}

static void await_end(void)
{
    if (end_key_is_made)
        (void)pthread_setspecific(end_key, (void *)(uintptr_t)1);
}

__attribute__((noinline)) static void thread_begin(const void *routine, uint32_t creator_tid,
                                                   bool muted)
{
    struct {
        uint32_t tid, creator_tid;
        uint64_t routine;
    } payload = {.creator_tid = creator_tid, .routine = (uint64_t)(uintptr_t)routine};
    int saved = errno;

    if (muted)
        tracer_thread_mute(true); /* it inherits what its creator may not do */
    tracer_thread_begin(NULL);
    payload.tid = own_tid();
    (void)ada_emit(&start_event, &payload, sizeof(payload));
    modules_look();
    await_end();
    errno = saved;
}

static void *thread_main(void *argument)
{
    struct thread_origin *origin = argument;
    void *(*routine)(void *) = origin->routine.posix;
    void *theirs = origin->argument;
    uint32_t creator = origin->creator_tid;
    bool muted = origin->muted;

    origin_give(origin);
    thread_begin((const void *)(uintptr_t)routine, creator, muted);
    return routine(theirs);
}

static int thread_main_iso(void *argument)
{
    struct thread_origin *origin = argument;
    int (*routine)(void *) = origin->routine.iso;
    void *theirs = origin->argument;
    uint32_t creator = origin->creator_tid;
    bool muted = origin->muted;

    origin_give(origin);
    thread_begin((const void *)(uintptr_t)routine, creator, muted);
    return routine(theirs);
}

AGENT_HOOK int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                              void *(*routine)(void *), void *restrict argument)
{
    struct thread_origin *origin = NULL;
    int err;

    if (!REAL(pthread_create))
        return ENOSYS;
    if (tracer_is_attached())
        origin = origin_take();
    if (!origin)
        return real.pthread_create(thread, attributes, routine, argument);
    origin->routine.posix = routine;
    origin->argument = argument;
    origin->creator_tid = own_tid();
    origin->muted = tracer_thread_is_muted();
    err = real.pthread_create(thread, attributes, thread_main, origin);
    if (err)
        origin_give(origin);
    return err;
}

/* Inside libc this is pthread_create(), but not through us. */
AGENT_HOOK int thrd_create(thrd_t *thread, thrd_start_t routine, void *argument)
{
    struct thread_origin *origin = NULL;
    int result;

    if (!REAL(thrd_create))
        return thrd_error;
    if (tracer_is_attached())
        origin = origin_take();
    if (!origin)
        return real.thrd_create(thread, routine, argument);
    origin->routine.iso = routine;
    origin->argument = argument;
    origin->creator_tid = own_tid();
    origin->muted = tracer_thread_is_muted();
    result = real.thrd_create(thread, thread_main_iso, origin);
    if (result != thrd_success)
        origin_give(origin);
    return result;
}

/* ---- names ---- */

/* A thread's CPU-time clock is named by its id; asking for it takes no system call. */
static uint32_t tid_of(pthread_t thread)
{
    clockid_t clock;

    return pthread_getcpuclockid(thread, &clock) ? 0 : (uint32_t) ~(clock >> 3);
}

static void tell_name(uint32_t tid, bool is_self, const char *name)
{
    int saved = errno;

    if (is_self)
        tracer_thread_named(name);
    agent_emit_text(&name_event, &tid, sizeof(tid), name);
    errno = saved;
}

AGENT_HOOK int pthread_setname_np(pthread_t thread, const char *name)
{
    int err;

    if (!REAL(pthread_setname_np))
        return ENOSYS;
    err = real.pthread_setname_np(thread, name);
    if (!err && tracer_is_attached())
        tell_name(tid_of(thread), pthread_equal(thread, pthread_self()), name);
    return err;
}

static void tell_prctl_name(const char *given)
{
    char name[16]; /* as long as the kernel keeps it */

    strncpy(name, given, sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    tell_name(own_tid(), true, name);
}

/* ---- prctl ---- */

/* Will this make reading any clock a fault? seccomp's strict mode does, besides all else. */
static bool takes_clocks(int option, unsigned long argument)
{
    return (option == PR_SET_SECCOMP && argument == SECCOMP_MODE_STRICT) ||
           (option == PR_SET_TSC && argument == PR_TSC_SIGSEGV);
}

static void mute(void)
{
    agent_clock_is_counter = false; /* from now on hooks ask the tracer, who knows who is muted */
    tracer_thread_mute(true);
}

static void after_prctl(int option, unsigned long argument, bool failed)
{
    if (takes_clocks(option, argument)
            ? failed
            : option == PR_SET_TSC && !failed && argument == PR_TSC_ENABLE)
        tracer_thread_mute(false);
    if (option == PR_SET_NAME && !failed)
        tell_prctl_name((const char *)(uintptr_t)argument);
}

/* As libc's own: always five arguments, whatever the option needs. */
AGENT_HOOK int prctl(int option, ...)
{
    unsigned long a, b, c, d;
    va_list list;
    int result;

    va_start(list, option);
    a = va_arg(list, unsigned long);
    b = va_arg(list, unsigned long);
    c = va_arg(list, unsigned long);
    d = va_arg(list, unsigned long);
    va_end(list);
    if (!REAL(prctl)) {
        errno = ENOSYS;
        return -1;
    }
    if (!tracer_is_attached())
        return real.prctl(option, a, b, c, d);
    if (takes_clocks(option, a))
        mute();
    /* A filter follows, by this call or, as libseccomp does it, by another that we do not see. */
    if (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS)
        tracer_silence();
    result = real.prctl(option, a, b, c, d);
    after_prctl(option, a, result != 0);
    return result;
}

/* ---- the family ---- */

static void thread_start(void)
{
    agent_event_add(&start_event);
    agent_event_add(&end_event);
    agent_event_add(&name_event);
    end_key_is_made = !pthread_key_create(&end_key, thread_end);
    await_end(); /* the main thread, too, may end by pthread_exit() */
}

const struct agent_family thread_family = {.name = "thread", .start = thread_start};
