/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the soak's programs emit: every thread has an id of its own and numbers the events that it
 * has written, from 0, so that whoever reads the files knows what is missing. Any thread;
 * async-signal-safe but for soak_begin() and soak_end().
 */
#ifndef ADATRACE_TESTS_SOAK_TICKS_H
#define ADATRACE_TESTS_SOAK_TICKS_H

#include <adatrace/adatrace.h>

/* The calling thread counts from now on; at its end what it has written goes into the file that
 * SOAK_TRUTH names, one line "ID TICKS SIGNALS". */
void soak_begin(void);
void soak_end(void);

/* Emit the next one. Dropped ones, and such that are off, are not counted. */
void soak_tick(uint32_t size);
void soak_signal(void);

uint64_t soak_now_ns(void);
uint64_t soak_random(uint64_t *state);

#endif
