/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steer: a running session is changed from outside: which events are on, how full rings and blocks
 * are dealt with, its end.
 *
 * Each change holds for all processes that are traced now and for those to come, and leaves a note
 * in the trace, so that a reader knows why events are missing. `who` is a clause for that note.
 * Calls are for the drain's thread, by drain_call(); steer_dress() is for any.
 */
#ifndef ADATRACE_DRAIN_STEER_H
#define ADATRACE_DRAIN_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/glob_words.h"
#include "base/wait_choice.h"
#include "drain/drain.h"

/* ---- which events are on ---- */

struct steer_count {
    unsigned matching; /* event types that the globs are about; one of every process */
    unsigned changed;  /* of these, went on or off */
};

/* Globs as base/glob.h, checked before. -ENAMETOOLONG: too much has been said; nothing changes. */
int steer_events(struct drain *drain, const char *globs, bool on, const char *who,
                 struct steer_count *count);

/* Every event off, and nothing forgotten; and back. 1, or 0: it was so already. */
int steer_pause(struct drain *drain, bool pause, const char *who);

/* Types above this level are off from now on. */
int steer_events_level(struct drain *drain, uint32_t level, const char *who);

/* ---- how it records ---- */

/* -ENOTSUP: to or from overwrite, for which rings are laid out differently. `timeout_ns` as in
 * struct segment_geometry. */
int steer_policy(struct drain *drain, enum ring_policy policy, uint64_t timeout_ns,
                 const char *who);

/* The most that a ring may grow to. Returns through `bytes` what it comes to: a power of two, not
 * more than rings have addresses for and not less than they begin with. */
int steer_ring_max(struct drain *drain, uint64_t *bytes, const char *who);

/* Compress with this zstd level when it is calm. NULL: with that of the session's beginning, which
 * *in_force gets in any case. */
int steer_level(struct drain *drain, const int *level, const char *who, int *in_force);

/* As drain_set_wait(). */
int steer_wait(struct drain *drain, const struct wait_choice *choice, const char *who);

/* ---- the end ---- */

/* Nobody emits any more; what follows is for who runs the drain. */
int steer_end(struct drain *drain, const char *who);

/* ---- segments ---- */

/* A segment that is about to be given away goes by what was said so far. Returns the version for
 * struct drain_attachment. Any thread; the segment is the caller's own. */
uint64_t steer_dress(struct drain *drain, struct segment *segment);

#endif
