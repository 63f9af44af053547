/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/thread_index.h"

#include <errno.h>
#include <stdlib.h>

int thread_index_build(struct thread_index *index, const struct trace *trace)
{
    const struct trace_thread *thread;
    uint32_t size = 16;

    *index = (struct thread_index){0};
    while (trace_thread_at(trace, index->count))
        index->count++;
    while (size < 2 * index->count)
        size *= 2;
    index->mask = size - 1;
    index->slots = calloc(size, sizeof(*index->slots));
    index->keys = calloc(size, sizeof(*index->keys));
    if (!index->slots || !index->keys) {
        thread_index_fini(index);
        return -ENOMEM;
    }
    for (uint32_t n = 0; (thread = trace_thread_at(trace, n)); n++) {
        uint32_t slot = thread_index_slot(index, thread->thread);

        while (index->slots[slot])
            slot = (slot + 1) & index->mask;
        index->slots[slot] = n + 1;
        index->keys[slot] = thread->thread;
    }
    return 0;
}

void thread_index_fini(struct thread_index *index)
{
    free(index->slots);
    free(index->keys);
    *index = (struct thread_index){0};
}
