/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broadcast buffer's memory, which processes share, and its parts on each side of it. For the
 * files of rings/ only; include/adatrace/broadcast.h is for all others.
 *
 * Positions are free-running byte counts; position p stands at data[p & (capacity - 1)]. A message
 * is a head and its payload, padded to 8 bytes and never split at the end of a lap, where a head
 * word marked BROADCAST_PAD fills up.
 *
 *     published ──► all below is complete                   intent ──► may be written up to here
 *     ─────────────────────┬──────────────────────────────────┬──────────────────────────────────
 *      p: good as long as intent <= p + capacity              │ nothing
 *
 * `intent` moves before a message's bytes are written and tells a skipping reader that its copy may
 * be torn; `published` moves behind complete messages only. With many producers `claimed` says how
 * far heads stand, and each head says whether its message is complete: whoever completes one moves
 * `published` over all that are.
 */
#ifndef ADATRACE_RINGS_BROADCAST_MEMORY_H
#define ADATRACE_RINGS_BROADCAST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adatrace/broadcast.h>

#include "base/atomic.h"

#define BROADCAST_MAGIC        UINT64_C(0x747361636461ada1)
#define BROADCAST_PAD          (UINT32_C(1) << 31) /* in broadcast_head.length: nothing stands here */
#define BROADCAST_UNDONE       (UINT32_C(1) << 30) /* claimed, not committed */
#define BROADCAST_LENGTH       (BROADCAST_UNDONE - 1)
#define BROADCAST_CAPACITY_MIN (UINT64_C(4) << 10)
#define BROADCAST_CAPACITY_MAX (UINT64_C(1) << 30)

enum {
    BROADCAST_VERSION = 1,
    BROADCAST_LINE_BYTES = 128,
    BROADCAST_MARKS = 16,
    BROADCAST_DATA_OFFSET = 64 * 1024, /* the largest page size there is */
    BROADCAST_PARTS = 8,               /* of the capacity: the longest message is one of them */
};

/* In front of every message. The first word is read and written as one. */
struct broadcast_head {
    union {
        uint64_t word;
        struct {
            uint32_t length; /* of the payload; of a pad, all of it */
            uint32_t type;
        };
    };
    uint64_t sequence;
    uint64_t bytes; /* payload bytes of all messages before */
};

/* For reads that may meet somebody else's writes, and whose result is then not used. */
#if defined(__clang__)
#define BROADCAST_UNWATCHED __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define BROADCAST_UNWATCHED __attribute__((no_sanitize("thread"), noinline))
#endif

enum broadcast_seat_state { SEAT_FREE = 0, SEAT_SKIPPING = 1, SEAT_GATING = 2, SEAT_TAKEN = 3 };

/* A consumer's own line. */
struct broadcast_seat {
    uint64_t cursor; /* it has let go of everything below */
    uint32_t state;
    uint32_t reserved;
    unsigned char rest[BROADCAST_LINE_BYTES - 16];
};

struct broadcast_shared {
    /* Nobody writes these after the creation. */
    uint64_t magic;
    uint32_t version;
    uint32_t many;
    uint64_t capacity;
    uint64_t data_offset;
    unsigned char rest_of_fixed[BROADCAST_LINE_BYTES - 32];
    /* The producers, when they claim. */
    uint64_t edition; /* odd while the next three change */
    uint64_t intent;
    uint64_t sequence;
    uint64_t bytes;
    uint64_t claimed; /* many: heads stand up to here */
    uint32_t lock;    /* many: who claims */
    uint32_t unused;
    unsigned char rest_of_claim[BROADCAST_LINE_BYTES - 48];
    /* The producers, when they commit. */
    uint64_t published;
    uint32_t closed;
    uint32_t blockers; /* consumers of this process that may block */
    unsigned char rest_of_commit[BROADCAST_LINE_BYTES - 16];
    /* Futexes: who waits for messages, and who for room. */
    uint32_t signal, waiters;
    uint32_t room_signal, room_waiters;
    unsigned char rest_of_futexes[BROADCAST_LINE_BYTES - 16];
    /* Where the newest message of each sixteenth of the capacity begins that has one. */
    uint64_t marks[BROADCAST_MARKS];
    struct broadcast_seat seats[ADA_BROADCAST_CONSUMERS];
};

