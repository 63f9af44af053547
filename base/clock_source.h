/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock source: which clock a recording runs on, and how its ticks relate to the kernel's clocks.
 *
 * The CPU's counter where the kernel itself trusts it (one rate, all cores agree, no stop in sleep
 * states); CLOCK_MONOTONIC in nanoseconds otherwise. The choice is made once, by whoever creates
 * the segment. Any thread; not async-signal-safe, except clock_source_ticks().
 */
#ifndef ADATRACE_BASE_CLOCK_SOURCE_H
#define ADATRACE_BASE_CLOCK_SOURCE_H

#include <stdint.h>

/* Values are those of enum segment_clock. */
enum clock_source { CLOCK_SOURCE_COUNTER = 1, CLOCK_SOURCE_MONOTONIC = 2 };

/* What was asked for, if this machine has it; 0: the counter where the kernel trusts it and, in a
 * virtual machine, the CPUs' counters agree (base/clock_warp.h: some 10 us for each). Forcing the
 * counter elsewhere is for who knows better (no sysfs in a container). */
enum clock_source clock_source_choose(enum clock_source wanted);

/* "tsc", "cntvct" or "monotonic". Static text. */
const char *clock_source_name(enum clock_source source);

uint64_t clock_source_ticks(enum clock_source source);

/* A first estimate, good to about 100 ppm; takes some milliseconds where the rate has to be
 * measured. Never 0. */
uint64_t clock_source_rate(enum clock_source source);

/* All clocks at one moment. */
struct clock_reading {
    uint64_t ticks, monotonic_ns, realtime_ns;
    uint64_t uncertainty_ns; /* width of the window in which they were read */
};

/* The narrowest window of several tries: being preempted in the middle shows, and is not taken. */
struct clock_reading clock_source_read(enum clock_source source);

#endif
