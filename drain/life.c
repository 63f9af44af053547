/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/life.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"

void life_begin(struct life *life)
{
    life->head = (struct robust_list_head){
        .list = {.next = &life->head.list},
        .futex_offset =
            offsetof(struct segment_life, word) - (long)offsetof(struct segment_life, next),
    };
    life->tid = (uint32_t)gettid();
    /* Instead of the C library's list: this thread holds none of its robust mutexes. */
    if (syscall(SYS_set_robust_list, &life->head, sizeof(life->head)))
        life->tid = 0;
}

void life_end(struct life *life)
{
    life->tid = 0; /* the list stays: the kernel reads it in a moment */
}

/* Between two stores: the kernel reads them in this thread, when that dies there. */
static void kernel_may_look(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* relaxed: programs read nothing else by it. */
static void word_set(struct segment *s, uint32_t tid)
{
    store_relaxed(&s->shared->life.word, tid);
}

static struct robust_list *link_of(struct segment *s)
{
    return (struct robust_list *)(void *)&s->shared->life.next;
}

static void link_set(struct segment *s, const struct robust_list *next)
{
    s->shared->life.next = (uint64_t)(uintptr_t)next;
}

void life_clear(struct life *life)
{
    life->head.list.next = &life->head.list;
}

void life_add(struct life *life, struct segment *s)
{
    if (!life->tid) {
        word_set(s, 0); /* it may say that of an earlier drain */
        return;
    }
    link_set(s, life->head.list.next);
    kernel_may_look();
    life->head.list.next = link_of(s);
    kernel_may_look();
    word_set(s, life->tid);
}

void life_drop(struct life *life, const struct segment *s)
{
    if (life->tid)
        life->head.list.next = (struct robust_list *)(uintptr_t)s->shared->life.next;
}

void life_link(struct life *life, struct segment *s, struct segment *behind)
{
    if (!life->tid)
        return;
    link_set(s, behind ? link_of(behind) : &life->head.list);
    word_set(s, life->tid);
    kernel_may_look();
}

void life_link_first(struct life *life, struct segment *first)
{
    if (life->tid)
        life->head.list.next = first ? link_of(first) : &life->head.list;
}
