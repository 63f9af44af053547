/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/histogram.h"

#include <math.h>
#include <stdlib.h>

uint64_t *histogram_power_make(struct histogram *histogram, unsigned power)
{
    histogram->powers[power] = calloc(HISTOGRAM_BUCKETS, sizeof(uint64_t));
    return histogram->powers[power];
}

int histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned p = 0; p < HISTOGRAM_POWERS; p++) {
        if (!from->powers[p])
            continue;
        if (!into->powers[p] && !histogram_power_make(into, p))
            return -1;
        for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
            into->powers[p][b] += from->powers[p][b];
    }
    into->count += from->count;
    return 0;
}

/* Middle of a bucket. Power p > 0 starts at 2^(p + BITS - 1) and its buckets are 2^(p - 1) wide. */
static uint64_t bucket_middle(unsigned power, unsigned bucket)
{
    uint64_t width;

    if (!power)
        return bucket;
    width = UINT64_C(1) << (power - 1);
    return (HISTOGRAM_BUCKETS + (uint64_t)bucket) * width + width / 2;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    double exact = ceil(quantile * (double)histogram->count);
    uint64_t rank = exact < 1 ? 1 : (uint64_t)exact, seen = 0;

    for (unsigned p = 0; p < HISTOGRAM_POWERS; p++) {
        for (unsigned b = 0; histogram->powers[p] && b < HISTOGRAM_BUCKETS; b++) {
            seen += histogram->powers[p][b];
            if (seen >= rank)
                return bucket_middle(p, b);
        }
    }
    return 0;
}

void histogram_fini(struct histogram *histogram)
{
    for (unsigned p = 0; p < HISTOGRAM_POWERS; p++)
        free(histogram->powers[p]);
    *histogram = (struct histogram){0};
}
