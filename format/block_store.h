/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block store: the newest data blocks of a session in memory, for a flight recorder.
 *
 * Bounded by bytes, all bookkeeping and what malloc adds included, and by age. What has to go goes
 * in the order in which it came, and is counted by thread. Blocks are lent rather than copied:
 * block_store_take() gives references to all that there are, and they stay until given back, also
 * when the store has let them go meanwhile; those are counted apart (`lent_bytes`), at most as much
 * again for each taker. Any thread may call, one mutex guards all.
 */
#ifndef ADATRACE_FORMAT_BLOCK_STORE_H
#define ADATRACE_FORMAT_BLOCK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/block_header.h"
#include "format/trace_model.h"

enum { BLOCK_STORE_BYTES_MIN = 256 << 10 };

struct block_store;

/* What a block's header does not tell of it. */
struct block_tally {
    uint64_t ring_bytes;             /* what its records took in a ring */
    uint64_t dropped, dropped_bytes; /* missing ones that its gaps speak of */
    uint64_t overwritten, overwritten_bytes;
};

/* `bytes_max` 0: as many as there are; `age_ticks` 0: of any age. NULL: no memory. */
struct block_store *block_store_create(uint64_t bytes_max, uint64_t age_ticks);
void block_store_destroy(struct block_store *store); /* nothing is lent */

/* Take in a copy of a block's frame (header->frame_bytes). What cannot be had memory for counts as
 * gone, with all before it. -ENOMEM: not even its thread is known, and the caller has to count it.
 */
int block_store_put(struct block_store *store, const struct block_header *header,
                    const unsigned char *frame, const struct block_tally *tally)
    __attribute__((warn_unused_result));

/* Let go what is too old at this time. Returns the least ticks of what is kept, or `now_ticks`. */
uint64_t block_store_expire(struct block_store *store, uint64_t now_ticks);

/* The thread's newest ledger: `stored` counts all records it ever put in. 0 or -ENOMEM. */
int block_store_ledger(struct block_store *store, const struct trace_ledger *ledger)
    __attribute__((warn_unused_result));
/* It ended: forget it when its last block goes. */
void block_store_thread_end(struct block_store *store, uint32_t thread);
/* Is there a block of this thread? */
bool block_store_holds(struct block_store *store, uint32_t thread);

struct block_store_figures {
    uint64_t bytes;      /* never more than bytes_max */
    uint64_t lent_bytes; /* let go, and still lent */
    uint64_t blocks, records;
    uint64_t gone_records; /* ever */
    uint64_t first_ticks;  /* of the oldest block; 0: there is none */
};
void block_store_figures(struct block_store *store, struct block_store_figures *out);

/* What one block is, as lent. */
struct block_lent {
    struct block_header header; /* without sequence and recording: they are a file's */
    const unsigned char *frame;
};

/* One thread, as of the moment of the taking. */
struct block_front {
    struct trace_ledger ledger; /* `stored`: in the blocks taken; all others are `overwritten` */
    bool has_ledger;
    /* What is missing in front of them: let go by the store, and overwritten in the ring before;
     * dropped before. records 0: nothing. */
    struct trace_gap gap, dropped;
};

struct block_take {
    struct block_lent *blocks; /* in the order in which they came */
    size_t count;
    struct block_front *fronts;
    size_t front_count;
    uint64_t gone_threads, gone_thread_records; /* of which nothing is left */
};

/* All that there is, but for blocks that end before `from_ticks`. 0 or -ENOMEM. */
int block_store_take(struct block_store *store, uint64_t from_ticks, struct block_take *out)
    __attribute__((warn_unused_result));
void block_store_give_back(struct block_store *store, struct block_take *take);

#endif
