/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer of many rings, and who only looks. */
#include <errno.h>
#include <linux/futex.h>

#include "base/clock.h"
#include "rings/fanin_memory.h"
#include "rings/warden.h"

enum {
    DEATH_NAP_NS = 100 * 1000 * 1000, /* the kernel's mark on a slot wakes nobody */
    UNFENCED_NAP_NS = 1000 * 1000,
    SPIN_NS = 2000,
};

int fanin_consume(struct ada_fanin *f)
{
    uint32_t tid;
    int err;

    if (f->consumes)
        return 0;
    if (!f->is_private) {
        err = warden_hold(&f->shared->consumer, true, &tid);
        if (err)
            return err;
        /* The one before us may have gone on since we attached. */
        for (uint32_t i = 0; i < f->slots; i++)
            (void)!spsc_handle_begin(&f->readers[i]);
    }
    f->consumes = true;
    return 0;
}

static uint32_t slot_life(const struct ada_fanin *f, uint32_t slot)
{
    /* Over. Acquire: what the producer published before it ended is visible. Pairs with
     * leave_slot(), warden_release(), and the kernel at its death. */
    return load_acquire(&f->shared->slot[slot].attention.life);
}

/* ---- polling ---- */

struct polling {
    ada_fanin_visit visit;
    void *context;
    const struct spsc_end *end;
    struct ada_fanin_producer who;
    bool stop;
};

static void name(const struct spsc_end *end, uint32_t slot, struct ada_fanin_producer *who)
{
    /* relaxed: stored before the first record was published, or before the end. */
    *who = (struct ada_fanin_producer){slot, load_relaxed(&end->generation),
                                       load_relaxed(&end->pid), load_relaxed(&end->tid)};
}

static int show(void *context, const struct ada_ring_record *record)
{
    struct polling *p = context;

    name(p->end, p->who.index, &p->who);
    p->stop = p->visit(p->context, &p->who, record) != 0;
    return p->stop;
}

/* Nobody writes to the ring any more, and all was read: the next one may have it. */
static void slot_free(struct ada_fanin *f, uint32_t slot)
{
    struct ada_ring *r = &f->readers[slot];
    struct spsc_end *end = &f->shared->slot[slot];
    uint32_t life = load_relaxed(&end->attention.life);

    /* What a scribbler made of the index is not the next one's trouble. */
    if (load_relaxed(&r->shared->head) != r->r.tail) {
        r->shared->written[0] = r->shared->written[1] = (struct spsc_count){r->r.tail, r->r.read};
        store_relaxed(&r->shared->head, r->r.tail); /* relaxed: freeing orders it */
    }
    r->r.head = r->r.at = r->r.tail;
    r->r.other = r->r.muted = 0;
    /* Free. Release: we have done with this ring. Pairs with slot_take() and word_take(). */
    while (!compare_exchange(&end->attention.life, &life, life & FUTEX_WAITERS))
        ;
}

static bool index_is_nonsense(const struct ada_ring *r)
{
    uint64_t head = load_relaxed(&r->shared->head); /* relaxed: judged, not followed */

    return head - r->r.at > r->capacity || head & 7;
}

/* Records read, or an error that ends nothing. */
static int64_t poll_slot(struct ada_fanin *f, uint32_t slot, struct polling *p, uint64_t max)
{
    const struct spsc_end *end = &f->shared->slot[slot];
    uint32_t life = slot_life(f, slot);
    struct ada_ring *r = &f->readers[slot];
    int64_t got;

    if (!(life & ~FUTEX_WAITERS))
        return 0;
    p->end = end;
    p->who.index = slot;
    got = r->r.muted ? -EBADMSG : ada_ring_drain(r, show, p, max);
    /* Damaged records were passed over; of an index that is nonsense nothing can be. */
    r->r.muted = got == -EBADMSG && index_is_nonsense(r);
    if (r->r.muted && life & FUTEX_OWNER_DIED)
        got = -EPIPE;
    if (got == -EPIPE && life & FUTEX_OWNER_DIED) {
        name(end, slot, &p->who);
        p->stop = p->visit(p->context, &p->who, NULL) != 0;
        slot_free(f, slot);
    }
    return got < 0 ? 0 : got;
}

static bool is_empty(const struct ada_fanin *f)
{
    for (uint32_t i = 0; i < f->slots; i++)
        /* Publish. Acquire: as in head_refresh(). */
        if (slot_life(f, i) & FUTEX_OWNER_DIED ||
            (load_acquire(&f->readers[i].shared->head) != f->readers[i].r.at &&
             !f->readers[i].r.muted))
            return false;
    return true;
}

