/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record run: records of one size that stand side by side in a ring, their header words taken apart
 * together. Most of most traces is such runs, and a record in one costs a tenth of what it costs
 * alone. Nothing here decides what is damaged: whatever is not plain ends the run, and is for
 * ring_peek() to judge. Pure functions; any thread.
 */
#ifndef ADATRACE_DRAIN_RECORD_RUN_H
#define ADATRACE_DRAIN_RECORD_RUN_H

#include <stdint.h>

enum { RECORD_RUN_MAX = 256 };

struct record_run {
    uint32_t count;
    uint32_t record_bytes; /* of each, header word included */
    uint16_t ids[RECORD_RUN_MAX];
    uint64_t ticks[RECORD_RUN_MAX]; /* after record_run_widen() all 64 bits */
};

/*
 * The records at the front of bytes[size] that are as long as the first of them and of event types.
 * Each header word is read once. Count 0: the first one is something else.
 */
void record_run_decode(struct record_run *run, const unsigned char *bytes, uint64_t size);

/*
 * Widen the ticks as ticks_widen() would, `shift` added to them. The run is cut before a record
 * that is earlier than the one in front of it in 42 bits, and left without any when one lies out of
 * bounds.
 */
void record_run_widen(struct record_run *run, uint64_t previous, uint64_t empty, uint64_t now,
                      uint64_t shift);

#endif
