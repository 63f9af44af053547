/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming a producer, and ceasing to be one. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <unistd.h>

#include "rings/fanin_memory.h"
#include "rings/warden.h"

/* The calling thread's memberships, as a list. */
static pthread_key_t members_key;
static bool has_key;

static void leave_slot(struct ada_fanin *f, uint32_t slot);

static void thread_ends(void *list)
{
    for (struct fanin_member *m = list, *next; m; m = next) {
        next = m->next;
        leave_slot(m->fanin, (uint32_t)(m - m->fanin->members));
    }
}

static void key_make(void)
{
    has_key = !pthread_key_create(&members_key, thread_ends);
}

static int member_add(struct ada_fanin *f, uint32_t slot)
{
    struct fanin_member *m = &f->members[slot];

    m->fanin = f;
    m->next = pthread_getspecific(members_key);
    return -pthread_setspecific(members_key, m);
}

static void member_remove(struct ada_fanin *f, uint32_t slot)
{
    struct fanin_member *gone = &f->members[slot], *list = pthread_getspecific(members_key);

    if (list == gone) {
        (void)pthread_setspecific(members_key, gone->next);
        return;
    }
    for (; list; list = list->next)
        if (list->next == gone)
            list->next = gone->next;
}

/* Take a free slot's life word. False: it is taken. */
static bool slot_take(struct ada_fanin *f, struct spsc_end *end, uint32_t *tid, int *err)
{
    uint32_t life = load_relaxed(&end->attention.life), mine = (uint32_t)gettid();

    *err = 0;
    if (life & ~FUTEX_WAITERS)
        return false;
    if (!f->is_private) {
        *err = warden_hold(end, false, tid);
        if (*err == -EBUSY)
            *err = 0;
        else if (!*err)
            return true;
        return false;
    }
    *tid = mine;
    do {
        if (life & ~FUTEX_WAITERS)
            return false;
        /* Free. Acquire: the consumer has done with this ring. Pairs with slot_free(). */
    } while (!compare_exchange(&end->attention.life, &life, mine | (life & FUTEX_WAITERS)));
    store_relaxed(&end->pid, (uint32_t)getpid()); /* relaxed: for people */
    store_relaxed(&end->left, 0);
    add_relaxed(&end->generation, 1);
    return true;
}

static int slot_begin(struct ada_fanin *f, uint32_t slot, uint32_t tid, struct ada_ring **out)
{
    struct ada_ring *r = &f->writers[slot];
    union spsc_attention calm = {.both = 0};
    int err = spsc_handle_begin(r);

    if (!err)
        err = member_add(f, slot);
    if (err) {
        leave_slot(f, slot);
        return err;
    }
    store_relaxed(&f->shared->slot[slot].tid, (uint32_t)gettid()); /* relaxed: for people */
    calm.life = tid;
    r->w.calm = calm.both;
    add_relaxed(&f->shared->joined, 1); /* relaxed: a figure */
    *out = r;
    return 0;
}

int ada_fanin_join(struct ada_fanin *f, struct ada_ring **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint32_t tid;
    int err;

    pthread_once(&once, key_make);
    if (!has_key)
        return -ENOMEM;
    /* relaxed: who shuts down need not be seen at once. */
    if (load_relaxed(&f->shared->closed))
        return -EPIPE;
    for (uint32_t i = 0; i < f->slots; i++) {
        if (slot_take(f, &f->shared->slot[i], &tid, &err))
            return slot_begin(f, i, tid, out);
        if (err)
            return err;
    }
    add_relaxed(&f->shared->refused, 1); /* relaxed: a figure */
    return -EAGAIN;
}

static void leave_slot(struct ada_fanin *f, uint32_t slot)
{
    struct spsc_end *end = &f->shared->slot[slot];
    uint32_t life;

    ada_ring_rollback(&f->writers[slot]);
    if (!f->is_private) {
        warden_release(end);
        life = FUTEX_WAITERS; /* it may have been there */
    } else {
        store_relaxed(&end->left, 1); /* relaxed: for people */
        /* Over. Release: what we published is visible. Pairs with poll_slot(). */
        life = exchange_acq_rel(&end->attention.life, FUTEX_OWNER_DIED);
    }
    if (life & FUTEX_WAITERS) {
        add_acq_rel(&f->shared->bell, 1);
        spsc_futex_wake(&f->shared->bell);
    }
}

void ada_fanin_leave(struct ada_fanin *f, struct ada_ring *ring)
{
    uint32_t slot = (uint32_t)(ring - f->writers);

    member_remove(f, slot);
    leave_slot(f, slot);
}