/* Shut down, and nothing more to come. */
static bool is_over(const struct ada_fanin *f)
{
    /* Closed. Acquire: pairs with ada_fanin_shutdown(). */
    return load_acquire(&f->shared->closed) && is_empty(f);
}

int64_t ada_fanin_poll(struct ada_fanin *f, ada_fanin_visit visit, void *context, uint64_t max)
{
    struct polling p = {.visit = visit, .context = context};
    uint32_t first = f->first;
    int64_t records = 0;
    int err = fanin_consume(f);

    if (err)
        return err;
    f->first = first + 1 == f->slots ? 0 : first + 1;
    for (uint32_t n = 0; n < f->slots && !p.stop; n++)
        records += poll_slot(f, (first + n) % f->slots, &p, max);
    return !records && is_over(f) ? -EPIPE : records;
}

/* ---- waiting ---- */

/* 1: there is something; 0; -EPIPE. */
static int look(const struct ada_fanin *f)
{
    return !is_empty(f) ? 1 : is_over(f) ? -EPIPE : 0;
}

/* Announce ourselves to all, also to those who are to come, look for the last time, sleep. */
static int sleep_on(struct ada_fanin *f, uint64_t left_ns)
{
    /* relaxed: the fence below orders it. */
    uint32_t bell = load_relaxed(&f->shared->bell);
    int got;

    for (uint32_t i = 0; i < f->slots; i++)
        __atomic_fetch_or(&f->shared->slot[i].attention.life, FUTEX_WAITERS, __ATOMIC_ACQ_REL);
    /* Nap. Full fence, ours and the producers': as in spsc_wait.c. */
    if (!spsc_fence_everybody() || load_relaxed(&f->readers[0].shared->naps))
        left_ns = left_ns < UNFENCED_NAP_NS ? left_ns : UNFENCED_NAP_NS;
    got = look(f);
    if (!got)
        spsc_futex_wait(&f->shared->bell, bell, left_ns < DEATH_NAP_NS ? left_ns : DEATH_NAP_NS);
    return got;
}

int ada_fanin_wait(struct ada_fanin *f, uint64_t timeout_ns)
{
    uint64_t start_ns = clock_monotonic_ns(), spent;
    int saved = errno, got = fanin_consume(f);

    if (got)
        return got;
    while (!(got = look(f)) && clock_monotonic_ns() - start_ns < SPIN_NS)
        cpu_relax();
    while (!got) {
        spent = clock_monotonic_ns() - start_ns;
        if (spent >= timeout_ns)
            got = -ETIMEDOUT;
        else if (!(got = sleep_on(f, timeout_ns - spent)))
            got = look(f);
    }
    errno = saved;
    return got < 0 ? got : 0;
}

/* ---- any thread ---- */

void ada_fanin_shutdown(struct ada_fanin *f)
{
    int saved = errno;

    /* Closed. Release: pairs with is_over(). */
    store_release(&f->shared->closed, 1);
    for (uint32_t i = 0; i < f->slots; i++)
        ada_ring_shutdown(&f->readers[i]);
    add_acq_rel(&f->shared->bell, 1);
    spsc_futex_wake(&f->shared->bell);
    errno = saved;
}

void ada_fanin_stats(const struct ada_fanin *f, struct ada_fanin_stats *stats)
{
    *stats = (struct ada_fanin_stats){.producers_max = f->slots,
                                      .capacity = f->capacity,
                                      .joined = load_relaxed(&f->shared->joined),
                                      .refused = load_relaxed(&f->shared->refused)};
    for (uint32_t i = 0; i < f->slots; i++)
        stats->producers += (slot_life(f, i) & ~FUTEX_WAITERS) != 0;
}

int ada_fanin_producers_visit(const struct ada_fanin *f,
                              int (*visit)(void *context, const struct ada_fanin_producer *producer,
                                           const struct ada_ring_snapshot *ring),
                              void *context)
{
    int stop = 0;

    for (uint32_t i = 0; i < f->slots && !stop; i++) {
        const struct spsc_end *end = &f->shared->slot[i];
        struct ada_ring_snapshot snapshot;
        struct ada_fanin_producer who;

        if (!(slot_life(f, i) & ~FUTEX_WAITERS))
            continue;
        name(end, i, &who);
        ada_ring_snapshot(&f->readers[i], &snapshot);
        stop = visit(context, &who, &snapshot);
    }
    return stop;
}
