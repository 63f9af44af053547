/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic operations, and what stands in for the clock, the C library and the kernel. */
#include "explorer_threads.h"

#undef malloc
#undef free
#undef memcpy
#undef memset
#undef __atomic_load_n
#undef __atomic_store_n
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 1 << 16, TIMEOUT_STEP_NS = 600 * 1000 * 1000 };

static uint64_t raw_read(const volatile void *p, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)(uintptr_t)p, size);
    return value;
}

static void raw_write(volatile void *p, size_t size, uint64_t value)
{
    memcpy((void *)(uintptr_t)p, &value, size);
}

static uint64_t mask_of(size_t size)
{
    return size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static bool acquires(unsigned order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(unsigned order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

/* Shared by the model? Then everything that may come before it has come. */
static bool is_step(const volatile void *p, bool stores)
{
    enum region_kind kind;
    bool by_design;

    if (!model_thread)
        return false;
    thread_writes_settle();
    kind = memory_region((uintptr_t)p, &by_design);
    if (kind != REGION_NONE)
        thread_point(stores && kind == REGION_SHARED);
    return kind == REGION_SHARED;
}

static uint64_t message_read(struct place *p, unsigned message, bool acquire)
{
    memory_check_race(&model_thread->views, model_self(), p, false, false);
    return memory_read(&model_thread->views, model_self(), p, message, acquire);
}

uint64_t model_load(struct model_site *site, const volatile void *p, size_t size)
{
    struct step step = {.kind = STEP_LOAD};
    struct thread *t;
    unsigned shift, message;
    uint64_t value;

    site->reached++;
    if (!is_step(p, false))
        return raw_read(p, size);
    t = model_thread;
    step.place = memory_place((uintptr_t)p, size, &shift);
    message = t->spins ? memory_oldest(&t->views, step.place) : step_take(&step);
    views_tick(&t->views, model_self());
    value = message_read(step.place, message, acquires(site->weak));
    if (model_traces && !t->spins)
        model_trace(site, "load", step.place, value, step.place->messages[message].event);
    if (!t->spins)
        step_done(step.place, false, step.place->messages[message].event);
    return value >> shift & mask_of(size);
}

/* A value in a part of a place, with the rest of it as it is. */
static uint64_t merged(const struct place *p, unsigned shift, size_t size, uint64_t value)
{
    uint64_t newest = p->messages[p->count - 1].value, mask = mask_of(size) << shift;

    return (newest & ~mask) | (value << shift & mask);
}

static void store(struct model_site *site, struct place *place, volatile void *p, size_t size,
                  unsigned shift, uint64_t value, const struct message *read)
{
    struct thread *t = model_thread;

    memory_check_race(&t->views, model_self(), place, true, false);
    value = merged(place, shift, size, value);
    memory_write(&t->views, model_self(), place, value, site && releases(site->weak), read,
                 step_number());
    raw_write(p, size, value >> shift);
    if (model_traces)
        model_trace(site, read ? "update" : "store", place, value, read ? read->event : -1);
    step_done(place, true, read ? read->event : -1);
}

void model_store(struct model_site *site, volatile void *p, size_t size, uint64_t value)
{
    struct step step = {.kind = STEP_STORE};
    unsigned shift;

    site->reached++;
    if (!is_step(p, true)) {
        raw_write(p, size, value);
        return;
    }
    model_thread->spins = false;
    step.place = memory_place((uintptr_t)p, size, &shift);
    (void)step_take(&step);
    views_tick(&model_thread->views, model_self());
    store(site, step.place, p, size, shift, value, NULL);
}

static uint64_t updated(unsigned kind, uint64_t old, uint64_t value)
{
    return kind == MODEL_ADD ? old + value : kind == MODEL_OR ? old | value : value;
}

uint64_t model_update(struct model_site *site, volatile void *p, size_t size, uint64_t value)
{
    struct step step = {.kind = STEP_UPDATE};
    unsigned shift, message;
    uint64_t old;

    site->reached++;
    if (!is_step(p, true)) {
        old = raw_read(p, size);
        raw_write(p, size, updated(site->kind, old, value));
        return old;
    }
    model_thread->spins = false;
    step.place = memory_place((uintptr_t)p, size, &shift);
    message = step_take(&step);
    views_tick(&model_thread->views, model_self());
    old = message_read(step.place, message, acquires(site->weak)) >> shift & mask_of(size);
    store(site, step.place, p, size, shift, updated(site->kind, old, value),
          &step.place->messages[message]);
    return old;
}

static bool raw_cas(volatile void *p, size_t size, uint64_t *expected, uint64_t desired)
{
    uint64_t old = raw_read(p, size);

    if (old == *expected) {
        raw_write(p, size, desired);
        return true;
    }
    *expected = old;
    return false;
}

bool model_cas(struct model_site *site, volatile void *p, size_t size, uint64_t *expected,
               uint64_t desired)
{
    struct step step = {.kind = STEP_CAS};
    unsigned shift, message;
    uint64_t old;
    bool done;

    site->reached++;
    *expected &= mask_of(size);
    if (!is_step(p, true))
        return raw_cas(p, size, expected, desired);
    model_thread->spins = false;
    step.place = memory_place((uintptr_t)p, size, &shift);
    step.expected = *expected << shift;
    step.expected_mask = mask_of(size) << shift;
    message = step_take(&step);
    views_tick(&model_thread->views, model_self());
    done = (step.place->messages[message].value & step.expected_mask) == step.expected;
    /* That fails is relaxed. */
    old = message_read(step.place, message, done && acquires(site->weak));
    if (done) {
        store(site, step.place, p, size, shift, desired, &step.place->messages[message]);
        return true;
    }
    *expected = old >> shift & mask_of(size);
    if (model_traces)
        model_trace(site, "no update", step.place, old, step.place->messages[message].event);
    step_done(step.place, model_thread->too_late, step.place->messages[message].event);
    return false;
}

void model_fence(struct model_site *site)
{
    const struct step step = {.kind = STEP_FENCE, .place = &model_fences};

    site->reached++;
    if (!model_thread || site->weak == __ATOMIC_RELAXED)
        return;
    thread_writes_settle();
    model_thread->spins = false;
    if (site->weak != __ATOMIC_SEQ_CST) {
        memory_fence(&model_thread->views, site->weak);
        return;
    }
    thread_point(false);
    (void)step_take(&step);
    memory_fence(&model_thread->views, site->weak);
    if (model_traces)
        model_trace(site, "fence", NULL, 0, -1);
    step_done(&model_fences, true, -1);
}

/* ---- clock, pauses ---- */

uint64_t model_ticks(void)
{
    return model_thread ? ++model_thread->ticks : 1;
}

/* To look again and again is the same as to look once, later. */
void model_pause(void)
{
    if (model_thread)
        model_thread->spins = true;
}

int model_clock(clockid_t clock, struct timespec *out)
{
    uint64_t now = model_thread ? model_thread->clock_ns : 1;

    (void)clock;
    if (model_thread)
        model_thread->spins = false;
    out->tv_sec = (time_t)(now / 1000000000);
    out->tv_nsec = (long)(now % 1000000000);
    return 0;
}

/* ---- the kernel ---- */

/* The kernel's own full fence, which it needs between its queue and the word. */
static void kernel_fence(void)
{
    memory_fence(&model_thread->views, __ATOMIC_SEQ_CST);
}

static void sleep_on(struct place *p, uint32_t value, unsigned shift)
{
    const struct step sleep = {.kind = STEP_SLEEP, .place = p};
    const struct step resume = {.kind = STEP_RESUME, .place = p};
    struct thread *t = model_thread;
    bool sleeps;

    t->woken = false;
    (void)step_take(&sleep);
    kernel_fence();
    memory_see_newest(&t->views, p);
    sleeps = (uint32_t)(p->messages[p->count - 1].value >> shift) == value;
    if (model_traces)
        model_trace(NULL, sleeps ? "sleeps" : "stays up", p, p->messages[p->count - 1].value, -1);
    step_done(p, true, -1);
    if (!sleeps)
        return;
    (void)step_take(&resume);
    kernel_fence();
    if (!t->woken)
        t->clock_ns += TIMEOUT_STEP_NS;
    if (model_traces)
        model_trace(NULL, t->woken ? "is woken" : "wakes up", p, 0, -1);
    step_done(p, true, -1);
}

static void wake_on(struct place *p)
{
    const struct step wake = {.kind = STEP_WAKE, .place = p};

    (void)step_take(&wake);
    kernel_fence();
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (model_threads[i].step.kind == STEP_RESUME && model_threads[i].step.place == p &&
            model_threads[i].state == THREAD_RUNS)
            model_threads[i].woken = true;
    if (model_traces)
        model_trace(NULL, "wakes", p, 0, -1);
    step_done(p, true, -1);
}

long model_syscall(long number, ...)
{
    uint32_t *word;
    uint32_t value;
    int operation;
    unsigned shift;
    struct place *p;
    va_list list;

    if (!model_thread)
        return 0;
    model_thread->spins = false;
    if (number == SYS_gettid)
        return (long)model_self() + 100;
    va_start(list, number);
    word = va_arg(list, uint32_t *);
    operation = va_arg(list, int);
    value = va_arg(list, uint32_t);
    va_end(list);
    if (!is_step(word, false))
        return 0;
    p = memory_place((uintptr_t)word, sizeof(*word), &shift);
    if ((operation & 127) == FUTEX_WAIT)
        sleep_on(p, value, shift);
    else
        wake_on(p);
    return 0;
}

/* ---- the C library ---- */

/* What is allocated before the threads begin lives as long as the execution. */
static unsigned char kept[KEPT_BYTES] __attribute__((aligned(64)));
static size_t kept_used;

void *model_malloc(size_t bytes)
{
    void *memory = kept + kept_used;

    if (!model_thread && bytes <= KEPT_BYTES / 2)
        kept_used = (kept_used + bytes + 63) & ~(size_t)63;
    if (kept_used > KEPT_BYTES / 2) {
        kept_used = (bytes + 63) & ~(size_t)63;
        return kept;
    }
    return memory;
}

void model_free(void *memory)
{
    (void)memory;
}

static struct model_site lock_site = {.file = "the C library",
                                      .function = "pthread_mutex",
                                      .kind = MODEL_EXCHANGE,
                                      .order = __ATOMIC_ACQ_REL,
                                      .weak = __ATOMIC_ACQ_REL};

int model_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *kind)
{
    (void)kind;
    model_store(&lock_site, (uint32_t *)(void *)mutex, 4, 0);
    return 0;
}

int model_mutex_trylock(pthread_mutex_t *mutex)
{
    uint64_t expected = 0;

    return model_cas(&lock_site, (uint32_t *)(void *)mutex, 4, &expected, model_self() + 100)
               ? 0
               : EBUSY;
}

int model_mutex_unlock(pthread_mutex_t *mutex)
{
    (void)model_update(&lock_site, (uint32_t *)(void *)mutex, 4, 0);
    return 0;
}
