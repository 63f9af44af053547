/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-in memory: how it lies in shared memory, and what a handle holds.
 *
 *     header | slots, a line each | ring | ring | ...
 *
 * A slot's life word is its ring's writer's: 0 free, a thread's id held, FUTEX_OWNER_DIED ended.
 * The producer takes it from 0, the consumer frees it: nobody else writes it but the kernel, and
 * the waiting bit. Threads as in adatrace/fanin.h.
 */
#ifndef ADATRACE_RINGS_FANIN_MEMORY_H
#define ADATRACE_RINGS_FANIN_MEMORY_H

#include <adatrace/fanin.h>

#include "rings/spsc_map.h"

#define FANIN_MAGIC   UINT32_C(0x46414441) /* "ADAF" */
#define FANIN_VERSION 1u

struct fanin_shared {
    /* Nobody, after it was made. */
    uint32_t magic, version;
    uint32_t slots, unused0;
    uint64_t capacity;
    uint64_t rings_offset, ring_stride;
    uint64_t unused1[11];

    /* Who joins. */
    uint64_t joined, refused;
    uint64_t unused2[14];

    /* A producer that finds the consumer asleep; who shuts down. */
    uint32_t bell;
    uint32_t closed;
    uint64_t unused3[15];

    struct spsc_end consumer;
    struct spsc_end slot[]; /* the producers' */
} __attribute__((aligned(SPSC_LINE)));

_Static_assert(offsetof(struct fanin_shared, joined) == 1 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct fanin_shared, bell) == 2 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct fanin_shared, consumer) == 3 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct fanin_shared, slot) == 4 * SPSC_LINE, "layout");
_Static_assert(sizeof(struct fanin_shared) + ADA_FANIN_PRODUCERS_MAX * sizeof(struct spsc_end) <=
                   SPSC_SHADOW_BYTES,
               "the words that the warden holds");

/* A thread's being a producer, in its list: its end is that of all of them. */
struct fanin_member {
    struct ada_fanin *fanin;
    struct fanin_member *next;
};

struct ada_fanin {
    struct fanin_shared *shared;
    uint32_t slots; /* trusted copies */
    uint64_t capacity;
    bool is_private; /* threads only: no warden */
    bool consumes;   /* we hold the consumer's end */
    int fd;
    uint32_t first; /* of the next poll */
    struct spsc_map map;
    struct fanin_member *members; /* of each slot, where we are the producer */
    struct ada_ring *writers;     /* a handle of each slot's ring for its producer ... */
    struct ada_ring *readers;     /* ... and for the consumer */
};

/* Take the consumer's end, if it is not ours yet. */
int fanin_consume(struct ada_fanin *fanin) __attribute__((warn_unused_result));

#endif
