/* SPDX-License-Identifier: Apache-2.0 */
#include "format/xxh64.h"

#include "base/le.h"

static const uint64_t prime1 = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t prime2 = UINT64_C(0xC2B2AE3D27D4EB4F);
static const uint64_t prime3 = UINT64_C(0x165667B19E3779F9);
static const uint64_t prime4 = UINT64_C(0x85EBCA77C2B2AE63);
static const uint64_t prime5 = UINT64_C(0x27D4EB2F165667C5);

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t lane_mix(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * prime2, 31) * prime1;
}

static uint64_t lane_merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ lane_mix(0, lane)) * prime1 + prime4;
}

/* The last 0 to 31 bytes. */
static uint64_t tail_mix(uint64_t hash, const unsigned char *at, size_t size)
{
    for (; size >= 8; size -= 8, at += 8)
        hash = rotate(hash ^ lane_mix(0, le64_load(at)), 27) * prime1 + prime4;
    if (size >= 4) {
        hash = rotate(hash ^ le32_load(at) * prime1, 23) * prime2 + prime3;
        size -= 4;
        at += 4;
    }
    while (size--)
        hash = rotate(hash ^ *at++ * prime5, 11) * prime1;
    return hash;
}

uint64_t xxh64(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = prime5, lane[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
    size_t left = size;

    if (size >= 32) {
        for (; left >= 32; left -= 32, at += 32)
            for (unsigned i = 0; i < 4; i++)
                lane[i] = lane_mix(lane[i], le64_load(at + 8 * i));
        hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
        for (unsigned i = 0; i < 4; i++)
            hash = lane_merge(hash, lane[i]);
    }
    hash = tail_mix(hash + size, at, left);
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}
