/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: how long the drain sleeps between two rounds over the rings.
 *
 * Nobody rings a bell when records are there (that would cost the traced program a system call), so
 * the drain looks again in time: at once while a ring fills, after some milliseconds when little
 * comes, and rarely when nothing does. wait_wake() is for any thread, the rest for the drain's.
 */
#ifndef ADATRACE_DRAIN_WAIT_H
#define ADATRACE_DRAIN_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* What one round over all rings found. */
struct wait_load {
    uint64_t records;
    unsigned fill_percent; /* of the fullest ring, before it was emptied */
    bool more;             /* a ring was left before it was empty: its share was used up */
};

struct wait {
    uint32_t word; /* futex: moves with every wake-up call */
    uint32_t seen;
    uint64_t shortest_ns; /* sleep while records come */
    uint64_t sleep_ns;    /* the last sleep */
    uint64_t busy_ns;     /* when records came last */
};

void wait_init(struct wait *wait);

/* There are rings of this size: small ones fill sooner, so they are looked at more often. */
void wait_for_rings(struct wait *wait, uint64_t ring_bytes);

/* Sleep as long as seems right after a round that found `load`; not at all while rings fill. */
void wait_turn(struct wait *wait, const struct wait_load *load);

/* End the current sleep, or the next one. */
void wait_wake(struct wait *wait);

/* The sleep that wait_turn() would take now, 0 for none; it only decides. */
uint64_t wait_decide(struct wait *wait, const struct wait_load *load, uint64_t now_ns);

#endif
