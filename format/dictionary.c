/* SPDX-License-Identifier: Apache-2.0 */
#include "format/dictionary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dictionary_init(struct dictionary *d)
{
    d->count = 0;
    d->large_slots = malloc(sizeof(uint16_t) << DICTIONARY_LARGE_BITS);
    return d->large_slots ? 0 : -ENOMEM;
}

void dictionary_fini(struct dictionary *d)
{
    free(d->large_slots);
    d->large_slots = NULL;
}

/* False: `limit` are there already. */
static bool entry_add(struct dictionary *d, uint64_t value, uint32_t element, uint32_t limit)
{
    if (d->count == limit) {
        d->count = 0;
        return false;
    }
    d->values[d->count] = value;
    d->first[d->count] = element;
    d->count++;
    return true;
}

/* Value and entry in one slot: for nearly every element that is all that is looked at. */
bool dictionary_build_small(struct dictionary *d, const uint64_t *values, uint32_t count,
                            uint8_t *indexes)
{
    enum { MASK = (1 << DICTIONARY_SMALL_BITS) - 1 };
    struct dictionary_slot *slots = d->slots;

    d->count = 0;
    memset(slots, 0, sizeof(d->slots));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = values[i];
        uint32_t slot = dictionary_hash(value, DICTIONARY_SMALL_BITS);

        while (slots[slot].entry && slots[slot].value != value)
            slot = (slot + 1) & MASK;
        if (__builtin_expect(!slots[slot].entry, 0)) {
            if (!entry_add(d, value, i, DICTIONARY_SMALL))
                return false;
            slots[slot] = (struct dictionary_slot){value, d->count};
        }
        indexes[i] = (uint8_t)(slots[slot].entry - 1);
    }
    return true;
}

bool dictionary_build_large(struct dictionary *d, const uint64_t *values, uint32_t count,
                            uint16_t *indexes)
{
    enum { MASK = (1 << DICTIONARY_LARGE_BITS) - 1 };
    uint16_t *slots = d->large_slots;

    d->count = 0;
    memset(slots, 0, sizeof(uint16_t) << DICTIONARY_LARGE_BITS);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = values[i];
        uint32_t slot = dictionary_hash(value, DICTIONARY_LARGE_BITS), entry;

        while ((entry = slots[slot]) && d->values[entry - 1] != value)
            slot = (slot + 1) & MASK;
        if (__builtin_expect(!entry, 0)) {
            if (!entry_add(d, value, i, DICTIONARY_MAX))
                return false;
            entry = d->count;
            slots[slot] = (uint16_t)entry;
        }
        indexes[i] = (uint16_t)(entry - 1);
    }
    return true;
}

/* From the end, until every entry was met: as a rule that is soon. */
void dictionary_find_last(struct dictionary *d, const void *indexes, uint32_t count, unsigned width)
{
    enum { NOWHERE = -1 };
    uint32_t left = d->count;

    memset(d->last, NOWHERE, d->count * sizeof(*d->last));
    for (uint32_t i = count; left && i-- > 0;) {
        uint32_t entry =
            width == 1 ? ((const uint8_t *)indexes)[i] : ((const uint16_t *)indexes)[i];

        if (d->last[entry] == (uint32_t)NOWHERE) {
            d->last[entry] = i;
            left--;
        }
    }
}
