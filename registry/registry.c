/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/crash_point.h"
#include "base/tsan.h"
#include "registry/bell.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

/* ---- the traced thread ---- */

/* Before the slot is taken: the drain looks at it also if nothing more is heard of us. */
static void raise_touched(struct segment_shared *h, uint32_t to)
{
    uint32_t touched = load_relaxed(&h->slots_touched);

    /* relaxed: how far the drain has to look; what it finds there has edges of its own. Seen before
     * a bell is: Bell's fence. */
    while (touched < to && !compare_exchange_relaxed(&h->slots_touched, &touched, to))
        ;
}

/* relaxed: the bit is a hint; it is `claimer` that says who has the slot. */
static void bit_clear(uint64_t *bits, uint64_t bit)
{
    uint64_t now = load_relaxed(bits);

    while ((now & bit) && !compare_exchange_relaxed(bits, &now, now & ~bit)) {}
}

/*
 * Take a slot, by one exchange that says whose it is from now on: whoever is killed before it is
 * claimed, or before the bit is cleared, can be told from one who is slow.
 */
static bool slot_take(struct segment *s, uint32_t n, uint64_t claimer)
{
    uint64_t offered = SLOT_OFFERED;

    raise_touched(s->shared, n + 1);
    /* Ready. Acquire on success: the ring that the drain prepared is visible. Pairs with the
     * release of `claimer` in slot_offer(). */
    if (!compare_exchange_acquire(&s->slots[n].claimer, &offered, claimer))
        return false;
    CRASH_POINT("claim.bit");
    bit_clear(&s->shared->ready[n / 64], UINT64_C(1) << (n % 64));
    return true;
}

/* -1: none is ready. */
static int ready_take(struct segment *s, uint64_t claimer)
{
    for (uint32_t i = 0; i * 64 < s->geometry.slots; i++) {
        uint64_t bits = load_relaxed(&s->shared->ready[i]); /* relaxed: as in bit_clear() */

        for (; bits; bits &= bits - 1) {
            uint32_t n = i * 64 + (uint32_t)__builtin_ctzll(bits);

            if (n < s->geometry.slots && slot_take(s, n, claimer))
                return (int)n;
        }
    }
    return -1;
}

static void copy_name(struct slot_shared *slot, const char *name)
{
    size_t i = 0;

    for (; name && name[i] && i < sizeof(slot->name) - 1; i++)
        store_relaxed(&slot->name[i], name[i]);
    /* To the end: of a name that is being written, the rest is nobody's. */
    for (; i < sizeof(slot->name) && load_relaxed(&slot->name[i]); i++)
        store_relaxed(&slot->name[i], 0);
}

bool registry_death_is_told(void)
{
    int saved = errno;
    /* A list of a wrong size: refused where there are lists. */
    bool told = syscall(SYS_set_robust_list, NULL, 0) && errno != ENOSYS;

    errno = saved;
    return told;
}

/* Hold the slot's mutex for life. A robust mutex, because the kernel then marks it at the owner's
 * death: by exit, signal, exec or the end of the process, after every destructor has run. */
static bool hold_life(struct slot_shared *slot, bool is_over)
{
    pthread_mutexattr_t kind;

    memset(&slot->life, 0, sizeof(slot->life));
    if (pthread_mutexattr_init(&kind) ||
        pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) ||
        pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST))
        return false;
    if (pthread_mutex_init(&slot->life.mutex, &kind) || pthread_mutex_trylock(&slot->life.mutex))
        return false;
    if (!(load_relaxed(&slot->life.words[SEGMENT_LIFE_WORD]) & FUTEX_TID_MASK)) {
        pthread_mutex_unlock(&slot->life.mutex); /* a C library that keeps its futex elsewhere */
        return false;
    }
    if (!is_over)
        tsan_mutex_disown(&slot->life.mutex);
    return true;
}

static void let_go_of_life(struct slot_shared *slot)
{
    tsan_mutex_own(&slot->life.mutex);
    pthread_mutex_unlock(&slot->life.mutex);
}

/*
 * Our id, which the mutex is held by. In a child of a raw clone the C library still takes us for
 * our parent's thread, and the kernel knows of no mutexes of ours: such a life is none. A process's
 * first thread needs no system call to know.
 */
