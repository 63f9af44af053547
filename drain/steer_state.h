/* SPDX-License-Identifier: Apache-2.0 */
/* What steering has made of a session; part of struct drain. Written by the drain's thread under
 * the drain's lock, read by it at any time, by others under the lock. */
#ifndef ADATRACE_DRAIN_STEER_STATE_H
#define ADATRACE_DRAIN_STEER_STATE_H

#include "base/glob_words.h"
#include "registry/segment.h"

struct steering {
    uint64_t version; /* counts words, and changes that concern segments; 0: there were none */
    struct glob_words words;
    uint32_t level; /* of events; all up to it are on */
    bool paused, has_policy;
    enum ring_policy policy;
    uint64_t timeout_ns;
    uint64_t ring_max_bytes;   /* 0: as far as there are addresses */
    uint64_t paused_ns;        /* since when */
    struct glob_words draft;   /* room to work in */
    struct switch_rules rules; /* the same: of one segment */
};

#endif
