/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian loads and stores at any alignment: every number of the trace file, of schemas and
 * of payloads passes through here, so that they read the same on a big-endian machine. On a
 * little-endian one they are plain moves. Touch nothing but their arguments: any thread, any
 * context.
 */
#ifndef ADATRACE_BASE_LE_H
#define ADATRACE_BASE_LE_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LE_SWAP(bits, value) __builtin_bswap##bits(value)
#else
#define LE_SWAP(bits, value) (value)
#endif

static inline uint16_t le16_load(const void *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return (uint16_t)LE_SWAP(16, value);
}

static inline uint32_t le32_load(const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return LE_SWAP(32, value);
}

static inline uint64_t le64_load(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return LE_SWAP(64, value);
}

static inline void le16_store(void *at, uint16_t value)
{
    value = (uint16_t)LE_SWAP(16, value);
    memcpy(at, &value, sizeof(value));
}

static inline void le32_store(void *at, uint32_t value)
{
    value = LE_SWAP(32, value);
    memcpy(at, &value, sizeof(value));
}

static inline void le64_store(void *at, uint64_t value)
{
    value = LE_SWAP(64, value);
    memcpy(at, &value, sizeof(value));
}

/* A number of `width` bytes, 1 to 8, zero-extended. */
static inline uint64_t le_load(const void *at, unsigned width)
{
    uint64_t value = 0;

    memcpy(&value, at, width);
    return LE_SWAP(64, value);
}

/* The low `width` bytes of `value`. */
static inline void le_store(void *at, uint64_t value, unsigned width)
{
    value = LE_SWAP(64, value);
    memcpy(at, &value, width);
}

#endif