static uint32_t life_owner(struct slot_shared *slot, const struct registry_claim *claim)
{
    uint32_t held = load_relaxed(&slot->life.words[SEGMENT_LIFE_WORD]) & FUTEX_TID_MASK;
    uint32_t tid;

    if (!claim->parent_pid || held == claim->pid)
        return held;
    tid = (uint32_t)syscall(SYS_gettid);
    if (tid != held) {
        let_go_of_life(slot);
        slot->robust = 0;
    }
    return tid;
}

int registry_claim(struct segment *s, const struct registry_claim *claim)
{
    struct slot_shared *slot;
    int n;

    if (load_relaxed(&s->shared->closed))
        return -ESHUTDOWN;
    n = ready_take(s, claim->pid | (uint64_t)claim->parent_pid << 32);
    if (n < 0) {
        bell_ring(&s->shared->bell); /* more are needed */
        return -EAGAIN;
    }
    CRASH_POINT("claim.taken");
    slot = &s->slots[n];
    /* Death. The ready bit is the edge; but a drain elsewhere set it, out of sight. */
    if (!claim->is_over)
        tsan_acquire(&slot->life);
    slot->robust = claim->robust && hold_life(slot, claim->is_over) ? SEGMENT_LIFE_WORD + 1 : 0;
    CRASH_POINT("claim.life");
    slot->pid = claim->pid;
    slot->tid = claim->tid;
    if (!slot->tid && slot->robust)
        slot->tid = life_owner(slot, claim);
    slot->parent_pid = claim->parent_pid;
    slot->claim_ticks = claim->ticks;
    slot->name_changes = 0;
    copy_name(slot, claim->name);
    CRASH_POINT("claim.told");
    /* Claim. Release: who we are is visible before the slot counts as claimed. Pairs with the
     * acquire in registry_look(). */
    store_release(&slot->state, SLOT_CLAIMED);
    CRASH_POINT("claim.claimed");
    /* Bell. Full fence: a drain that arms it after this look sees the claim before it sleeps. */
    fence_seq_cst();
    bell_ring(&s->shared->bell);
    return n;
}

void registry_rename(struct segment *s, uint32_t n, const char *name)
{
    struct slot_shared *slot = &s->slots[n];

    copy_name(slot, name);
    /* Name. Release: pairs with the acquire in registry_look(). */
    store_release(&slot->name_changes, load_relaxed(&slot->name_changes) + 1);
}

void registry_leave(struct segment *s, uint32_t n)
{
    tsan_release(&s->slots[n].life);
}

void registry_retire(struct segment *s, uint32_t n)
{
    /* The thread lives on: the next owner's mutex must not lie in this thread's list of robust
     * ones. */
    if (s->slots[n].robust)
        let_go_of_life(&s->slots[n]);
    registry_leave(s, n);
    /* Retire. Release: our last record is visible before. Pairs with the acquire in
     * registry_look(). */
    store_release(&s->slots[n].state, SLOT_RETIRED);
}

void registry_unringed(struct segment *s, uint64_t bytes)
{
    /* Unringed. Release: whoever counts the record finds its bytes. Pairs with the acquire in
     * registry_unringed_read(). */
    add_relaxed(&s->shared->unringed_bytes, bytes);
    add_release(&s->shared->unringed, 1);
}

/* ---- the drain ---- */

uint64_t registry_unringed_read(const struct segment *s, uint64_t *bytes)
{
    /* Unringed. Acquire: pairs with the release in registry_unringed(). */
    uint64_t records = load_acquire(&s->shared->unringed);

    *bytes = load_relaxed(&s->shared->unringed_bytes);
    return records;
}

static off_t ring_offset(const struct segment *s, uint32_t n, uint64_t at)
{
    return segment_ring_data(s, n) + at - (unsigned char *)s->shared;
}

