/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dictionary: the distinct values of one column, in order of appearance, and for each element which
 * one it is. Scratch of the encoder, used again for every column; belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_DICTIONARY_H
#define ADATRACE_FORMAT_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DICTIONARY_SMALL = 256, /* entries that one byte tells apart */
    DICTIONARY_MAX = 4096,  /* entries that our encoder goes up to */
    DICTIONARY_SMALL_BITS = 10,
    DICTIONARY_LARGE_BITS = 14, /* of a hash: tables are at most a quarter full */
};

struct dictionary_slot {
    uint64_t value;
    uint32_t entry; /* + 1; 0: free */
};

struct dictionary {
    uint32_t count; /* 0: there are too many, or nobody asked */
    uint64_t values[DICTIONARY_MAX];
    uint32_t first[DICTIONARY_MAX], last[DICTIONARY_MAX]; /* elements that hold it */
    struct dictionary_slot slots[1 << DICTIONARY_SMALL_BITS];
    uint16_t *large_slots; /* hash table: entry + 1, or 0 */
};

int dictionary_init(struct dictionary *d) __attribute__((warn_unused_result)); /* 0 or -ENOMEM */
void dictionary_fini(struct dictionary *d);

/* The place in a table of 1 << bits where the search for a value begins. */
static inline uint32_t dictionary_hash(uint64_t value, unsigned bits)
{
    return (uint32_t)((value * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - bits));
}

/*
 * Number the distinct ones of values[count]; the number of each element goes to indexes[], one byte
 * each. `first` is filled in. False: they are more than DICTIONARY_SMALL.
 */
bool dictionary_build_small(struct dictionary *d, const uint64_t *values, uint32_t count,
                            uint8_t *indexes);
/* Up to DICTIONARY_MAX of them, with indexes of two bytes. */
bool dictionary_build_large(struct dictionary *d, const uint64_t *values, uint32_t count,
                            uint16_t *indexes);

/* Fill in `last`, from the indexes of one of the above (`width` 1 or 2). */
void dictionary_find_last(struct dictionary *d, const void *indexes, uint32_t count,
                          unsigned width);

#endif
