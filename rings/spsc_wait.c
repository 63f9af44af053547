/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting, waking, and the end.
 *
 * Who works never fences: a store and a look at whether the other side sleeps would need a full
 * one for every record. Who goes to sleep does it for both, with membarrier(2). Where that cannot
 * be had, sleeps are naps.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "rings/spsc.h"

enum {
    NAP_NS = 1000 * 1000,           /* nobody can be fenced: it may have been missed */
    ROOM_NAP_NS = 10 * 1000 * 1000, /* a reader who stops midway wakes no writer */
    SPINS_A_LOOK = 32,
};

bool spsc_fence_register(void)
{
    return !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

bool spsc_fence_everybody(void)
{
    fence_seq_cst();
    return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

/* Not FUTEX_PRIVATE_FLAG: rings and the kernel's list of robust words are of several processes. */
void spsc_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                               .tv_nsec = (long)(timeout_ns % 1000000000)};

    syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ns == ADA_FOREVER ? NULL : &timeout, NULL,
            0);
}

void spsc_futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool spsc_end_is_over(const struct spsc_end *end)
{
    /* Over. Acquire: what the holder published is visible. Pairs with warden_release(), and with
     * the kernel at its death. */
    return load_acquire(&end->attention.life) & FUTEX_OWNER_DIED;
}

/* True: there was somebody, who is called. */
static bool call(uint32_t *life, uint32_t *bell)
{
    uint32_t before = __atomic_fetch_and(life, ~FUTEX_WAITERS, __ATOMIC_ACQ_REL);

    if (!(before & FUTEX_WAITERS))
        return false;
    if (bell) {
        add_acq_rel(bell, 1);
        life = bell;
    }
    spsc_futex_wake(life);
    return true;
}

void spsc_wake_reader(struct ada_ring *r)
{
    int saved = errno;

    (void)call(&r->writer_end->attention.life, r->bell);
    errno = saved;
}

void spsc_wake_writer(struct ada_ring *r)
{
    struct spsc_end *end = &r->shared->reader;
    int saved = errno;

    /* A good piece of room at once: a writer that is woken for every record costs both. */
    if ((int64_t)(r->r.tail - load_relaxed(&end->wake_at)) >= 0 || r->r.tail == r->r.head)
        (void)call(&end->attention.life, NULL);
    errno = saved;
}

void ada_ring_shutdown(struct ada_ring *r)
{
    union spsc_attention *ends[] = {&r->writer_end->attention, &r->shared->reader.attention};
    int saved = errno;

    for (int i = 0; i < 2; i++)
        /* Closed. Release: what we published before is visible. Pairs with look_once_more(). */
        store_release(&ends[i]->closed, 1);
    /* Nap. Full fence: pairs with the one in sleep_on(). */
    fence_seq_cst();
    (void)call(&ends[0]->life, r->bell);
    (void)call(&ends[1]->life, NULL);
    errno = saved;
}

struct waiting {
    struct ada_ring *ring;
    uint64_t bytes; /* to be written; 0: to read */
    uint32_t *life; /* of the side that we wait for */
    uint64_t start_ns, timeout_ns, nap_ns;
};

/* 1: what we wait for is there; 0; or an error. */
static int look(const struct waiting *w)
{
    struct ada_ring *r = w->ring;
    struct ada_ring_record record;
    int got;

    if (!w->bytes)
        return ada_ring_peek(r, &record);
    if (load_acquire(&r->writer_end->attention.closed))
        return -EPIPE;
    got = spsc_make_room(r, w->bytes);
    if (got)
        return got;
    if (!spsc_end_is_over(r->consumer))
        return 0;
    got = spsc_make_room(r, w->bytes); /* what it gave back before */
    return got ? got : -EPIPE;
}

static int spin(const struct waiting *w)
{
    uint64_t until = w->ring->spin_ns < w->timeout_ns ? w->ring->spin_ns : w->timeout_ns;
    int got = look(w);

    while (!got && clock_monotonic_ns() - w->start_ns < until) {
        for (int i = 0; i < SPINS_A_LOOK && !got; i++) {
            cpu_relax();
            got = look(w);
        }
    }
    return got;
}

/* Announce ourselves, look for the last time, sleep. */
static int sleep_on(const struct waiting *w)
{
    uint64_t spent = clock_monotonic_ns() - w->start_ns, left = w->nap_ns;
    uint32_t word;
    bool fenced;
    int got;

    if (spent >= w->timeout_ns)
        return -ETIMEDOUT;
    if (w->timeout_ns != ADA_FOREVER && w->timeout_ns - spent < left)
        left = w->timeout_ns - spent;
    word = __atomic_or_fetch(w->life, FUTEX_WAITERS, __ATOMIC_ACQ_REL);
    /* Nap. Full fence, ours and the other side's: either it sees us sleep, or we see what it has
     * done. Pairs with publish(), ada_ring_release() and ada_ring_shutdown(). */
    fenced = spsc_fence_everybody() && !load_relaxed(&w->ring->shared->naps);
    if (!fenced && left > NAP_NS)
        left = NAP_NS;
    got = look(w);
    if (!got)
        spsc_futex_wait(w->life, word, left);
    return got;
}

static int wait_for(struct waiting *w)
{
    int saved = errno, got;

    w->start_ns = clock_monotonic_ns();
    got = spin(w);
    while (!got)
        if (!(got = sleep_on(w)))
            got = look(w);
    errno = saved;
    return got < 0 ? got : 0;
}

int ada_ring_wait(struct ada_ring *r, uint64_t timeout_ns)
{
    struct waiting w = {.ring = r,
                        .life = &r->writer_end->attention.life,
                        .timeout_ns = timeout_ns,
                        .nap_ns = ADA_FOREVER};

    return wait_for(&w);
}

int ada_ring_wait_room(struct ada_ring *r, size_t bytes, uint64_t timeout_ns)
{
    struct waiting w = {.ring = r,
                        .bytes = spsc_record_bytes(bytes),
                        .life = &r->shared->reader.attention.life,
                        .timeout_ns = timeout_ns,
                        .nap_ns = ROOM_NAP_NS};
    uint64_t piece = r->capacity / 8 > w.bytes ? r->capacity / 8 : w.bytes;

    if (bytes > r->record_max)
        return -EMSGSIZE;
    /* relaxed: the fence of who sleeps is in front of the reader's look at it. */
    store_relaxed(&r->shared->reader.wake_at, r->w.tail + piece);
    return wait_for(&w);
}
