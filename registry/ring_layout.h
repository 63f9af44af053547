/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the next record goes: the producer's slow path decides it here, from the index that it has
 * reserved up to and from how far the consumer has read. Pure but for loads of shared fields, and
 * ring_reach(); producer only, async-signal-safe.
 *
 * In an elastic ring the index runs over `capacity` addresses, of which only the first `room` bytes
 * may be used, and of those no more than need be. A lap ends where the producer finds that enough
 * at the beginning has been read: the rest of the addresses is skipped.
 *
 *        lap n       |#####······|        skipped          |     # unread   · read
 *        lap n + 1   |>>>  ^ the consumer still reads lap n here
 *                           >>>>>>>>  then this lap goes on behind, where lap n was not: "hop"
 *
 * So the room can be filled at any moment (but for what was hopped over, until the lap ends), and a
 * ring that is read in time stays within the memory that was made ready for it, whatever its room.
 */
#ifndef ADATRACE_REGISTRY_RING_LAYOUT_H
#define ADATRACE_REGISTRY_RING_LAYOUT_H

#include "registry/ring.h"

enum { RING_GAP_BYTES = 8 + sizeof(struct ada_record_gap) };

/* Which of two free-running figures is farther. */
static inline uint64_t ring_later(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) > 0 ? a : b;
}

/* A count that is not known: records in front were not committed yet. A mark does not have it;
 * readers pass it over (untrusted). */
#define RING_WRITTEN_UNKNOWN UINT64_MAX

/* How a reservation would lie: | what is left out | GAP | record |. */
struct ring_layout {
    uint64_t start, first, gap, end; /* indexes; gap: bytes */
    uint64_t written;                /* records in front */
    uint64_t dropped, dropped_bytes; /* so far; what was told of them in front */
    uint64_t told, told_bytes;
    uint64_t told_ticks; /* no drop that is told here is shown as earlier than that */
    uint64_t tail;       /* as it was */
    bool nested;
    bool fits;
};

struct ring_layout ring_layout_for(const struct ada_writer *writer, uint64_t bytes);

/* What GAP records in front of `index` tell of: those that stand, and one that is claimed and whose
 * writer we interrupt. `ticks`: of the latter, else 0. */
struct ring_told {
    uint64_t records, bytes, ticks;
};
struct ring_told ring_told_before(const struct ada_writer *writer, uint64_t index);

/* Up to where the fast path may go on behind `end`, on its own. */
uint64_t ring_limit_for(const struct ada_writer *writer, uint64_t end);

/* Elastic: say that bytes up to the record's end, or `limit`, may be written to. False: the room
 * was taken back meanwhile; decide again. */
bool ring_reach(const struct ada_writer *writer, const struct ring_layout *layout, uint64_t limit);

/* Bytes between two indexes that are in use. */
uint64_t ring_bytes_between(const struct ada_writer *writer, uint64_t from, uint64_t to);

/*
 * A handler may fork while the slow path is on its way, and in the child the writer is wiped. The
 * child's slow path goes on all the same, to its end, in a ring that nobody reads.
 */
struct ring_nowhere {
    struct ring_shared ring;
    unsigned char bytes[128];
};
extern struct ring_nowhere ring_nowhere;

static inline struct ring_shared *ring_of(const struct ada_writer *w)
{
    struct ring_shared *ring = w->ring;

    return ring ? ring : &ring_nowhere.ring;
}

static inline struct ada_ring_front *ring_front_of(const struct ada_writer *w)
{
    struct ada_ring_front *front = w->front;

    return front ? front : &ring_nowhere.ring.front;
}

static inline bool ring_is_elastic(const struct ring_shared *ring)
{
    return ring->step_bytes != ring->capacity;
}

#endif
