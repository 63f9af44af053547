/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rig: a ring with its producer and its consumer inside the explorer, and the ledger of what went
 * in and came out. Every record carries its number, twice, so that it can be seen to be torn,
 * missing, twice or out of order.
 */
#ifndef ADATRACE_TESTS_MODEL_RIG_H
#define ADATRACE_TESTS_MODEL_RIG_H

#include "cases.h"
#include "registry/ring.h"

enum { RIG_CAPACITY_MAX = 8192, RIG_EVENT = ADA_RECORD_FIRST_EVENT, RIG_RECORDS_MAX = 256 };

enum rig_fate {
    RIG_NONE,
    RIG_BEGUN,     /* its thread is at it, was left, or has died */
    RIG_DROPPED,   /* there was no room, and the writer was told */
    RIG_COMMITTED, /* the commit has returned */
};

struct rig {
    struct ring_shared *ring;
    struct ada_writer *writer;
    struct ring_reader reader;
    unsigned char *data;
    unsigned attempted;
    enum rig_fate fates[RIG_RECORDS_MAX];
    uint64_t ends[RIG_RECORDS_MAX]; /* of what was committed, in the ring */
    unsigned reads[RIG_RECORDS_MAX];
    /* What the consumer has met. */
    unsigned records, gaps;
    uint64_t gap_records, gap_bytes, last_ticks;
    unsigned last_number, damages, overflows;
    bool numbers_grow; /* no handlers: then records are in the order of their numbers */
    bool lives_on;     /* damage is expected: MEMORY-MODEL.md, "What remains" */
};
extern struct rig rig;

/* A ring and its two ends; in set_up(). */
void rig_open(uint64_t capacity, const struct ring_options *options);
/* Emit a record of so many bytes, header included: a multiple of 8, at least 24 to be seen torn. */
bool rig_emit(uint64_t bytes);
/* Where the running thread's stack ends, so that frames that were left can be told. */
void rig_stack_is_here(void);

/* Read up to `most` records and give back their room: a visit of the drain's. */
void rig_visit(unsigned most);
/* The same by way of ring_view() and ring_take(), and in batches. */
void rig_visit_in_runs(void);
void rig_visit_in_batches(unsigned most);
/* Until the ring is empty. */
void rig_drain(void);

/* Every record that was committed and published is read by now, or that fails. */
void rig_all_are_read(void);
/* check(): read what is left; everything adds up. Dead: the producer may be so in its last record.
 */
void rig_check(void);
void rig_check_dead(void);

#endif