_Static_assert(sizeof(struct broadcast_head) == 24, "broadcast_head");
_Static_assert(offsetof(struct broadcast_head, sequence) == 8, "sequence");
_Static_assert(offsetof(struct broadcast_head, bytes) == 16, "bytes");
_Static_assert(sizeof(struct broadcast_seat) == BROADCAST_LINE_BYTES, "broadcast_seat");
_Static_assert(offsetof(struct broadcast_shared, magic) == 0, "magic");
_Static_assert(offsetof(struct broadcast_shared, version) == 8, "version");
_Static_assert(offsetof(struct broadcast_shared, many) == 12, "many");
_Static_assert(offsetof(struct broadcast_shared, capacity) == 16, "capacity");
_Static_assert(offsetof(struct broadcast_shared, data_offset) == 24, "data_offset");
_Static_assert(offsetof(struct broadcast_shared, edition) == 128, "edition");
_Static_assert(offsetof(struct broadcast_shared, intent) == 136, "intent");
_Static_assert(offsetof(struct broadcast_shared, sequence) == 144, "sequence");
_Static_assert(offsetof(struct broadcast_shared, bytes) == 152, "bytes");
_Static_assert(offsetof(struct broadcast_shared, claimed) == 160, "claimed");
_Static_assert(offsetof(struct broadcast_shared, lock) == 168, "lock");
_Static_assert(offsetof(struct broadcast_shared, published) == 256, "published");
_Static_assert(offsetof(struct broadcast_shared, closed) == 264, "closed");
_Static_assert(offsetof(struct broadcast_shared, blockers) == 268, "blockers");
_Static_assert(offsetof(struct broadcast_shared, signal) == 384, "signal");
_Static_assert(offsetof(struct broadcast_shared, waiters) == 388, "waiters");
_Static_assert(offsetof(struct broadcast_shared, room_signal) == 392, "room_signal");
_Static_assert(offsetof(struct broadcast_shared, room_waiters) == 396, "room_waiters");
_Static_assert(offsetof(struct broadcast_shared, marks) == 512, "marks");
_Static_assert(offsetof(struct broadcast_shared, seats) == 640, "seats");
_Static_assert(sizeof(struct broadcast_shared) == 640 + ADA_BROADCAST_CONSUMERS * 128,
               "broadcast_shared");
_Static_assert(sizeof(struct broadcast_shared) <= BROADCAST_DATA_OFFSET, "data_offset");

struct ada_broadcast {
    struct broadcast_shared *shared;
    unsigned char *data;
    uint64_t capacity; /* our own copies: what stands in shared memory is not believed later */
    uint64_t limit;    /* producers: they may claim up to here without looking again */
    size_t map_bytes;
    int fd; /* -1: private memory */
    bool many, writable;
    enum ada_broadcast_wait wait;
};

struct ada_broadcast_consumer {
    struct ada_broadcast *broadcast;
    struct broadcast_seat *seat; /* NULL: a reader of another process */
    enum ada_broadcast_kind kind;
    enum ada_broadcast_wait wait;
    uint64_t at;                       /* the next message */
    uint64_t limit;                    /* known to be published, and let go of by those before us */
    uint64_t expected, expected_bytes; /* sequence and bytes of the next message */
    struct ada_broadcast_counts counts;
    unsigned char *copy; /* skipping: the message */
    size_t copy_capacity;
    const struct broadcast_seat **after;
    unsigned after_count;
};

static inline unsigned char *broadcast_at(const struct ada_broadcast *b, uint64_t position)
{
    return b->data + (position & (b->capacity - 1));
}

static inline struct broadcast_head *broadcast_head_at(const struct ada_broadcast *b,
                                                       uint64_t position)
{
    return (struct broadcast_head *)(void *)broadcast_at(b, position);
}

/* Bytes in the buffer of a message with so much payload. */
static inline uint64_t broadcast_span(uint64_t payload_bytes)
{
    return sizeof(struct broadcast_head) + ((payload_bytes + 7) & ~UINT64_C(7));
}

/* How far something has come behind (positive) or before another position. */
static inline int64_t broadcast_ahead(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b);
}

/* ---- broadcast_wait.c ---- */

/* One step of waiting; `round` counts them from 0. False: the time is up. */
struct broadcast_patience {
    uint64_t deadline_ns; /* UINT64_MAX: never */
    unsigned round;
};
void broadcast_patience_init(struct broadcast_patience *patience, uint64_t timeout_ns);

/* Sleep until `word` is not `value` any more, somebody wakes it, or a slice of time is over. */
void broadcast_sleep(const uint32_t *word, uint32_t value, uint64_t slice_ns,
                     const struct broadcast_patience *patience);
/* The strategies without a futex: one step. */
void broadcast_pause(enum ada_broadcast_wait wait, struct broadcast_patience *patience);
bool broadcast_time_is_up(const struct broadcast_patience *patience);

/* Somebody who waits for messages has to look again: `published`, `closed` or a cursor moved. */
void broadcast_tell_messages(struct ada_broadcast *b);
/* The same for producers who wait for room. */
void broadcast_tell_room(struct ada_broadcast *b);

#endif
