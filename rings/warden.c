/* SPDX-License-Identifier: Apache-2.0 */
#include "rings/warden.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rings/spsc_map.h"

enum { STACK_BYTES = 64 * 1024 };

static struct warden {
    pthread_mutex_t lock;
    pthread_t thread;
    unsigned held;
    uint32_t tid; /* 0: not known yet; futex */
    uint32_t end; /* 1: it has to end; futex */
    struct robust_list_head list;
} warden = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* In a forked child there is no such thread, and the lock may be anybody's. */
static void child_begin(void)
{
    memset(&warden, 0, sizeof(warden));
    pthread_mutex_init(&warden.lock, NULL);
}

static void child_prepare(void)
{
    pthread_atfork(NULL, NULL, child_begin);
}

static void *live(void *unused)
{
    uint32_t tid = (uint32_t)gettid();

    (void)unused;
    /* Instead of the C library's list: this thread locks none of its mutexes. */
    if (syscall(SYS_set_robust_list, &warden.list, sizeof(warden.list)))
        tid = FUTEX_TID_MASK; /* no thread has it */
    /* Begun. Release: the list is set. Pairs with begin(). */
    store_release(&warden.tid, tid);
    spsc_futex_wake(&warden.tid);
    /* Ended. Acquire: pairs with finish(). */
    while (!load_acquire(&warden.end))
        spsc_futex_wait(&warden.end, 0, ADA_FOREVER);
    return NULL;
}

static void finish(void)
{
    /* Ended. Release: the list is empty. Pairs with live(). */
    store_release(&warden.end, 1);
    spsc_futex_wake(&warden.end);
    pthread_join(warden.thread, NULL);
}

static int begin(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int err;

    warden.tid = warden.end = 0;
    warden.list = (struct robust_list_head){.list = {.next = &warden.list.list},
                                            .futex_offset = SPSC_SHADOW_BYTES};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&warden.thread, &attributes, live, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (err)
        return -EAGAIN;
    /* Begun. Acquire: pairs with live(). */
    while (!load_acquire(&warden.tid))
        spsc_futex_wait(&warden.tid, 0, ADA_FOREVER);
    if (warden.tid != FUTEX_TID_MASK)
        return 0;
    finish();
    return -ENOSYS;
}

/* The private link that belongs to an end's word. */
static struct robust_list *link_of(struct spsc_end *end)
{
    return (void *)((unsigned char *)end - SPSC_SHADOW_BYTES);
}

static void link_in(struct robust_list *link)
{
    link->next = warden.list.list.next;
    /* The list is whole at any moment: the kernel may read it now. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    warden.list.list.next = link;
}

/* False: it is not there. Only our own list tells what we hold: the word lies where others write.
 */
static bool link_out(const struct robust_list *link)
{
    struct robust_list *at = &warden.list.list;

    while (at->next != link) {
        at = at->next;
        if (at == &warden.list.list)
            return false;
    }
    at->next = link->next;
    return true;
}

/* Take the word. Whoever sleeps on it, for what its holder does, goes on sleeping. */
static int word_take(struct spsc_end *end, bool again)
{
    uint32_t life = load_relaxed(&end->attention.life), mine;

    do {
        if (life & FUTEX_TID_MASK || (life & FUTEX_OWNER_DIED && !again))
            return -EBUSY;
        mine = warden.tid | (life & FUTEX_WAITERS);
        /* Over. Acquire: what the last holder published is visible. Release: pairs with look(). */
    } while (!compare_exchange(&end->attention.life, &life, mine));
    return 0;
}

int warden_hold(struct spsc_end *end, bool again, uint32_t *tid)
{
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    int err = 0;

    pthread_once(&prepared, child_prepare);
    pthread_mutex_lock(&warden.lock);
    if (!warden.held)
        err = begin();
    if (err)
        goto out;
    /* Of this process nobody else can take it while we have the lock, and a link is linked once. */
    if (load_relaxed(&end->attention.life) & FUTEX_TID_MASK) {
        err = -EBUSY;
        goto unused;
    }
    link_in(link_of(end)); /* first: there is no moment in which our death would not be seen */
    err = word_take(end, again);
    if (err) {
        (void)link_out(link_of(end));
        goto unused;
    }
    warden.held++;
    *tid = warden.tid;
    /* relaxed: for people. */
    store_relaxed(&end->pid, (uint32_t)getpid());
    store_relaxed(&end->left, 0);
    add_relaxed(&end->generation, 1);
unused:
    if (!warden.held)
        finish();
out:
    pthread_mutex_unlock(&warden.lock);
    return err;
}

void warden_release(struct spsc_end *end)
{
    uint32_t life;

    pthread_mutex_lock(&warden.lock);
    /* A child that was forked holds nothing. */
    if (!warden.held || !link_out(link_of(end)))
        goto out;
    life = load_relaxed(&end->attention.life);
    if ((life & FUTEX_TID_MASK) == warden.tid) {
        store_relaxed(&end->left, 1); /* relaxed: for people */
        /* Over. Release: what we published is visible. Pairs with spsc_end_is_over(). */
        life = exchange_acq_rel(&end->attention.life, FUTEX_OWNER_DIED);
        if (life & FUTEX_WAITERS)
            spsc_futex_wake(&end->attention.life);
    }
    if (!--warden.held)
        finish();
out:
    pthread_mutex_unlock(&warden.lock);
}
