/* SPDX-License-Identifier: Apache-2.0 */
/* Play: run a program in its house, and judge every session of it. One thread. */
#ifndef ADATRACE_TESTS_PLAY_H
#define ADATRACE_TESTS_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "program.h"

struct play_figures {
    uint64_t programs, attempts, stored, dropped, overwritten, left, between, sessions;
};
extern struct play_figures play_figures; /* sums */

/* True: the ledger was exact throughout. False: why[size] says where it was not. */
bool play(const struct program *program, char *why, size_t size);

/* What the threads of the last program attempted, and what the trace of its last session shows. */
void play_show(FILE *out);
const struct model *play_model(void);

#endif
