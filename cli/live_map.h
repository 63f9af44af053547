/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is alive: open spans by their id, allocations by their address.
 *
 * A hash table of (space, key) -> (value, extra) that forgets what ends; `space` keeps processes
 * and names apart. Open addressing with backward shift, so there are no graves to walk over. One
 * map belongs to one thread.
 */
#ifndef ADATRACE_CLI_LIVE_MAP_H
#define ADATRACE_CLI_LIVE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live_entry {
    uint64_t space, key, value;
    uint32_t extra;
    bool used;
};

struct live_map {
    struct live_entry *entries;
    size_t mask, count;
};

int live_map_init(struct live_map *map) __attribute__((warn_unused_result));
void live_map_fini(struct live_map *map);

/* The entry, or NULL. Valid until the next put or remove. */
struct live_entry *live_map_find(const struct live_map *map, uint64_t space, uint64_t key);
/* The entry, made when it is new (then value and extra are 0). NULL without memory. */
struct live_entry *live_map_put(struct live_map *map, uint64_t space, uint64_t key);
void live_map_remove(struct live_map *map, struct live_entry *entry);

#endif
