/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: which compression level the drain can afford.
 *
 * Starts with the level that was asked for, falls to faster ones while rings fill faster than they
 * are emptied, and climbs back one step at a time after a calm while. The last step down is not to
 * compress at all: that is taken where writing more is cheaper than compressing, by what both have
 * cost of late, and taken back where it turns out not to be. Pure; the drain's thread.
 */
#ifndef ADATRACE_DRAIN_PACE_H
#define ADATRACE_DRAIN_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* What blocks have cost, all of them so far. */
struct pace_costs {
    uint64_t blocks;
    uint64_t content_bytes; /* before compression */
    uint64_t file_bytes;    /* after it */
    uint64_t pack_ns, write_ns;
};

struct pace {
    bool packs_always;        /* stored blocks are no way out: memory is what is short */
    int wanted, level;        /* zstd's; 0: stored */
    uint64_t since_ns;        /* of the last step, or of the last pressure */
    struct pace_costs before; /* at the last step */
    double packed_cost;       /* ns for a byte of content, when blocks were packed last */
    uint64_t store_from_ns;   /* no stored blocks until then: they did not help */
    uint64_t store_pause_ns;
};

void pace_init(struct pace *pace, int level);

/* Another level is asked for: begin again with it. */
void pace_want(struct pace *pace, int level);

/* The level to use from here on, after a round that met a ring this full. */
int pace_turn(struct pace *pace, unsigned fill_percent, uint64_t now_ns,
              const struct pace_costs *costs);

#endif
