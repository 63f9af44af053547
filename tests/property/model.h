/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model: what a program's threads know by themselves of what they attempted, record by record. The
 * judge (judge.h) compares it with what the traces show. One thread.
 */
#ifndef ADATRACE_TESTS_MODEL_H
#define ADATRACE_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    OUTCOME_OPEN,    /* not known yet: in the middle of it, or held */
    OUTCOME_STORED,  /* the emit said so */
    OUTCOME_DROPPED, /* the emit said so */
    OUTCOME_LEFT,    /* jumped out of: stored, dropped, or never begun */
    OUTCOME_NOTHING, /* rolled back */
};

/* Sessions and what lies between them are phases: 0 before the first one, 1 the first one, ... */
struct attempt {
    uint64_t start, end; /* time */
    uint32_t payload_bytes;
    uint32_t dropped_bytes; /* what counts for it when it is dropped */
    uint32_t life;          /* of which ring; MODEL_NO_RING */
    uint32_t first_phase, last_phase;
    uint8_t thread, outcome;
};

enum { MODEL_ATTEMPTS_MAX = 1 << 16, MODEL_LIVES_MAX = 1024 };
#define MODEL_NO_RING UINT32_MAX

/* One thread's stay in one slot. */
struct life {
    uint64_t claim_ticks;
    uint32_t slot, thread;
    bool is_over;
    uint32_t left_from; /* attempts from here on may be unpublished: +1, 0: none */
};

struct model {
    uint64_t tag; /* in front of the numbers: a record of another case is none of ours */
    uint32_t phase;
    struct attempt *attempts;
    size_t count;
    struct life lives[MODEL_LIVES_MAX];
    size_t life_count;
    bool has_between, has_jumps; /* something came in between; something was left */
    /* A handler's emit was left, or handlers filled an overwriting ring behind an emit: the two
     * cases in which a record may be damaged (docs/MEMORY-MODEL.md, "What remains"). */
    bool may_damage;
    uint64_t damaged; /* sessions in which that was so */
    /* What the traces of its sessions say that became of the attempts; the judge adds it up. */
    uint64_t decoded, dropped, overwritten;
};

void model_begin(struct model *model, uint64_t tag);

/* An attempt begins. Returns which one. */
size_t model_attempt(struct model *model, uint8_t thread, uint32_t payload_bytes);
uint64_t model_number(const struct model *model, size_t attempt);
/* The attempt of that number, or -1. */
int64_t model_find(const struct model *model, uint64_t number);

/* The life in slot `slot` that was claimed then; made if need be. */
uint32_t model_life(struct model *model, uint32_t slot, uint64_t claim_ticks, uint32_t thread);

/* A session ends or begins: what is open is of both. */
void model_phase_turn(struct model *model);
/* It belongs to that session for sure, and its outcome is what it says. */
bool model_is_sure(const struct model *model, size_t attempt, uint32_t phase);
/* It belongs to one session for sure, and its outcome is what it says. */
bool model_is_settled(const struct model *model, size_t attempt);
/* It may belong to it. */
bool model_is_possible(const struct model *model, size_t attempt, uint32_t phase);

#endif
