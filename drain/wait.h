/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: what the drain does between two rounds over the rings: it looks again at once (spin), lets
 * others run first (yield), or sleeps. base/wait_choice.h names the strategies.
 *
 * The one that nobody has to choose, sleep, adapts. While rings fill it does not sleep; while
 * records come in bursts it looks again before a fast thread could fill a part of its ring; when
 * little or nothing comes it sleeps longer and longer, up to half a second, and arms the bells of
 * the segments: a thread rings when its ring fills, or when it begins (registry/bell.h). Where no
 * bell can be heard (a process that may not call the kernel, a kernel that cannot wait for many
 * words) it never sleeps that long.
 *
 * Block goes to sleep, with all bells armed, as soon as no ring fills, for up to a second. It has
 * nothing but the bells to go by, so it looks at the rings once more when they are armed
 * (`has_much`): who came too late to ring is seen then. Where no bell can be heard it does as
 * sleep.
 *
 * wait_wake() is for any thread, the rest for the drain's.
 */
#ifndef ADATRACE_DRAIN_WAIT_H
#define ADATRACE_DRAIN_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/wait_choice.h"

enum { WAIT_BELLS_MAX = 120 }; /* the kernel waits for 128 words at once */

/* What one round over all rings found. */
struct wait_load {
    uint64_t records;
    uint64_t fill_bytes;   /* of the fullest ring, before it was emptied */
    unsigned fill_percent; /* the same as a part of that ring */
    bool more;             /* a ring was left before it was empty: its share was used up */
};

struct wait {
    uint32_t word; /* futex: moves with every wake-up call */
    uint32_t seen;
    uint64_t shortest_ns; /* sleep while records come in bursts */
    uint64_t busy_bytes;  /* found after a sleep: it was too long */
    uint64_t sleep_ns;    /* the last sleep */
    uint64_t sleeps;      /* how many so far */
    uint64_t busy_ns;     /* when records came last */
    uint64_t burst_ns;    /* when many came last */
    uint32_t *bells[WAIT_BELLS_MAX];
    unsigned bell_count;
    unsigned bells_left_out; /* there was no room for them */
    bool deaf;               /* some bell cannot be heard */
    struct wait_choice choice;
    uint64_t listened_ns; /* somebody listens: sleep no longer than that. 0: nobody does */
    uint64_t due_ns;      /* CLOCK_MONOTONIC: something is to be done then; 0: nothing is */
    /* Block: is there so much in a ring that its producer has rung already? NULL: cannot be said.
     */
    bool (*has_much)(void *context);
    void *context;
};

void wait_init(struct wait *wait);

/* From the next turn on. */
void wait_choose(struct wait *wait, const struct wait_choice *choice);

/* There are rings of this size: small ones fill sooner, so they are looked at more often. */
void wait_for_rings(struct wait *wait, uint64_t ring_bytes);

/* A segment's bell; it stays mapped until it is forgotten. */
void wait_listen(struct wait *wait, uint32_t *bell);
void wait_forget(struct wait *wait, uint32_t *bell);

/* Sleep as long as seems right after a round that found `load`; not at all while rings fill. */
void wait_turn(struct wait *wait, const struct wait_load *load);

/* End the current sleep, or the next one. */
void wait_wake(struct wait *wait);

/* The sleep that wait_turn() would take now, 0 for none; it only decides. */
uint64_t wait_decide(struct wait *wait, const struct wait_load *load, uint64_t now_ns);

#endif
