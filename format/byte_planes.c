/* SPDX-License-Identifier: Apache-2.0 */
#include "format/byte_planes.h"

#include <string.h>

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

unsigned planes_varying(const uint64_t *values, uint32_t count)
{
    uint64_t differing = 0;

    for (uint32_t i = 0; i < count; i++)
        differing |= values[i] ^ values[0];
    return planes_of(differing);
}

/* ---- plainly ---- */

static void plane_put(unsigned char *restrict out, const uint64_t *restrict values, uint32_t count,
                      unsigned shift)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (unsigned char)(values[i] >> shift);
}

static void plane_put32(unsigned char *restrict out, const uint32_t *restrict values,
                        uint32_t count, unsigned shift)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (unsigned char)(values[i] >> shift);
}

unsigned char *planes_put_plainly(unsigned char *out, const void *values, uint32_t count,
                                  unsigned mask, unsigned bytes)
{
    for (unsigned b = 0; b < bytes; b++) {
        if (!(mask >> b & 1))
            continue;
        if (bytes == sizeof(uint64_t))
            plane_put(out, values, count, 8 * b);
        else
            plane_put32(out, values, count, 8 * b);
        out += count;
    }
    return out;
}

/* ---- sixteen at a time ---- */

#if defined(__has_builtin) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLES 1
#endif
#endif

#ifdef HAVE_SHUFFLES

enum { STEP = 16, FEW_PLANES = 2 };

typedef unsigned char bytes16 __attribute__((vector_size(16)));

ALWAYS_INLINE bytes16 interleave_low(bytes16 a, bytes16 b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

ALWAYS_INLINE bytes16 interleave_high(bytes16 a, bytes16 b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

/* A perfect shuffle of all bytes: the bits of each one's place rotate by one. */
ALWAYS_INLINE void shuffle(bytes16 *restrict to, const bytes16 *restrict from, unsigned vectors)
{
    for (unsigned i = 0; i < vectors / 2; i++) {
        to[2 * i] = interleave_low(from[i], from[i + vectors / 2]);
        to[2 * i + 1] = interleave_high(from[i], from[i + vectors / 2]);
    }
}

/* Four shuffles bring the number of the byte in front and that of the element behind: byte b of
 * element e moves from place (e, b) to place (b, e). */
ALWAYS_INLINE void transpose(bytes16 *vectors, unsigned bytes)
{
    bytes16 other[sizeof(uint64_t)];

    shuffle(other, vectors, bytes);
    shuffle(vectors, other, bytes);
    shuffle(other, vectors, bytes);
    shuffle(vectors, other, bytes);
}

ALWAYS_INLINE unsigned char *planes_transpose(unsigned char *out, const unsigned char *values,
                                              uint32_t count, unsigned mask, unsigned bytes)
{
    uint32_t whole = count - count % STEP;

    for (uint32_t i = 0; i < whole; i += STEP) {
        bytes16 vectors[sizeof(uint64_t)];
        unsigned char *plane = out + i;

        memcpy(vectors, values + (size_t)i * bytes, (size_t)STEP * bytes);
        transpose(vectors, bytes);
        for (unsigned b = 0; b < bytes; b++)
            if (mask >> b & 1) {
                memcpy(plane, &vectors[b], sizeof(vectors[b]));
                plane += count;
            }
    }
    for (unsigned b = 0; b < bytes; b++)
        if (mask >> b & 1) {
            for (uint32_t i = whole; i < count; i++)
                out[i] = values[(size_t)i * bytes + b];
            out += count;
        }
    return out;
}

unsigned char *planes_put(unsigned char *out, const void *values, uint32_t count, unsigned mask,
                          unsigned bytes)
{
    /* A plane or two are cheaper by themselves: a shift, and seven eighths thrown away. */
    if (__builtin_popcount(mask) <= FEW_PLANES)
        return planes_put_plainly(out, values, count, mask, bytes);
    return bytes == sizeof(uint64_t) ? planes_transpose(out, values, count, mask, sizeof(uint64_t))
                                     : planes_transpose(out, values, count, mask, sizeof(uint32_t));
}

#else

unsigned char *planes_put(unsigned char *out, const void *values, uint32_t count, unsigned mask,
                          unsigned bytes)
{
    return planes_put_plainly(out, values, count, mask, bytes);
}

#endif
