/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine: what a trace says about where it was recorded. Reads uname and /proc; any thread.
 */
#ifndef ADATRACE_DRAIN_MACHINE_H
#define ADATRACE_DRAIN_MACHINE_H

#include "base/clock_source.h"
#include "format/trace_model.h"

/* Holds the strings of `recording`. */
struct machine {
    struct trace_recording recording;
    char host[256], kernel[256], cpu[128], directory[4096];
    char boot_id[40], session[20];
};

/* Fill in all but `command` and `policy`. Once a session: `session` is another one each time.
 * `ticks_per_second` is clock_source_rate()'s. */
void machine_describe(struct machine *machine, enum clock_source clock, uint64_t ticks_per_second);

/* This boot's id in binary, and as it is written; zeros, "": not known. */
void machine_boot_id(uint8_t id[16]);
void machine_boot_id_print(char text[40], const uint8_t id[16]);

#endif
