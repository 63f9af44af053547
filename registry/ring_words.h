/* SPDX-License-Identifier: Apache-2.0 */
/* Header words of what is no event: what both sides of a ring have to know of them. */
#ifndef ADATRACE_REGISTRY_RING_WORDS_H
#define ADATRACE_REGISTRY_RING_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include <adatrace/record.h>

/* What is no event has its size in words in the bits of the ticks, and above it a number that makes
 * one word differ from another that stood there a lap ago, or that a handler writes there. */
enum { RING_SIZE_BITS = 28, RING_TWIN_SHIFT = ADA_RECORD_TICKS_SHIFT + RING_SIZE_BITS };

/* PAD, SKIP: leads over so many bytes. PENDING, HELD: they are reserved and not committed. */
static inline uint64_t ring_filler_word(uint32_t type, uint64_t bytes, uint64_t twin)
{
    return (bytes >> 3) << ADA_RECORD_TICKS_SHIFT | type << ADA_RECORD_TYPE_SHIFT |
           twin << RING_TWIN_SHIFT;
}

/* Does its size stand in the word behind it? Only then may that be looked at: it can belong to
 * somebody else. */
static inline bool ring_word_is_large(uint64_t word)
{
    return (word & 0xff) == ADA_RECORD_LARGE;
}

/* Size of the record that `word` heads, and `second` goes on with when it is large; 0: no record
 * looks like this. */
static inline uint64_t ring_word_bytes(uint64_t word, uint64_t second)
{
    uint32_t type = ada_record_type(word);
    uint64_t words = word & 0xff;

    if (type <= ADA_RECORD_SKIP && type != ADA_RECORD_GAP)
        return words
                   ? 0
                   : (word >> ADA_RECORD_TICKS_SHIFT & ((UINT64_C(1) << RING_SIZE_BITS) - 1)) << 3;
    return ring_word_is_large(word) ? second : words << 3;
}

#endif
