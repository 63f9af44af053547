/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of a trace as dense numbers from 0, for tables of the caller's: the numbers in the file
 * are whatever a file says. Built once, then only read by any thread; while the trace grows, one
 * thread adds to it and reads it.
 */
#ifndef ADATRACE_CLI_THREAD_INDEX_H
#define ADATRACE_CLI_THREAD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "format/trace_reader.h"

struct thread_index {
    size_t count;    /* threads; their numbers run from 0 in the order of trace_thread_at() */
    uint32_t *slots; /* hash table: dense number + 1, 0 for empty */
    uint32_t *keys;  /* the trace's number in the same slot */
    uint32_t mask;
};

static inline uint32_t thread_index_slot(const struct thread_index *index, uint32_t thread)
{
    return (uint32_t)(thread * UINT64_C(0x9e3779b97f4a7c15) >> 32) & index->mask;
}

int thread_index_build(struct thread_index *index, const struct trace *trace)
    __attribute__((warn_unused_result));
/* One more thread, the last of trace_thread_at() so far. 0 or -ENOMEM. */
int thread_index_add(struct thread_index *index, const struct trace *trace, uint32_t thread)
    __attribute__((warn_unused_result));
void thread_index_fini(struct thread_index *index);

enum { THREAD_INDEX_NONE = UINT32_MAX };

static inline uint32_t thread_index_find(const struct thread_index *index, uint32_t thread)
{
    uint32_t slot = thread_index_slot(index, thread);

    while (index->slots[slot] && index->keys[slot] != thread)
        slot = (slot + 1) & index->mask;
    return index->slots[slot] - 1; /* 0 - 1: THREAD_INDEX_NONE */
}

#endif
