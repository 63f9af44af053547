/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int timeline_grow(struct timeline *timeline)
{
    size_t capacity = timeline->capacity ? 2 * timeline->capacity : 4096;
    struct timeline_entry *entries =
        reallocarray(timeline->entries, capacity, sizeof(*timeline->entries));

    if (!entries)
        return -ENOMEM;
    timeline->entries = entries;
    timeline->capacity = capacity;
    return 0;
}

void timeline_fini(struct timeline *timeline)
{
    free(timeline->entries);
    *timeline = (struct timeline){0};
}

/* The end of the run of never decreasing times that starts at `from`. */
static size_t run_end(const struct timeline_entry *entries, size_t from, size_t count)
{
    size_t at = from + 1;

    while (at < count && entries[at - 1].ticks <= entries[at].ticks)
        at++;
    return at < count ? at : count;
}

static void merge(const struct timeline_entry *a, size_t a_count, const struct timeline_entry *b,
                  size_t b_count, struct timeline_entry *out)
{
    while (a_count && b_count) {
        if (a->ticks <= b->ticks) {
            *out++ = *a++;
            a_count--;
        } else {
            *out++ = *b++;
            b_count--;
        }
    }
    memcpy(out, a, a_count * sizeof(*a));
    memcpy(out + a_count, b, b_count * sizeof(*b));
}

/* One round: neighbouring runs become one. Returns how many runs are left. */
static size_t runs_merge(const struct timeline_entry *from, struct timeline_entry *to, size_t count)
{
    size_t runs = 0;

    for (size_t start = 0; start < count; runs++) {
        size_t middle = run_end(from, start, count);
        size_t end = middle < count ? run_end(from, middle, count) : middle;

        merge(from + start, middle - start, from + middle, end - middle, to + start);
        start = end;
    }
    return runs;
}

/* A natural merge sort: blocks are sorted in themselves, so there are few runs. */
int timeline_sort(struct timeline *timeline)
{
    struct timeline_entry *other;

    if (timeline->count < 2 || run_end(timeline->entries, 0, timeline->count) == timeline->count)
        return 0;
    other = calloc(timeline->count, sizeof(*other));
    if (!other)
        return -ENOMEM;
    for (size_t runs = 2; runs > 1;) {
        struct timeline_entry *sorted = other;

        runs = runs_merge(timeline->entries, other, timeline->count);
        other = timeline->entries;
        timeline->entries = sorted;
    }
    free(other);
    timeline->capacity = timeline->count;
    return 0;
}
