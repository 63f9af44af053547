/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things that have to be looked at in the order of time, although blocks of different threads come
 * in the order of the file. Collected as they come, sorted once; entries of equal time keep their
 * order. One timeline belongs to one thread.
 */
#ifndef ADATRACE_CLI_TIMELINE_H
#define ADATRACE_CLI_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

struct timeline_entry {
    uint64_t ticks;
    uint64_t key, value; /* the caller's, as are the others */
    uint32_t space;
    uint32_t number : 28, kind : 4;
};

struct timeline {
    struct timeline_entry *entries;
    size_t count, capacity;
};

/* Room for one more. 0 or -ENOMEM. */
int timeline_grow(struct timeline *timeline) __attribute__((warn_unused_result));

static inline int timeline_add(struct timeline *timeline, const struct timeline_entry *entry)
{
    if (__builtin_expect(timeline->count == timeline->capacity, 0) && timeline_grow(timeline))
        return -1;
    timeline->entries[timeline->count++] = *entry;
    return 0;
}

/* 0 or -ENOMEM. */
int timeline_sort(struct timeline *timeline) __attribute__((warn_unused_result));
void timeline_fini(struct timeline *timeline);

#endif
