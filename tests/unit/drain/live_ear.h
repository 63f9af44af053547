/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ear: a listener of a session with a real file beside it, for tests of the live stage. It
 * checks that messages come in order and that their heads count right.
 */
#ifndef ADATRACE_TESTS_LIVE_EAR_H
#define ADATRACE_TESTS_LIVE_EAR_H

#include "drain/live.h"
#include "producer.h"

void live_stage_begin(struct stage *stage, const struct stage_options *options);
/* Always later than the time before, by more than anything is done in. */
uint64_t live_later(void);

struct ear {
    struct ada_broadcast_consumer *consumer;
    uint64_t count[LIVE_BEGIN + 1]; /* messages, by type */
    uint64_t records, items;        /* as the heads have to say */
    uint64_t next;                  /* number expected in the next record */
    uint64_t ticks;                 /* of the newest record */
    uint64_t round_ticks;
    uint64_t thread_items, type_items, declared;
    int in_order;
};

extern const struct ada_broadcast_join_options ear_gating;

/* Join as a gating stage of a drain that does not run, and hear what was told before. */
void ear_open(struct ear *ear, struct stage *stage);
void ear_catalogue(struct ear *ear, const void *bytes, size_t size);
/* All there is; returns what the last read did. */
int ear_hear(struct ear *ear);

#endif
