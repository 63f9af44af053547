/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches: which event types are on, where the traced program and the drain both see it.
 *
 * An event of a program asks one byte of the segment whether it is on. Nobody tells the program:
 * it has no thread of ours, gets no signal, and may be in a sandbox. Behind each byte stands a word
 * that says for which type it is, what was decided, and when. Whoever has something to say decides:
 * the program when it registers a type and when it throws a switch itself, the drain when somebody
 * steers. Decisions carry stamps of one counter and the later one stays, whatever the order in
 * which they are made, so that nobody waits for anybody.
 *
 *     decided  stamp of the decision | type's id | its level | wanted        the last word
 *     gate     one more than the highest level that passes, 0: none does     pause, end,
 * --min-level on       wanted, and its level passes                                  what an event
 * loads
 *
 * Types that are registered later are decided by rules that stand here, too: the session's globs,
 * and what was said since. Edges: docs/MEMORY-MODEL.md, Gate and Control.
 */
#ifndef ADATRACE_REGISTRY_SWITCHES_H
#define ADATRACE_REGISTRY_SWITCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adatrace/record.h>

#include "base/glob_words.h"

struct segment;

enum {
    SEGMENT_GLOBS_BYTES = 1024,
    SEGMENT_SWITCHES = ADA_RECORD_TYPES, /* one a type, and some for forked children's own */
};

#define SWITCH_GATE_OPEN 256u /* every level passes */
#define SWITCH_GATE_SHUT 0u

enum { SWITCHES_LINE = 128 }; /* who writes what is told by lines, as in segment.h */

/* In the segment. */
struct switches_shared {
    /* The drain, or who makes the segment. A reader copies, then checks that `generation` did not
     * move. */
    uint32_t generation; /* odd: being changed */
    uint32_t gate;       /* by itself */
    char globs[SEGMENT_GLOBS_BYTES];
    struct glob_words words; /* said by steering */

    /* Whoever needs one. */
    uint64_t stamp __attribute__((aligned(SWITCHES_LINE))); /* the next one */
    uint32_t taken;                                         /* switches handed out */

    /* Whoever decides. */
    uint8_t on[SEGMENT_SWITCHES] __attribute__((aligned(SWITCHES_LINE)));
    uint64_t decided[SEGMENT_SWITCHES];
} __attribute__((aligned(SWITCHES_LINE)));

_Static_assert(offsetof(struct switches_shared, words) == 8 + SEGMENT_GLOBS_BYTES, "shared layout");
_Static_assert(offsetof(struct switches_shared, stamp) == 9344, "shared layout");
_Static_assert(offsetof(struct switches_shared, on) == 9344 + SWITCHES_LINE, "shared layout");
_Static_assert(sizeof(struct switches_shared) == 9472 + 9 * SEGMENT_SWITCHES, "shared layout");

/* The maker of a segment, zeroed memory: every level passes, every type is wanted. */
void switches_format(struct segment *segment);

/* ---- rules, for types that come ---- */

/* What the session and steering say; a copy. */
struct switch_rules {
    uint32_t generation;
    char globs[SEGMENT_GLOBS_BYTES]; /* the session's, as base/glob.h */
    struct glob_words words;
};

/* Who makes a segment, or begins a session in one that had another: these globs, nothing said
 * since, types up to `level`, nothing decided. -ENAMETOOLONG: nothing changes. */
int switches_begin(struct segment *segment, const char *globs, uint32_t level)
    __attribute__((warn_unused_result));

/* The drain: what steering said with stamps of its own above `since` is said here now. Types that
 * are known are the caller's to decide, after it has looked for new ones. */
void switches_say(struct segment *segment, const struct glob_words *words, uint64_t since);

/* Anybody: copied out consistently. */
void switches_rules(const struct segment *segment, struct switch_rules *out);
/* Does the copy still say what the segment says? */
bool switches_rules_hold(const struct segment *segment, const struct switch_rules *rules);
/* What they say of "provider:event". */
struct glob_verdict switch_verdict(const struct switch_rules *rules, const char *name);

/* ---- the gate ---- */

/* The gate through which levels up to `level` pass. Pure. */
static inline uint32_t switch_gate(uint32_t level)
{
    return level < SWITCH_GATE_OPEN - 1 ? level + 1 : SWITCH_GATE_OPEN;
}

/* The drain: set the gate, and all switches by it. */
void switches_gate_set(struct segment *segment, uint32_t gate);
/* Anybody: does this level pass? When not even level 0 does, the gate is shut. */
bool switches_pass(const struct segment *segment, uint8_t level);

/* ---- switches ---- */

/* Stamps for `count` things that are said now; returns the first. */
uint64_t switches_stamp(struct segment *segment, unsigned count);

/* A switch for a type. Returns its number, -ENOSPC. Async-signal-safe. */
int switch_take(struct segment *segment, uint32_t type, uint8_t level)
    __attribute__((warn_unused_result));
/* How many there are. */
uint32_t switches_taken(const struct segment *segment);

/* Decide, unless a later decision stands. Returns whether the switch went on or off.
 * Async-signal-safe. */
bool switch_decide(struct segment *segment, uint32_t number, struct glob_verdict verdict);

struct switch_view {
    uint32_t type;
    uint8_t level;
    bool is_on;
    struct glob_verdict decided;
};
/* False: it is not in use. */
bool switch_look(const struct segment *segment, uint32_t number, struct switch_view *view);

/* What an event loads: 0, off; anything else, on. */
const uint8_t *switch_flag(const struct segment *segment, uint32_t number);

#endif
