/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter for tests: what ada_ticks() reads in a build with ADA_TICKS_SIMULATED. It runs at the
 * processor's rate until it is told otherwise. One thread changes it, any thread reads it
 * (async-signal-safe).
 */
#ifndef ADATRACE_TESTS_SIMULATED_COUNTER_H
#define ADATRACE_TESTS_SIMULATED_COUNTER_H

#include <stdint.h>

/* From now on so many times as fast as the processor's. */
void simulated_rate(double rate);
/* Forward or back by so many nanoseconds' worth of ticks, about. */
void simulated_jump(double ns);
/* Begin again at 0, as after a machine's start. */
void simulated_reset(void);

#endif
