/* SPDX-License-Identifier: Apache-2.0 */
#include "format/address_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int use_append(struct address_set *set, const struct address_use *use)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 64;
        struct address_use *uses = realloc(set->uses, capacity * sizeof(*uses));

        if (!uses)
            return -ENOMEM;
        set->uses = uses;
        set->capacity = capacity;
    }
    if (number_map_set(&set->places, use->address, (uint32_t)set->count) != 0)
        return -ENOMEM;
    set->uses[set->count++] = *use;
    return 0;
}

int address_set_add(struct address_set *set, uint64_t address, uint64_t first_ticks,
                    uint64_t last_ticks)
{
    uint32_t place = number_map_find(&set->places, address);
    struct address_use *use;

    if (place == NUMBER_MAP_NONE) {
        if (address == 0 || set->count == ADDRESS_SET_MAX)
            return 0;
        return use_append(set, &(struct address_use){address, first_ticks, last_ticks});
    }
    use = &set->uses[place];
    if (first_ticks < use->first_ticks)
        use->first_ticks = first_ticks;
    if (last_ticks > use->last_ticks)
        use->last_ticks = last_ticks;
    return 0;
}

void address_set_close(struct address_set *set)
{
    struct address_use *fitted;

    number_map_free(&set->places);
    if (set->count == set->capacity)
        return;
    if (!set->count) {
        address_set_free(set);
        return;
    }
    fitted = realloc(set->uses, set->count * sizeof(*fitted));
    if (!fitted)
        return;
    set->uses = fitted;
    set->capacity = set->count;
}

void address_set_thin(struct address_set *set, uint64_t from_ticks)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++)
        if (set->uses[i].last_ticks >= from_ticks)
            set->uses[kept++] = set->uses[i];
    set->count = kept;
    address_set_close(set);
}

void address_set_free(struct address_set *set)
{
    number_map_free(&set->places);
    free(set->uses);
    memset(set, 0, sizeof(*set));
}
