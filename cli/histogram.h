/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distribution of values from 0 to 2^64 - 1 in little memory, after the idea of HdrHistogram.
 *
 * Values below 32 are counted exactly; above, every power of two is divided into 32 equal buckets,
 * so a quantile, given as the middle of its bucket, is off by 1/64 of its value at most
 * (HISTOGRAM_ERROR). Memory is taken per power of two that occurs. One histogram belongs to one
 * thread.
 */
#ifndef ADATRACE_CLI_HISTOGRAM_H
#define ADATRACE_CLI_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 5,
    HISTOGRAM_BUCKETS = 1 << HISTOGRAM_BITS, /* per power of two */
    HISTOGRAM_POWERS = 64 - HISTOGRAM_BITS + 1,
};
#define HISTOGRAM_ERROR (1.0 / 64)

struct histogram {
    uint64_t *powers[HISTOGRAM_POWERS]; /* NULL: nothing there */
    uint64_t count;
};

/* The buckets of a power of two that occurs for the first time; NULL without memory. */
uint64_t *histogram_power_make(struct histogram *histogram, unsigned power);

/* 0 or -1 (no memory: the value is not counted). */
static inline int histogram_add(struct histogram *histogram, uint64_t value)
{
    unsigned bits = 63 - (unsigned)__builtin_clzll(value | 1);
    unsigned power = bits < HISTOGRAM_BITS ? 0 : bits - HISTOGRAM_BITS + 1;
    unsigned bucket = (unsigned)(value >> (power ? power - 1 : 0)) & (HISTOGRAM_BUCKETS - 1);
    uint64_t *buckets = histogram->powers[power];

    if (__builtin_expect(!buckets, 0) && !(buckets = histogram_power_make(histogram, power)))
        return -1;
    buckets[bucket]++;
    histogram->count++;
    return 0;
}

/* 0 or -1 (no memory: partly added). */
int histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that the share `quantile` (0 to 1) of all values does not pass; 0 when there is none.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

void histogram_fini(struct histogram *histogram);

#endif
