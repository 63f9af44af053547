/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPSC: how a ring of adatrace/ring.h lies in memory, and what a handle of it holds.
 *
 * Shared are a header and the bytes; each side trusts only what its own handle has of them: sizes
 * copied once, its own index. The other side's index is read when the own copy of it is used up,
 * and checked. A record is a word and the payload, padded to 8 bytes, never split at the ring's
 * end: the rest of a lap becomes padding. The word says the payload's length and, in its upper
 * half, its own place: what was torn, overwritten, or is of an earlier lap does not fit there.
 *
 * Every edge is in docs/MEMORY-MODEL.md. Writer's, reader's and other functions as in
 * adatrace/ring.h.
 */
#ifndef ADATRACE_RINGS_SPSC_H
#define ADATRACE_RINGS_SPSC_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adatrace/ring.h>

#include "base/atomic.h"

#define SPSC_MAGIC   UINT32_C(0x53414441) /* "ADAS" */
#define SPSC_VERSION 1u

enum { SPSC_LINE = 128 };

/* ---- shared ---- */

/*
 * One side's presence. `life` is a robust futex word when a channel or a fan-in holds it: the
 * holder's thread id (rings/warden.h), FUTEX_OWNER_DIED once it has died or left. In a ring by
 * itself, and before the first holder, it is 0. Its FUTEX_WAITERS bit says that the other side
 * sleeps on it; the kernel honours that, too.
 */
union spsc_attention {
    struct {
        uint32_t life;
        uint32_t closed; /* no more records, for good */
    };
    uint64_t both; /* what the side compares with its `calm` at every record */
};

struct spsc_end {
    union spsc_attention attention;
    uint32_t generation; /* how often it was taken on; 0: never */
    uint32_t pid;        /* of the holder, for people */
    uint64_t wake_at;    /* reader's end: the tail that lets a sleeping writer go on */
    uint32_t tid;        /* fan-in: of the producer, for people */
    uint32_t left;       /* the holder has ended by itself */
    uint64_t unused[12];
};

/*
 * Records so far, and the index that belongs to. Of two in turn, the one whose index is the current
 * one counts: so whoever takes over from a side that was killed at any instruction goes on with the
 * right figure.
 */
struct spsc_count {
    uint64_t index, records;
};

struct spsc_shared {
    /* Nobody, after it was made. */
    uint32_t magic, version;
    uint64_t capacity;
    uint64_t data_offset; /* of the bytes, from this header */
    uint32_t naps;        /* somebody cannot be fenced from afar: sleepers look by themselves */
    uint32_t unused0;
    uint64_t unused1[12];

    /* The writer. */
    uint64_t head; /* bytes published, free-running */
    struct spsc_count written[2];
    uint64_t dropped, writer_high_water;
    uint64_t unused2[9];

    /* The reader. */
    uint64_t tail; /* bytes given back */
    struct spsc_count read[2];
    uint64_t damaged_bytes, reader_high_water;
    uint64_t unused3[9];

    struct spsc_end writer; /* flags: the reader; life: its holder */
    struct spsc_end reader;
} __attribute__((aligned(SPSC_LINE)));

_Static_assert(sizeof(struct spsc_end) == SPSC_LINE, "shared between processes");
_Static_assert(sizeof(struct spsc_shared) == 5 * SPSC_LINE, "shared between processes");
_Static_assert(offsetof(struct spsc_shared, capacity) == 8, "layout");
_Static_assert(offsetof(struct spsc_shared, data_offset) == 16, "layout");
_Static_assert(offsetof(struct spsc_shared, naps) == 24, "layout");
_Static_assert(offsetof(struct spsc_shared, head) == 1 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct spsc_shared, tail) == 2 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct spsc_shared, writer) == 3 * SPSC_LINE, "layout");
_Static_assert(offsetof(struct spsc_shared, reader) == 4 * SPSC_LINE, "layout");

/* Say how many records there are at `index`, before the index itself is published: with a release,
 * which the compiler must not move this behind. */
static inline void spsc_count_store(struct spsc_count counts[2], uint64_t *turn, uint64_t index,
                                    uint64_t records)
{
    struct spsc_count *count = &counts[ *turn ^= 1];

    /* relaxed: a figure; in order for who is killed in between. */
    store_relaxed(&count->records, records);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    store_relaxed(&count->index, index);
}

static inline uint64_t spsc_count_load(const struct spsc_count counts[2], uint64_t index)
{
    /* relaxed: a figure, exact while its side does not work. */
    return load_relaxed(&counts[0].index) == index ? load_relaxed(&counts[0].records)
                                                   : load_relaxed(&counts[1].records);
}

/* ---- records ---- */

#define SPSC_PAD         UINT64_C(0x80000000) /* nothing up to here */
#define SPSC_LENGTH_MASK UINT64_C(0x7fffffff)

static inline uint64_t spsc_record_bytes(uint64_t payload_bytes)
{
    return (payload_bytes + 8 + 7) & ~UINT64_C(7);
}

/* The word of a record at `index`. */
static inline uint64_t spsc_word(uint64_t index, uint64_t length)
{
    return index >> 3 << 32 | length;
}

/* ---- a handle ---- */

enum spsc_memory { SPSC_PRIVATE, SPSC_CALLERS, SPSC_MAPPED, SPSC_PART };

