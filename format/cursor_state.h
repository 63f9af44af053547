/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a cursor, shared by trace_cursor.c, which merges, and cursor_order.c, which finds
 * out which blocks will be needed when. Belongs to the thread that the trace belongs to.
 */
#ifndef ADATRACE_FORMAT_CURSOR_STATE_H
#define ADATRACE_FORMAT_CURSOR_STATE_H

#include "format/trace_ahead.h"

/* An unpacked block, and how far the events have come in it. */
struct held {
    struct decoded_block decoded;
    uint32_t next[BLOCK_RUNS_MAX]; /* next record of each run */
    unsigned pins;                 /* batches that it may not change for */
    bool retired;                  /* no head stands in it: spare as soon as no batch needs it */
    uint64_t batch;                /* number of the last batch that has pinned it */
    struct held *next_spare;
};

struct head {
    uint64_t key;
    uint32_t thread;             /* number: decides between equal keys */
    uint32_t next_block, blocks; /* in cursor->blocks */
    struct held *held;           /* the block it stands in, or NULL */
    uint32_t record, gap;        /* next ones in it */
};

struct trace_cursor {
    struct trace *trace;
    struct block_wish wish;
    uint32_t *blocks; /* places in the index, thread by thread, each in file order */
    struct head *heads;
    struct head **heap;
    size_t heap_count, head_count;
    size_t held_bytes;
    struct held *spare; /* not in use, kept for the next head */
    uint64_t batches;   /* begun so far: their numbers */
    size_t pins;        /* of all batches that are not released */
    struct trace_ahead *ahead;
};

/* Fill in `blocks`, and the heads' share of it, with what the filter wishes for; file order stays
 * within a thread. 0 or -ENOMEM. */
int cursor_blocks_sort(struct trace_cursor *c, const struct trace_filter *filter)
    __attribute__((warn_unused_result));

/* Let other threads unpack the blocks in the order in which the merge will come to them. 0 or
 * -ENOMEM. */
int cursor_ahead_start(struct trace_cursor *c) __attribute__((warn_unused_result));

#endif
