/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/type_names.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct trace_type *left = *(const struct trace_type *const *)a;
    const struct trace_type *right = *(const struct trace_type *const *)b;
    int order = strcmp(left->full_name, right->full_name);

    if (order)
        return order;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Sorted, so that a file with very many types takes no longer than it has to. */
uint32_t *type_names_make(const struct trace *trace)
{
    size_t count = trace_type_count(trace);
    const struct trace_type **sorted = calloc(count + 1, sizeof(*sorted));
    uint32_t *first = calloc(count + 1, sizeof(*first));

    if (!sorted || !first) {
        free(first);
        first = NULL;
        goto out;
    }
    for (size_t n = 0; n < count; n++)
        sorted[n] = trace_type_at(trace, n);
    qsort(sorted, count, sizeof(const struct trace_type *), by_name);
    for (size_t n = 0; n < count; n++) {
        bool same = n && strcmp(sorted[n - 1]->full_name, sorted[n]->full_name) == 0;

        first[sorted[n]->index] = same ? first[sorted[n - 1]->index] : sorted[n]->index;
    }
out:
    free(sorted);
    return first;
}
