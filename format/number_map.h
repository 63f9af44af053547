/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Number map: 64-bit keys to 32-bit values (as a rule, places in an array). Open addressing, grows
 * as it fills, and never shrinks. Keys may be chosen by an enemy: they are mixed with a secret of
 * the map. Zero-initialised is empty. Belongs to one thread at a time.
 */
#ifndef ADATRACE_FORMAT_NUMBER_MAP_H
#define ADATRACE_FORMAT_NUMBER_MAP_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_MAP_NONE UINT32_MAX /* no value: not there */

struct number_map_slot {
    uint64_t key;
    uint32_t value; /* NUMBER_MAP_NONE: free */
};
struct number_map {
    struct number_map_slot *slots;
    size_t capacity, used; /* capacity: a power of two, or 0 */
    uint64_t secret;
};

/* The value, or NUMBER_MAP_NONE. */
uint32_t number_map_find(const struct number_map *map, uint64_t key);

/* Set or replace. `value` is not NUMBER_MAP_NONE. 0 or -ENOMEM. */
int number_map_set(struct number_map *map, uint64_t key, uint32_t value)
    __attribute__((warn_unused_result));

/* Take a key out, if it is there. */
void number_map_remove(struct number_map *map, uint64_t key);

void number_map_free(struct number_map *map);

#endif
