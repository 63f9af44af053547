/* SPDX-License-Identifier: Apache-2.0 */
/* Play: run a program in its house, and judge every session of it. One thread. */
#ifndef ADATRACE_TESTS_PLAY_H
#define ADATRACE_TESTS_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "program.h"

/* Sums over all programs. Of those that were judged to their end: attempts = decoded + dropped +
 * overwritten + rolled_back + unsettled. */
struct play_figures {
    uint64_t programs, sessions, between;
    uint64_t attempts;
    uint64_t decoded, dropped, overwritten; /* as the traces and their ledgers say */
    uint64_t rolled_back;                   /* as their threads know */
    uint64_t unsettled; /* jumped out of, or in the middle where a session ended: in no trace */
    uint64_t unjudged;  /* attempts of programs in which a writer was given up */
};
extern struct play_figures play_figures;

/* True: the ledger was exact throughout. False: why[size] says where it was not. */
bool play(const struct program *program, char *why, size_t size);

/* What the threads of the last program attempted, and what the trace of its last session shows. */
void play_show(FILE *out);
const struct model *play_model(void);

#endif