/* Without changing the size, which it has from the beginning. */
static int file_allocate(struct segment *s, uint32_t n, uint64_t from, uint64_t to)
{
    int fd = s->fd >= 0 ? segment_file(s) : -1;

    if (s->fd >= 0 && fd < 0)
        return s->is_memfd ? 0 : fd; /* of a memfd memory comes as it is touched */
    while (fd >= 0 &&
           fallocate(fd, FALLOC_FL_KEEP_SIZE, ring_offset(s, n, from), (off_t)(to - from)))
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* Cleared and in our page table, and so where the thread finds sixteen of them with one fault. In a
 * process that drains itself the table is the thread's own. */
static int memory_populate(struct segment *s, uint32_t n, uint64_t from, uint64_t to)
{
    unsigned char *data = segment_ring_data(s, n);

    if (!madvise(data + from, to - from, MADV_POPULATE_WRITE))
        return 0;
    return errno == EINVAL ? file_allocate(s, n, from, to) : -errno; /* Linux before 5.14 */
}

int registry_extend(struct segment *s, uint32_t n, uint64_t bytes)
{
    int err;

    if (bytes > s->geometry.ring_bytes)
        bytes = s->geometry.ring_bytes;
    if (!s->is_memfd || s->there_bytes[n] >= bytes)
        return 0;
    err = memory_populate(s, n, s->there_bytes[n], bytes);
    if (err)
        return err;
    s->there_bytes[n] = bytes;
    /* relaxed: it only says what is quick to touch. */
    store_relaxed(&s->slots[n].ring.touched_bytes, bytes);
    return 0;
}

int registry_reserve(struct segment *s, uint32_t n, uint64_t from, uint64_t to)
{
    return s->is_memfd ? 0 : file_allocate(s, n, from, to);
}

void registry_give_back(struct segment *s, uint32_t n, uint64_t from, uint64_t to)
{
    const uint64_t page = 64 * 1024 - 1; /* of the largest pages there are */

    from = (from + page) & ~page;
    to &= ~page;
    if (s->there_bytes[n] > from) /* before it is so: to say less costs a fault */
        s->there_bytes[n] = from;
    store_relaxed(&s->slots[n].ring.touched_bytes, s->there_bytes[n]);
    /* By its address: what a descriptor of ours leads to by now may be a file of the program's. */
    if (s->fd >= 0 && from < to)
        (void)madvise(segment_ring_data(s, n) + from, to - from, MADV_REMOVE);
}

/* Allocate before anybody touches: a full filesystem is our error here, and the program's SIGBUS
 * otherwise. A memfd knows no such fault, there it saves the thread time: its beginning is enough
 * until the thread turns out to write much. */
static int allocate_beginning(struct segment *s, uint32_t n)
{
    int err;

    if (s->is_memfd)
        return registry_extend(s, n, REGISTRY_EAGER_BYTES);
    if (s->prepared[n] & SEGMENT_RING_ALLOCATED)
        return 0;
    err = file_allocate(s, n, 0, s->geometry.ring_bytes);
    if (!err)
        s->prepared[n] |= SEGMENT_RING_ALLOCATED;
    return err;
}

/* The bit first: whoever takes the slot clears it. A thread that finds the bit and not yet the slot
 * looks for another one. */
static void slot_offer(struct segment *s, uint32_t n)
{
    s->prepared[n] |= SEGMENT_RING_READY;
    or_relaxed(&s->shared->ready[n / 64], UINT64_C(1) << (n % 64));
    /* Ready. Release: the formatted ring is visible before it can be taken. Pairs with the exchange
     * in slot_take(). */
    store_release(&s->slots[n].claimer, SLOT_OFFERED);
}

static void format_slot(struct segment *s, uint32_t n)
{
    const struct segment_geometry *g = &s->geometry;
    const struct ring_options options = {
        .policy = g->policy,
        .timeout_ns = g->timeout_ns,
        .base_bytes = g->ring_bytes,
        .low_bytes = s->is_memfd && g->ring_bytes > REGISTRY_BUSY_BYTES ? REGISTRY_BUSY_BYTES : 0,
    };

    if (s->prepared[n] & SEGMENT_RING_READY)
        return;
    ring_format_at(&s->slots[n].ring, segment_ring_data(s, n), segment_ring_capacity(g), &options);
    s->slots[n].ring.touched_bytes = s->there_bytes[n];
    slot_offer(s, n);
}

static bool is_taken(const struct segment *s, uint32_t n)
{
    /* relaxed: whoever takes it just now gets a ring that is allocated in any case. */
    return (s->prepared[n] & SEGMENT_RING_READY) &&
           load_relaxed(&s->slots[n].claimer) != SLOT_OFFERED;
}

/* Slots are taken from the lowest number up, and made ready in the same order. */
static int make_ready(struct segment *s, unsigned ahead, bool allocate)
{
    unsigned ready = 0;
    int err = 0;

    for (uint32_t n = 0; n < s->geometry.slots && ready < ahead; n++) {
        if (is_taken(s, n))
            continue;
        err = allocate ? allocate_beginning(s, n) : 0;
        if (err)
            break;
        format_slot(s, n);
        ready++;
    }
    if (allocate)
        /* relaxed: who does not see it waits for another moment. */
        store_relaxed(&s->shared->no_memory, err && !ready);
    return ready || !err ? (int)ready : err;
}

int registry_prepare(struct segment *s, unsigned ahead)
{
    return make_ready(s, ahead, true);
}

void registry_spare(struct segment *s, unsigned ahead)
{
    if (s->is_memfd)
        (void)!make_ready(s, ahead, false);
}

int registry_set_policy(struct segment *s, enum ring_policy policy, uint64_t timeout_ns)
{
    int err = 0;

    /* Before anything is changed: readers and rings to come go by the geometry. */
    if ((policy == RING_OVERWRITE) != (s->geometry.policy == RING_OVERWRITE))
        return -ENOTSUP;
    s->geometry.policy = policy;
    s->geometry.timeout_ns = timeout_ns;
    /* relaxed: for threads without a ring, slot_may_come(). */
    store_relaxed(&s->shared->policy, (uint32_t)policy);
    store_relaxed(&s->shared->timeout_ns, timeout_ns);
    for (uint32_t n = 0; n < s->geometry.slots && !err; n++)
        if (s->prepared[n] & SEGMENT_RING_READY)
            err = ring_set_policy(&s->slots[n].ring, policy, timeout_ns);
    return err;
}

uint32_t registry_bound(const struct segment *s)
{
    /* Untrusted: bounded by our own knowledge. relaxed: how far to look, see raise_touched(). */
    uint32_t touched = load_relaxed(&s->shared->slots_touched);

    return touched < s->geometry.slots ? touched : s->geometry.slots;
}

bool registry_look(const struct segment *s, uint32_t n, struct registry_view *view)
{
    const struct slot_shared *slot = &s->slots[n];
    /* Claim, Retire. Acquire: pairs with the releases in registry_claim() and registry_retire(). */
    uint32_t state = load_acquire(&slot->state), life;

    if (state != SLOT_CLAIMED && state != SLOT_RETIRED)
        return false;
    view->state = (enum slot_state)state;
    /* Untrusted: which word it is, is looked up in what we know. */
    life = load_relaxed(&slot->robust);
    view->robust = life && life <= SEGMENT_LIFE_WORDS;
    /* Death. Acquire: the kernel marked the word after the thread's last store, so all of its
     * records are visible to who sees the mark. */
    view->dead = view->robust && (load_acquire(&slot->life.words[life - 1]) & FUTEX_OWNER_DIED);
    if (view->dead)
        tsan_acquire(&s->slots[n].life);
    view->generation = load_relaxed(&slot->generation);
    view->pid = load_relaxed(&slot->pid);
    view->tid = load_relaxed(&slot->tid);
    view->parent_pid = load_relaxed(&slot->parent_pid);
    view->claim_ticks = load_relaxed(&slot->claim_ticks);
    /* Name. Acquire: pairs with the release in registry_rename(). */
    view->name_changes = load_acquire(&slot->name_changes);
    for (size_t i = 0; i < sizeof(view->name); i++)
        view->name[i] = load_relaxed(&slot->name[i]);
    view->name[sizeof(view->name) - 1] = 0;
    return true;
}

bool registry_claimer(const struct segment *s, uint32_t n, uint32_t *pid, uint32_t *parent_pid)
{
    /* relaxed: its death, which decides, is an edge by itself. */
    uint64_t claimer = load_relaxed(&s->slots[n].claimer);

    if (claimer == SLOT_OFFERED || !(s->prepared[n] & SEGMENT_RING_READY) ||
        load_relaxed(&s->slots[n].state) != SLOT_FREE)
        return false;
    *pid = (uint32_t)claimer;
    *parent_pid = (uint32_t)(claimer >> 32);
    return true;
}

void registry_free(struct segment *s, uint32_t n)
{
    struct slot_shared *slot = &s->slots[n];

    store_relaxed(&slot->generation, load_relaxed(&slot->generation) + 1);
    /* relaxed: nobody may claim it before registry_prepare() offers it, and that is a release.
     * Until then `claimer` is who had it last. */
    store_relaxed(&slot->state, SLOT_FREE);
    s->prepared[n] &= (uint8_t)~SEGMENT_RING_READY;
}
