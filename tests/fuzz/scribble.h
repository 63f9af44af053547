/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scribbling: what a traced process that has lost its mind, or means harm, may do to the memory
 * that it shares with the drain. A step is one such deed; which, the generator says, so that a seed
 * tells all of them. Any number of threads may scribble on one segment.
 */
#ifndef ADATRACE_TESTS_SCRIBBLE_H
#define ADATRACE_TESTS_SCRIBBLE_H

#include "registry/registry.h"

/* xorshift64*; not 0. */
struct dice {
    uint64_t state;
};
uint64_t dice_roll(struct dice *dice);
/* 0 to below - 1. */
uint64_t dice_below(struct dice *dice, uint64_t below);
/* A number that is likely to be a limit somewhere. */
uint64_t dice_number(struct dice *dice, uint64_t capacity);

/* One deed. The descriptor of the segment's memory is the process's own, -1: it has none. */
void scribble_step(struct segment *segment, int fd, struct dice *dice);

/* An arena item of a valid kind whose content is made of lies. */
void scribble_item(struct segment *segment, struct dice *dice);

#endif
