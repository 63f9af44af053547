/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_map.h"

#include <errno.h>
#include <stdlib.h>

int live_map_init(struct live_map *map)
{
    enum { FIRST = 1024 };

    *map = (struct live_map){.mask = FIRST - 1};
    map->entries = calloc(FIRST, sizeof(*map->entries));
    return map->entries ? 0 : -ENOMEM;
}

void live_map_fini(struct live_map *map)
{
    free(map->entries);
    *map = (struct live_map){0};
}

static size_t home_of(const struct live_map *map, uint64_t space, uint64_t key)
{
    uint64_t mixed = (key ^ space * UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);

    return (mixed >> 24) & map->mask;
}

static struct live_entry *slot_of(const struct live_map *map, uint64_t space, uint64_t key)
{
    size_t at = home_of(map, space, key);

    while (map->entries[at].used &&
           (map->entries[at].key != key || map->entries[at].space != space))
        at = (at + 1) & map->mask;
    return &map->entries[at];
}

struct live_entry *live_map_find(const struct live_map *map, uint64_t space, uint64_t key)
{
    struct live_entry *entry = slot_of(map, space, key);

    return entry->used ? entry : NULL;
}

static int map_double(struct live_map *map)
{
    struct live_map bigger = {.mask = 2 * map->mask + 1, .count = map->count};

    bigger.entries = calloc(bigger.mask + 1, sizeof(*bigger.entries));
    if (!bigger.entries)
        return -ENOMEM;
    for (size_t i = 0; i <= map->mask; i++)
        if (map->entries[i].used)
            *slot_of(&bigger, map->entries[i].space, map->entries[i].key) = map->entries[i];
    free(map->entries);
    *map = bigger;
    return 0;
}

struct live_entry *live_map_put(struct live_map *map, uint64_t space, uint64_t key)
{
    struct live_entry *entry = slot_of(map, space, key);

    if (entry->used)
        return entry;
    if (3 * (map->count + 1) > 2 * map->mask) {
        if (map_double(map))
            return NULL;
        entry = slot_of(map, space, key);
    }
    *entry = (struct live_entry){.space = space, .key = key, .used = true};
    map->count++;
    return entry;
}

void live_map_remove(struct live_map *map, struct live_entry *entry)
{
    size_t hole = (size_t)(entry - map->entries), at = hole;

    /* Move back whatever would not be found any more across the hole. */
    for (;;) {
        size_t home;

        at = (at + 1) & map->mask;
        if (!map->entries[at].used)
            break;
        home = home_of(map, map->entries[at].space, map->entries[at].key);
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole].used = false;
    map->count--;
}
