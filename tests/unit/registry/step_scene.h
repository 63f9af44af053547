/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test_ring_step.c goes through: the states that a ring can be in, the emit that is
 * interrupted there, and what interrupts it.
 */
#ifndef ADATRACE_TESTS_STEP_SCENE_H
#define ADATRACE_TESTS_STEP_SCENE_H

#include "ring_fixture.h"

enum {
    CAPACITY = 4096,
    ELASTIC_GROWTH = 4,
    SMALL = 16, /* payload bytes of the emit that is interrupted */
};

/* What the ring looks like when the emit begins. */
enum state {
    EMPTY,
    LAP_END,
    GAP_WAITS,
    GAP_WAITS_AT_LAP_END,
    ROOM_FOR_ONE,
    FULL,
    HELD,
    LEFT,
    LEFT_COUNTED,
    STATES
};
extern const char *const state_names[];

/* Whether the ring is elastic, and whether it has been granted all of its room. */
enum room { PLAIN, BASE, GRANTED, ROOMS };
extern const char *const room_names[];

/* What comes in between. */
enum action {
    EMIT,
    EMIT_MANY,
    FILL,
    DRAIN,
    DRAIN_AND_EMIT,
    JUMP,
    EMIT_AND_JUMP,
    FILL_AND_JUMP,
    JUMP_TWICE,
    TAKE_BACK,
    LEAVE,
    EMIT_AND_LEAVE,
    LEAVE_BETWEEN,
    FORK
};
extern const char *const action_names[];

/* How the emit that is interrupted emits. */
enum way { DIRECTLY, BY_HAND, AT_ONCE };
extern const char *const way_names[];

struct scene {
    struct ring_fixture f;
    struct ledger l;
    enum state state;
    enum room room;
    enum action action;
    enum way way;
    uint64_t seed, handler_seed;
    uint64_t begun, finished; /* emits that can be interrupted */
    uint64_t others;          /* emits that are not */
    uint64_t left_later;      /* emits that are left behind the interrupted one */
    bool twice;               /* the emit after the interrupted one is interrupted, too */
    struct ada_record held;   /* state HELD: in front of all that comes */
    uint64_t forked_head, forked_reserve; /* the parent's, when a handler forked */
    const char *wrong;                    /* what did not hold first */
};

/* Bring a ring into that state. `fast`: with the fast path; else every emit is a slow one. */
void scene_set_up(struct scene *scene, enum ring_policy policy, bool fast);

/* The emit, in a frame below those that emit later: it is from above that one knows it was left. */
void scene_interrupted_emit(void *scene);
/* What comes in between. */
void scene_interrupt(void *scene);
bool scene_jumps(const struct scene *scene);

/* An emit that nobody interrupts. */
bool scene_emit(struct scene *scene, uint64_t payload_bytes);
/* One that is left, from far below: who emits later finds that this frame is gone. False: there
 * was no room. */
bool scene_leave(struct scene *scene, uint64_t payload_bytes);
void scene_drain(struct scene *scene);

#endif
