/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte planes: byte b of many numbers, one after another. What docs/FORMAT.md calls PLANES.
 *
 * Written with the compiler's vector extensions where it has them, sixteen numbers at a time, and
 * once more plainly: the two give the same bytes, which a test compares. Pure functions; any
 * thread. `out` may lie at any address and overlaps nothing.
 */
#ifndef ADATRACE_FORMAT_BYTE_PLANES_H
#define ADATRACE_FORMAT_BYTE_PLANES_H

#include <stddef.h>
#include <stdint.h>

/* The byte positions of a number that are not 0: a bit for each, the lowest byte's is bit 0. */
static inline unsigned planes_of(uint64_t number)
{
    unsigned mask = 0;

    for (unsigned b = 0; b < 8; b++)
        mask |= (unsigned)((number >> (8 * b) & 0xFF) != 0) << b;
    return mask;
}

/* Which byte positions differ between values. */
unsigned planes_varying(const uint64_t *values, uint32_t count);

/*
 * Append a plane of `count` bytes for every bit of `mask`, in ascending order, of numbers that have
 * `bytes` bytes: 8 (uint64_t) or 4 (uint32_t). Returns the end of what was written.
 */
unsigned char *planes_put(unsigned char *out, const void *values, uint32_t count, unsigned mask,
                          unsigned bytes);

/* The plain twin. */
unsigned char *planes_put_plainly(unsigned char *out, const void *values, uint32_t count,
                                  unsigned mask, unsigned bytes);

#endif
