/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record: how one event lies in a ring.
 *
 * A record is one 64-bit header word and a payload, padded to 8 bytes, never split at the ring's
 * end:
 *
 *     bits  0..7   size of the whole record in 8-byte words, 1 to 254; 255: a large record, whose
 *                  size in bytes stands in the 8 bytes behind the header word
 *     bits  8..21  type: below ADA_RECORD_FIRST_EVENT one of the kinds here, else an event type's
 * id bits 22..63  low 42 bits of the clock's ticks; the reader knows the rest
 *
 * Self-delimiting, so a reader walks a ring without knowing any event type. Pure functions: any
 * thread, async-signal-safe.
 */
#ifndef ADATRACE_RECORD_H
#define ADATRACE_RECORD_H

#include <stdint.h>

#define ADA_RECORD_PAD         0u /* nothing; its size stands in the ticks' bits: registry/ring_words.h */
#define ADA_RECORD_GAP         1u /* records were dropped here: struct ada_record_gap */
#define ADA_RECORD_PENDING     2u /* reserved, not committed; never published */
#define ADA_RECORD_HELD        3u /* the same, by a caller who does other things meanwhile */
#define ADA_RECORD_SKIP        4u /* as PAD: but for its word, these addresses are not used */
#define ADA_RECORD_FIRST_EVENT 8u
#define ADA_RECORD_TYPES       (1u << 14)

#define ADA_RECORD_TYPE_SHIFT  8
#define ADA_RECORD_TICKS_SHIFT 22
#define ADA_RECORD_TICKS_MASK  ((UINT64_C(1) << 42) - 1)
#define ADA_RECORD_LARGE       255u
#define ADA_RECORD_SMALL_MAX   (254u * 8u) /* bytes, header word included */

/* Payload of a GAP record: what found no room since the last record of this thread. */
struct ada_record_gap {
    uint64_t first_ticks; /* of the first dropped record */
    uint64_t last_ticks;  /* of the last one */
    uint64_t records;
    uint64_t bytes; /* as they would have lain in the ring */
};

/* Bytes in the ring of a record with this much payload. */
static inline uint64_t ada_record_bytes(uint64_t payload_bytes)
{
    uint64_t bytes = (payload_bytes + 8 + 7) & ~UINT64_C(7);

    return bytes <= ADA_RECORD_SMALL_MAX ? bytes : bytes + 8;
}

/* The low 22 bits of a header word: type and size. `bytes` is ada_record_bytes() of the payload. */
static inline uint32_t ada_record_tag(uint32_t type, uint64_t bytes)
{
    uint32_t words = bytes <= ADA_RECORD_SMALL_MAX ? (uint32_t)(bytes >> 3) : ADA_RECORD_LARGE;

    return type << ADA_RECORD_TYPE_SHIFT | words;
}

static inline uint64_t ada_record_word(uint32_t tag, uint64_t ticks)
{
    return ticks << ADA_RECORD_TICKS_SHIFT | tag;
}

static inline uint32_t ada_record_type(uint64_t word)
{
    return (uint32_t)(word >> ADA_RECORD_TYPE_SHIFT) & (ADA_RECORD_TYPES - 1);
}

#endif
