/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hole: records that one of several joined inputs has damaged. Another can have them whole, some
 * of them, or damaged as well. Shared by these source files only:
 *
 *     copy_hole.c     what no input has: counted once for all of them, and told by one gap
 *     copy_cover.c    what other inputs have of a hole, looked at before any of it is written
 *     copy_front.c    a flight recorder's first block, of which nobody knows where it began
 *
 * Ticks are those of the inputs, which are of one session; counts are of records. An int is 0 or a
 * negative errno of reading or writing a block; that one is damaged is no error. Belongs to the
 * copy's thread.
 */
#ifndef ADATRACE_FORMAT_COPY_HOLE_H
#define ADATRACE_FORMAT_COPY_HOLE_H

#include "format/copy_state.h"

static inline uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- copy_cover.c ---- */

/* What other inputs have of a hole, in the order in which it will be written. */
struct hole_cover {
    struct trace_gap hole;
    struct copy_extent extent; /* of the hole */
    uint64_t records;          /* of the hole, that others have */
    uint64_t ticks, count;     /* of the last of these: when, and how many then */
    uint64_t seen;             /* of those then, by `source` */
    uint32_t source;           /* that was looked at last */
    uint64_t from;             /* nothing is missing before */
    uint64_t run_from;         /* the last piece behind `from` without anything missing */
    uint32_t run_step;         /* where that ends, or what is before `from`; or COPY_STEP_NONE */
    bool begins;               /* others have the front of it */
    bool parted;               /* there is such a piece */
};

/* Look for what others have of v->hole, the hole of that step, which can change: damaged blocks
 * that follow upon it at the same ticks are counted with it, and it ends where the input goes on.
 * `part` gets what its input has, through others, of the moment in which the hole ends. */
int hole_cover_make(struct trace_copy *c, struct hole_cover *v, size_t step, struct copy_part *part)
    __attribute__((warn_unused_result));

/* How many of the hole's records are in no other input, and where. */
uint64_t hole_cover_rest(const struct trace_copy *c, const struct hole_cover *v,
                         struct copy_extent *rest);

/* ---- copy_hole.c ---- */

/* Records in `rest` are in no input; `added` of them were not counted before. */
int hole_add(struct trace_copy *c, struct copy_thread *thread, const struct copy_source *s,
             const struct copy_extent *rest, uint64_t added) __attribute__((warn_unused_result));

/* The part lacks `records`, of the `of` that its block says. */
void hole_count(struct trace_copy *c, const struct index_entry *entry, struct copy_part *part,
                uint64_t records, uint64_t of);

/* ---- copy_front.c ---- */

/* The same as copy_hole_open(), for such a block: `missing` is all that it held. */
int hole_front_open(struct trace_copy *c, size_t step, struct copy_thread *thread,
                    struct copy_part *part, const struct trace_gap *missing)
    __attribute__((warn_unused_result));

#endif
