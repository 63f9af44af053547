/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of a way there and back: one word each way, no queue at all, nothing is ever full. */
#include <stddef.h>

#include "bench/ring_race.h"

static struct {
    uint64_t word __attribute__((aligned(128)));
    uint64_t seen __attribute__((aligned(128)));
} ways[2];

static void open_ways(void)
{
    ways[0].word = ways[1].word = ways[0].seen = ways[1].seen = 0;
}

static void close_ways(void)
{
}

static bool put(int queue, uint64_t value)
{
    __atomic_store_n(&ways[queue].word, value + 1, __ATOMIC_RELEASE); /* pairs with take() */
    return true;
}

static bool take(int queue, uint64_t *value)
{
    uint64_t word = __atomic_load_n(&ways[queue].word, __ATOMIC_ACQUIRE); /* pairs with put() */

    if (word == ways[queue].seen)
        return false;
    ways[queue].seen = word;
    *value = word - 1;
    return true;
}

const struct race_contestant race_floor = {"floor", open_ways, close_ways, NULL,
                                           NULL,    put,       take,       NULL};
