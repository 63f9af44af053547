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

void life_clear(struct life *life)
{
    life->head.list.next = &life->head.list;
}

void life_add(struct life *life, struct segment *s)
{
    struct segment_life *node = &s->shared->life;

    if (!life->tid)
        return;
    /* In front: the list is whole at any moment. */
    node->next = (uint64_t)(uintptr_t)life->head.list.next;
    store_relaxed(&node->word, life->tid);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the kernel reads it in this thread */
    life->head.list.next = (struct robust_list *)(void *)&node->next;
}