struct ada_ring {
    /* Nobody, after it was made. */
    struct spsc_shared *shared;
    unsigned char *data;
    uint64_t capacity;
    uint64_t record_max;
    uint64_t spin_ns;
    enum spsc_memory memory;
    int fd;
    void *map;
    size_t map_bytes;
    uint32_t *bell;                  /* fan-in: wakes the reader of many rings; else NULL */
    struct spsc_end *writer_end;     /* shared->writer, unless a fan-in keeps it elsewhere */
    const struct spsc_end *consumer; /* whose end is the reader's: shared->reader, or a fan-in's */
    uint64_t unused0[5];

    struct {
        uint64_t reserve; /* next byte to hand out */
        uint64_t limit;   /* up to here without looking: end of room, or of the lap */
        uint64_t head;    /* published */
        uint64_t tail;    /* the reader's, as last seen */
        uint64_t last;    /* where the last reservation begins */
        uint64_t open;    /* records reserved and not committed */
        uint64_t written, dropped, high_water;
        uint64_t calm; /* the attention that asks for nothing */
        uint64_t turn; /* of shared->written */
        uint64_t unused[5];
    } w;

    struct {
        uint64_t at;     /* next record to look at */
        uint64_t head;   /* the writer's, as last seen */
        uint64_t tail;   /* given back */
        uint64_t peeked; /* bytes that the last peek showed; 0: nothing */
        uint64_t read, damaged_bytes, high_water;
        uint64_t calm;
        uint64_t other; /* the writer's attention, as last seen alive and open */
        uint64_t turn;  /* of shared->read */
        uint64_t muted; /* fan-in: its index is nonsense; until its producer has ended */
        uint64_t unused[5];
    } r;
} __attribute__((aligned(SPSC_LINE)));

_Static_assert(offsetof(struct ada_ring, w) == 1 * SPSC_LINE, "two threads' lines");
_Static_assert(offsetof(struct ada_ring, r) == 2 * SPSC_LINE, "two threads' lines");
_Static_assert(sizeof(struct ada_ring) == 3 * SPSC_LINE, "see ADA_RING_OVERHEAD");
_Static_assert(sizeof(struct ada_ring) + sizeof(struct spsc_shared) == ADA_RING_OVERHEAD,
               "ADA_RING_OVERHEAD");

/* ---- making (spsc_make.c) ---- */

/* The capacity that a request gets, or -ERANGE. */
int64_t spsc_capacity_for(uint64_t requested) __attribute__((warn_unused_result));

/* Write a new header. `magic` comes last. */
void spsc_format(struct spsc_shared *shared, uint64_t capacity, uint64_t data_offset);

/* Check a header that somebody else wrote, in memory of `bytes` from the header on, which has room
 * for it.
 * *capacity, *data_offset: trusted copies. */
int spsc_accept(const struct spsc_shared *shared, uint64_t bytes, uint64_t *capacity,
                uint64_t *data_offset) __attribute__((warn_unused_result));

/* Both indexes of about one moment, the sides being at work. False: they are nonsense. */
bool spsc_indexes_read(const struct spsc_shared *shared, uint64_t capacity, uint64_t *head,
                       uint64_t *tail);
/* Begin where the ring's indexes are. -EBADMSG: nonsense. */
int spsc_handle_begin(struct ada_ring *ring) __attribute__((warn_unused_result));
/* A handle for a ring of trusted sizes: takes both indexes on where they are, which are checked.
 * -EBADMSG. */
int spsc_handle_init(struct ada_ring *ring, struct spsc_shared *shared, unsigned char *data,
                     uint64_t capacity) __attribute__((warn_unused_result));

/* ---- looking (spsc_check.c) ---- */

/* Published records and padding, one behind the other: that of `index` at
 * bytes[(index - origin) & mask]. */
struct spsc_walk {
    const unsigned char *bytes;
    uint64_t origin, mask, capacity;
};

/* Counts the records from `tail` to `head`. -EBADMSG: one is not as it should be, *at is where, and
 * *why what. Any thread; trusts nothing. */
int64_t spsc_walk(const struct spsc_walk *walk, uint64_t tail, uint64_t head, uint64_t *at,
                  const char **why) __attribute__((warn_unused_result));

/* ---- sleeping (spsc_wait.c) ---- */

/* The process's stores become visible to sleepers who ask for it (membarrier). False: not here. */
bool spsc_fence_register(void);
/* Whatever registered processes have stored before is visible, and what we have to them. False: not
 * here, sleep in naps. */
bool spsc_fence_everybody(void);

void spsc_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns);
void spsc_futex_wake(uint32_t *word);

/* Who held this end is gone, dead or by itself. */
bool spsc_end_is_over(const struct spsc_end *end);

/* The end's attention is not calm: is the other side to be woken? */
void spsc_wake_reader(struct ada_ring *ring);
void spsc_wake_writer(struct ada_ring *ring);

/* 1: room for a record of `bytes` (its word included), 0: none, or an error. The writer's. */
int spsc_make_room(struct ada_ring *ring, uint64_t bytes);
/* As ada_ring_peek(), but 0 at the end of everything, too. The reader's. */
int spsc_look(struct ada_ring *ring, struct ada_ring_record *record);

#endif
