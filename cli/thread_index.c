/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/thread_index.h"

#include <errno.h>
#include <stdlib.h>

static void slot_fill(struct thread_index *index, uint32_t thread, uint32_t n)
{
    uint32_t slot = thread_index_slot(index, thread);

    while (index->slots[slot])
        slot = (slot + 1) & index->mask;
    index->slots[slot] = n + 1;
    index->keys[slot] = thread;
}

static int index_make(struct thread_index *index, const struct trace *trace, size_t count,
                      uint32_t size)
{
    *index = (struct thread_index){.count = count, .mask = size - 1};
    index->slots = calloc(size, sizeof(*index->slots));
    index->keys = calloc(size, sizeof(*index->keys));
    if (!index->slots || !index->keys) {
        thread_index_fini(index);
        return -ENOMEM;
    }
    for (uint32_t n = 0; n < count; n++)
        slot_fill(index, trace_thread_at(trace, n)->thread, n);
    return 0;
}

int thread_index_build(struct thread_index *index, const struct trace *trace)
{
    size_t count = 0;
    uint32_t size = 16;

    while (trace_thread_at(trace, count))
        count++;
    while (size < 2 * count)
        size *= 2;
    return index_make(index, trace, count, size);
}

int thread_index_add(struct thread_index *index, const struct trace *trace, uint32_t thread)
{
    struct thread_index larger;

    if (2 * (index->count + 1) <= index->mask) {
        slot_fill(index, thread, (uint32_t)index->count++);
        return 0;
    }
    if (index_make(&larger, trace, index->count + 1, 2 * (index->mask + 1)) != 0)
        return -ENOMEM;
    thread_index_fini(index);
    *index = larger;
    return 0;
}

void thread_index_fini(struct thread_index *index)
{
    free(index->slots);
    free(index->keys);
    *index = (struct thread_index){0};
}
