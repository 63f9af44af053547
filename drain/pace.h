/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: which compression level the drain can afford.
 *
 * Starts with the level that was asked for, falls to faster ones while rings fill faster than they
 * are emptied, and climbs back one step at a time after a calm while. Pure; the drain's thread.
 */
#ifndef ADATRACE_DRAIN_PACE_H
#define ADATRACE_DRAIN_PACE_H

#include <stdint.h>

struct pace {
    int wanted, level;
    uint64_t since_ns; /* of the last step, or of the last pressure */
};

void pace_init(struct pace *pace, int level);

/* The level to use from here on, after a round that met a ring this full. */
int pace_turn(struct pace *pace, unsigned fill_percent, uint64_t now_ns);

#endif
