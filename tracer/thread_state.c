/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per-thread state. A thread is in one of five states, told by what ada_self points to:
 *
 *     none     -> no_ring: nothing fits, every emit comes here
 *     claimed  -> its writer in wiped memory
 *     wiped    -> its writer, zeroed: the process is a forked child that has not noticed
 *     muted    -> muted_ring: nothing fits, and nothing is to be claimed
 *     (dead)      the kernel has marked the slot's robust mutex; the drain frees the slot
 *
 * none and wiped become claimed at the first emit or tracer_thread_begin(). No destructor takes a
 * thread back to none: events come after every destructor, and keep coming through.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/tsan.h"
#include "registry/bell.h"
#include "registry/registry.h"
#include "registry/slot_wait.h"
#include "tracer/tracer_state.h"

/* Where threads without a ring point. Never written: nothing fits in it. */
static struct ada_writer no_ring;
/* Where those point that may not even read the time. Never written. */
static struct ada_writer muted_ring;

__thread struct ada_writer *ada_self __attribute__((tls_model("initial-exec"))) = &no_ring;

struct tracer_state tracer_state;

/* Where the main thread's stack begins, as the dynamic linker knows it. */
extern void *__libc_stack_end __attribute__((weak));

uint64_t tracer_ticks(void)
{
    if (ADA_UNLIKELY(tracer_thread_is_muted()))
        return 0;
    /* Before attaching nobody has said what the clock is: an event cannot be on then either. */
    return tracer_state.segment.geometry.clock == SEGMENT_CLOCK_MONOTONIC ? clock_monotonic_ns()
                                                                          : ada_ticks();
}

bool tracer_clock_is_counter(void)
{
    return tracer_state.segment.geometry.clock != SEGMENT_CLOCK_MONOTONIC;
}

bool tracer_is_attached(void)
{
    /* Attached. Acquire: pairs with the release in tracer_attach_segment(). */
    return load_acquire(&tracer_state.attached);
}

uint32_t tracer_pid(void)
{
    return tracer_state.pid;
}

/* ---- under ThreadSanitizer: the thread's last act that it can still see ---- */

static struct {
    pthread_key_t key;
    bool is_made;
} last_act;
static __thread bool last_act_is_done __attribute__((tls_model("initial-exec")));

static void last_act_await(uintptr_t round)
{
    if (last_act.is_made)
        (void)pthread_setspecific(last_act.key, (void *)round);
}

/* One round before the last one, in which the thread ends for ThreadSanitizer. */
static void last_act_do(void *round)
{
    struct ada_writer *w = ada_self;

    if ((uintptr_t)round + 1 < PTHREAD_DESTRUCTOR_ITERATIONS)
        last_act_await((uintptr_t)round + 1);
    else
        last_act_is_done = true;
    if (w->ring)
        registry_leave(&tracer_state.segment, w->slot);
}

/* ---- attaching and forking ---- */

int tracer_attach_prepare(void)
{
    struct wiped_memory *wiped;

    if (tracer_state.wiped)
        return 0;
    wiped = mmap(NULL, sizeof(*wiped), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wiped == MAP_FAILED)
        return -errno;
    if (madvise(wiped, sizeof(*wiped), MADV_WIPEONFORK)) {
        int err =
            -errno; /* Linux before 4.14: without it a child would write into its parent's rings */

        munmap(wiped, sizeof(*wiped));
        return err;
    }
    tracer_state.wiped = wiped;
    return 0;
}

int tracer_attach_segment(const struct segment *segment)
{
    int err;

    if (tracer_is_attached())
        return 0;
    err = tracer_attach_prepare();
    if (err)
        return err;
    tracer_state.wiped->ours = 1;
    tracer_state.segment = *segment;
    tracer_state.pid = (uint32_t)getpid();
    tracer_state.death_is_told = registry_death_is_told();
    if (tsan_is_here())
        last_act.is_made = !pthread_key_create(&last_act.key, last_act_do);
    CRASH_POINT("attach.mapped");
    /* Attached. Release: pairs with the acquire in tracer_is_attached(). */
    store_release(&tracer_state.attached, 1);
    event_switches_refresh();
    return 0;
}

/* A forked child becomes a process of its own: one thread does it, the one that takes the mark. */
static void notice_fork(void)
{
    uint32_t parent = tracer_state.pid;

    if (exchange_acq_rel(&tracer_state.wiped->ours, 1))
        return;
    tracer_state.parent_pid = parent;
    tracer_state.forks++;
    CRASH_POINT("fork.noticed");
    tracer_state.pid = (uint32_t)getpid();
    event_types_fork_child();
}

void tracer_fork_child(void)
{
    if (tracer_is_attached())
        notice_fork();
}

