/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock warp: whether a thread that is moved from one CPU to another would see the counter go back.
 *
 * The kernel compares the counters when a CPU is started, and never again where the counter's rate
 * is known. A virtual machine that was frozen and thawed since (a snapshot, a migration) may have
 * been given another offset on each CPU, and its kernel still says that they agree.
 */
#ifndef ADATRACE_BASE_CLOCK_WARP_H
#define ADATRACE_BASE_CLOCK_WARP_H

#include <stdbool.h>
#include <stdint.h>

/* A thread of its own travels from the first CPU that this one may use to each of the others and
 * back, and asks `ticks` on each; true: it went back. Finds what is longer than such a journey,
 * some microseconds; a traced thread is not moved faster. Takes some 10 us for each CPU, at most
 * about 20 ms; what cannot be found out (one CPU, no thread, not permitted) is no warp. Any thread,
 * whose own CPUs stay what they are; not async-signal-safe. */
bool clock_warp_found(uint64_t (*ticks)(void));

#endif
