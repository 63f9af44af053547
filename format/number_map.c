/* SPDX-License-Identifier: Apache-2.0 */
#include "format/number_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FIRST_CAPACITY = 64 };

/* Where the search for a key begins. */
static size_t home_of(const struct number_map *map, uint64_t key)
{
    uint64_t hash = (key ^ map->secret) * UINT64_C(0x9E3779B97F4A7C15);

    hash = (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return (size_t)(hash ^ hash >> 32) & (map->capacity - 1);
}

static struct number_map_slot *slot_of(const struct number_map *map, uint64_t key)
{
    size_t mask = map->capacity - 1, at = home_of(map, key);

    while (map->slots[at].value != NUMBER_MAP_NONE && map->slots[at].key != key)
        at = (at + 1) & mask;
    return &map->slots[at];
}

uint32_t number_map_find(const struct number_map *map, uint64_t key)
{
    return map->capacity ? slot_of(map, key)->value : NUMBER_MAP_NONE;
}

static int map_grow(struct number_map *map)
{
    struct number_map bigger = {.secret = map->secret};

    bigger.capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY;
    bigger.slots = malloc(bigger.capacity * sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    if (!map->capacity && getrandom(&bigger.secret, sizeof(bigger.secret), GRND_NONBLOCK) < 0)
        bigger.secret = (uint64_t)(uintptr_t)bigger.slots;
    for (size_t i = 0; i < bigger.capacity; i++)
        bigger.slots[i].value = NUMBER_MAP_NONE;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].value != NUMBER_MAP_NONE)
            *slot_of(&bigger, map->slots[i].key) = map->slots[i];
    bigger.used = map->used;
    free(map->slots);
    *map = bigger;
    return 0;
}

int number_map_set(struct number_map *map, uint64_t key, uint32_t value)
{
    struct number_map_slot *slot;

    if (map->used >= map->capacity - map->capacity / 4 && map_grow(map) != 0)
        return -ENOMEM;
    slot = slot_of(map, key);
    map->used += slot->value == NUMBER_MAP_NONE;
    *slot = (struct number_map_slot){.key = key, .value = value};
    return 0;
}

void number_map_remove(struct number_map *map, uint64_t key)
{
    struct number_map_slot *slots = map->slots;
    size_t mask = map->capacity - 1, hole, at;

    if (number_map_find(map, key) == NUMBER_MAP_NONE)
        return;
    hole = at = (size_t)(slot_of(map, key) - slots);
    /* No search may end at the hole too early: what stands behind it moves up, unless its search
     * begins behind the hole. */
    for (at = (at + 1) & mask; slots[at].value != NUMBER_MAP_NONE; at = (at + 1) & mask)
        if (((at - home_of(map, slots[at].key)) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    slots[hole].value = NUMBER_MAP_NONE;
    map->used--;
}

void number_map_free(struct number_map *map)
{
    free(map->slots);
    memset(map, 0, sizeof(*map));
}