/* ---- claiming ---- */

/* No frame of the thread's stack lies above. Not guessed from a frame: the first event may be a
 * handler's, on an alternate stack above all of them. The C libraries keep what they know of a
 * thread, to which pthread_self() points, at the upper end of its stack. */
static uint64_t stack_top_of(uint32_t tid)
{
    if (tid == tracer_state.pid && &__libc_stack_end && __libc_stack_end)
        return (uint64_t)(uintptr_t)__libc_stack_end;
    return (uint64_t)(uintptr_t)pthread_self();
}

/* Point the thread, which points to `before`, at slot n; unless a handler that interrupted us has
 * got it a ring already: its records stand there, and ours, which has none, is given back. */
static struct ada_writer *adopt_slot(uint32_t n, struct ada_writer *before)
{
    struct segment *s = &tracer_state.segment;
    struct ada_writer *w = &tracer_state.wiped->writers[n];

    ring_writer_init(w, &s->slots[n].ring, s->geometry.clock == SEGMENT_CLOCK_COUNTER);
    w->data = segment_ring_data(s, n);
    w->bell = &s->shared->bell;
    w->life = &s->shared->life.word;
    w->slot = n;
    w->generation = load_relaxed(&s->slots[n].generation);
    w->stack_top = stack_top_of(s->slots[n].tid);
    CRASH_POINT("thread.adopting");
    ring_touch(w, w->mask + 1);
    ADA_SIGNAL_FENCE();
    /* One instruction against our handlers; no other thread looks at it. */
    if (compare_exchange(&ada_self, &before, w))
        return w;
    w->ring = NULL;
    registry_retire(s, n);
    return before->ring ? before : NULL;
}

/* Policy block: a ring is waited for, as room in one is; unless a handler that comes meanwhile gets
 * the thread one. `before`: what the thread points to. */
static int claim_slot(const struct registry_claim *who, const struct ada_writer *before)
{
    struct segment *s = &tracer_state.segment;
    struct slot_wait wait = {0};
    int n;

    while ((n = registry_claim(s, who)) == -EAGAIN && ada_self == before && slot_may_come(s)) {
        if (load_relaxed(&tracer_state.waited_in_vain))
            break;
        if (!slot_wait(s, &wait))
            store_relaxed(&tracer_state.waited_in_vain, 1);
    }
    if (n >= 0 && load_relaxed(&tracer_state.waited_in_vain))
        store_relaxed(&tracer_state.waited_in_vain, 0);
    return n;
}

static struct ada_writer *claim(const char *name)
{
    struct registry_claim who = {.name = name, .robust = tracer_state.death_is_told};
    struct ada_writer *before = ada_self;
    int n;

    if (!tracer_is_attached() || load_relaxed(&tracer_state.stopped))
        return NULL;
    notice_fork();
    who.is_over = last_act_is_done;
    if (!who.is_over)
        last_act_await(1); /* also when there is no ring: the agent asks again at the very end */
    who.pid = tracer_state.pid;
    who.parent_pid = tracer_state.parent_pid;
    who.ticks = tracer_ticks();
    if (!who.robust)
        who.tid = (uint32_t)gettid();
    n = claim_slot(&who, before);
    if (n >= 0)
        return adopt_slot((uint32_t)n, before);
    /* The last one may have gone to a handler of ours. */
    return ada_self->ring ? ada_self : NULL;
}

struct ada_writer *thread_writer(void)
{
    struct ada_writer *w = ada_self;

    if (w->ring)
        return w;
    return w == &muted_ring ? NULL : claim(NULL);
}

void tracer_thread_begin(const char *name)
{
    if (!ada_self->ring && !tracer_thread_is_muted())
        (void)claim(name);
}

bool tracer_thread_is_muted(void)
{
    return ada_self == &muted_ring;
}

void tracer_thread_mute(bool muted)
{
    struct ada_writer *w = ada_self;

    if (muted == tracer_thread_is_muted())
        return;
    ada_self = muted ? &muted_ring : &no_ring;
    ADA_SIGNAL_FENCE();
    if (w->ring)
        registry_retire(&tracer_state.segment, w->slot);
}

void tracer_silence(void)
{
    if (tracer_is_attached())
        bell_silence(&tracer_state.segment.shared->bell);
}

void tracer_thread_named(const char *name)
{
    struct ada_writer *w = thread_writer();

    if (w)
        registry_rename(&tracer_state.segment, w->slot, name);
}

int tracer_tell(enum arena_kind kind, const void *head, size_t head_bytes, const void *tail,
                size_t tail_bytes)
{
    if (!tracer_is_attached())
        return -ENOTCONN;
    return arena_append(&tracer_state.segment, kind, head, head_bytes, tail, tail_bytes);
}
