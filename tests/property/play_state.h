/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What play.c and play_emit.c share: who is in the middle of what. A frame is an action of a thread
 * or of the drain; the frames above it are what came in between. One thread.
 */
#ifndef ADATRACE_TESTS_PLAY_STATE_H
#define ADATRACE_TESTS_PLAY_STATE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include <adatrace/emit.h>

#include "model.h"
#include "program.h"

enum { FRAMES_MAX = 64, HELD_MAX = 8, BATCH_MAX = 20, DRAIN = -1 };

struct frame {
    int thread; /* or DRAIN */
    uint32_t depth;
    volatile uint32_t done; /* records of the step */
    volatile size_t open;   /* its attempt that is not over; or count */
    volatile size_t open_count;
    volatile bool writes; /* that one: to where it was given; or may do so */
    /* Its attempt that reserves by hand, and 1: nobody jumps out of that. */
    volatile size_t reserving;
    jmp_buf left;
};

struct actor {
    struct ada_writer *self;
    unsigned busy; /* frames */
    struct held {
        struct ada_record record;
        size_t attempt;
    } held[HELD_MAX + FRAMES_MAX]; /* handlers may hold some more, each one */
    unsigned held_count;
};

struct stage {
    const struct program *program;
    const struct step *next; /* of those that come in between the step */
    struct model model;
    struct actor actors[PROGRAM_THREADS];
    struct ada_writer *nobody; /* where threads without a ring point */
    struct frame frames[FRAMES_MAX];
    unsigned frame_count;
    unsigned in_drain;
    uint64_t patience;
    char *why;
    size_t why_size;
    bool failed;
};
extern struct stage stage;

static inline struct model *model(void)
{
    return &stage.model;
}

/* ---- play_emit.c ---- */

struct frame *frame_push(int thread);
/* Leave the emits of `count` frames below ours, as far as they are this thread's. */
void frames_leave(unsigned count);
/* Somebody has jumped to this frame. */
void open_leave(struct frame *f);

/* A session ends: of the attempts that are open, what is known of them so far is judged. */
void open_look(void);

/* The attempt is over, or is known to be held. `w` NULL: there was no ring. */
void attempt_end(size_t attempt, const struct ada_writer *w, enum outcome outcome);
/* One record, as the macros do; by reserve and commit; many at once. */
void emit_one(struct frame *f, uint32_t payload_bytes);
void emit_by_hand(struct frame *f, uint32_t payload_bytes);
void emit_batch(struct frame *f, uint32_t payload_bytes, unsigned count);
/* Reserve and fill in; it is still to be ended. False: dropped. */
bool emit_hold(struct frame *f, uint32_t payload_bytes, struct ada_record *record, size_t *attempt);

#endif
