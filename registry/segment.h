/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment: the one block of shared memory between a traced process (with the children it forks) and
 * the drain: header, ThreadRegistry, arena, rings.
 *
 *     | header | switches | slots (identity + ring header) | arena | rings' bytes ... |
 *
 * The creator (collector, or the embedding session) formats it and keeps its geometry in private
 * memory; whoever attaches checks magic, version and bounds. Everything in it is fixed-width and
 * versioned. A segment is never unmapped in a traced process: threads hold a robust mutex in it for
 * life.
 */
#ifndef ADATRACE_REGISTRY_SEGMENT_H
#define ADATRACE_REGISTRY_SEGMENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own_file.h"
#include "registry/ring.h"
#include "registry/switches.h"

#define SEGMENT_MAGIC   UINT64_C(0x3147455341444100) /* "\0ADASEG1", little-endian */
#define SEGMENT_VERSION 7u

enum {
    SEGMENT_SLOTS_MAX = 1024, /* rings alive at once */
    SEGMENT_RING_DEFAULT = 4 << 20,
    SEGMENT_GROWTH = 8, /* how much larger a ring may grow, when nobody says */
    SEGMENT_RING_MAX_DEFAULT = 32 << 20,
    SEGMENT_ARENA_DEFAULT = 4 << 20,
};

/* Address space that one process's rings may take: bounds the number of threads with huge rings. */
#define SEGMENT_RINGS_MAX (UINT64_C(64) << 30)

enum segment_clock { SEGMENT_CLOCK_COUNTER = 1, SEGMENT_CLOCK_MONOTONIC = 2 };

/* What a segment is to be, and after attaching: what it is. */
struct segment_geometry {
    uint32_t slots;
    uint64_t ring_bytes;     /* a power of two: ring_capacity_for() */
    uint64_t ring_max_bytes; /* what a ring may grow to, a power of two; 0: it does not grow */
    uint64_t arena_bytes;
    enum ring_policy policy;
    uint64_t timeout_ns;
    enum segment_clock clock;
};

/*
 * A place in the kernel's list of robust futexes of the drain's thread: when that dies, however it
 * dies, the kernel marks `word`. Nobody but the kernel follows `next`.
 */
struct segment_life {
    uint64_t next;
    uint32_t word; /* the drain's thread id, FUTEX_OWNER_DIED; 0: no drain yet */
    uint32_t unused;
};

/* The recording's clocks, read together. */
struct segment_time {
    uint64_t ticks, monotonic_ns, realtime_ns;
};

/* The shared header. */
struct segment_shared {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint64_t bytes; /* of the whole segment */
    uint32_t slots;
    uint32_t policy;
    uint64_t ring_bytes, arena_bytes, timeout_ns;
    uint64_t slots_offset, arena_offset, rings_offset;
    uint32_t clock;
    uint32_t page_bytes;
    uint64_t ring_max_bytes;
    uint64_t switches_offset;
    uint32_t machine; /* MACHINE_KIND of who made it */
    uint32_t unused0[5];

    struct segment_life life; /* of the drain's thread */
    /* The drain, of a file only, which may outlive all of us: when it took it on, and twice its
     * last second, of which the one that `seconds` says is whole; on which boot. */
    struct segment_time begun, seen[2];
    uint64_t seconds;
    uint8_t boot_id[16];
    uint64_t unused1[2];

    /* Traced threads. */
    uint32_t next_type; /* event type ids handed out */
    uint32_t bell;      /* bell.h: the drain arms it, a thread rings */
    uint64_t unringed;  /* records of threads that found no ring */
    uint64_t unringed_bytes;
    uint32_t slots_touched; /* one more than the highest slot ever claimed */
    uint32_t closed;        /* the drain has gone for good: nobody claims any more */
    uint32_t no_memory;     /* the drain's word: it can make no more rings for now */
    uint32_t unused3;
    uint64_t unused4[11];

    /* One bit a slot: its ring is prepared; where to look for one that nobody has. */
    uint64_t ready[SEGMENT_SLOTS_MAX / 64];
} __attribute__((aligned(RING_LINE)));

_Static_assert(offsetof(struct segment_shared, life) == RING_LINE, "layout");
_Static_assert(offsetof(struct segment_shared, next_type) == 2 * RING_LINE, "layout");
_Static_assert(sizeof(struct segment_shared) % RING_LINE == 0, "layout");

/* C libraries differ in where a mutex has its futex, and a program's may be another than the
 * drain's. */
enum {
    SEGMENT_LIFE_WORDS = 2,
#if defined(__GLIBC__)
    SEGMENT_LIFE_WORD = 0,
#else
    SEGMENT_LIFE_WORD = 1, /* musl */
#endif
};

#define SLOT_OFFERED UINT64_MAX /* as struct slot_shared.claimer: nobody's, and ready */

enum slot_state { SLOT_FREE = 0, SLOT_CLAIMED = 1, SLOT_RETIRED = 2 };

/* One thread's place in the ThreadRegistry. */
struct slot_shared {
    /* The owner, when it claims; `state` last. */
    uint32_t state;      /* enum slot_state */
    uint32_t generation; /* the drain adds one when it frees the slot */
    uint32_t pid, tid;
    uint64_t claim_ticks;
    uint32_t parent_pid; /* of a forked child's first thread; else 0 */
    uint32_t robust;     /* `life` is held: its death can be seen, in the word of this number, +1 */
    char name[32];       /* NUL-terminated; the owner may change it: name_changes moves after it */
    uint32_t name_changes;
    uint32_t unused0;
    /* SLOT_OFFERED, the drain's word, or whose it is: process id, and above it that of the parent,
     * if it was forked; the owner's first word, by compare-and-exchange. */
    uint64_t claimer;
    uint64_t unused1[6];
    /* Held by the owner for life: the kernel marks it when the thread dies, however it dies. */
    union {
        pthread_mutex_t mutex;
        uint32_t words[SEGMENT_LIFE_WORDS]; /* one is the futex: owner's tid, FUTEX_OWNER_DIED */
        unsigned char bytes[RING_LINE];
    } life;
    struct ring_shared ring;
} __attribute__((aligned(RING_LINE)));

_Static_assert(sizeof(struct slot_shared) == 1024, "slot_shared is shared between processes");
_Static_assert(offsetof(struct slot_shared, life) == RING_LINE, "layout");
_Static_assert(offsetof(struct slot_shared, ring) == 2 * RING_LINE, "layout");

enum segment_prepared {
    SEGMENT_RING_ALLOCATED = 1, /* its memory, in a file; stays so */
    SEGMENT_RING_READY = 2      /* laid out for an owner, or in use by one */
};

/* A mapped segment, seen from one process: private and trusted. */
struct segment {
    struct segment_shared *shared;
    struct switches_shared *switches;
    struct slot_shared *slots;
    struct arena_shared *arena;
    unsigned char *rings;
    size_t bytes;
    struct segment_geometry geometry;
    int fd;                /* the creator's, -1 elsewhere: segment_file() */
    struct own_file own;   /* the creator's, which may be the application */
    bool is_memfd;         /* touching what is not allocated cannot fault */
    uint64_t *there_bytes; /* the creator's: memory of each ring that is there, of a memfd */
    uint8_t *prepared; /* the creator's memory of what registry_prepare() did: for each slot flags
                          of enum segment_prepared */
};

/* What rings of that size may grow to, when nobody says. Pure. */
uint64_t segment_ring_max_for(uint64_t ring_bytes);
/* How many rings that may grow to so much there are addresses for. Pure. */
uint32_t segment_slots_for(uint64_t ring_max_bytes);

/* Addresses of each ring: what it may grow to, unless its policy is overwrite. Pure. */
uint64_t segment_ring_capacity(const struct segment_geometry *geometry);

/* Bytes of a segment. Pure. */
size_t segment_bytes(const struct segment_geometry *geometry);

/*
 * Make a segment in a sealed memfd (path NULL) or in a new file at `path` (0600, O_EXCL), map it,
 * format it, and allocate header, slots and arena's beginning; no ring is ready yet. Returns 0 or a
 * negative errno. Not async-signal-safe.
 */
int segment_create(struct segment *segment, const struct segment_geometry *geometry,
                   const char *path) __attribute__((warn_unused_result));
/* Creator only: its file, if it is still there, also when somebody has closed the descriptor; else
 * -EBADF. */
int segment_file(struct segment *segment) __attribute__((warn_unused_result));

/* Creator only: children that this process forks from here on do not get the mapping. They would
 * hold it for as long as they live, and look as if they used it. */
void segment_keep_from_forks(struct segment *segment);

/* Creator only: unmap and close. */
void segment_destroy(struct segment *segment);

/*
 * Map what `fd` holds and check it. -EBADMSG: not a segment; -EPROTONOSUPPORT: another version, or
 * of another kind of machine. The fd stays the caller's and may be closed afterwards. Allocates
 * nothing; async-signal-safe in practice (mmap, fstat).
 */
int segment_map(struct segment *segment, int fd) __attribute__((warn_unused_result));

/*
 * Map a copy of what a file holds that nobody uses any more, for who empties it: it is read as it
 * is needed, and what is written to it is the caller's alone. Errors as segment_map(), and -ENOMEM;
 * ends with segment_destroy(). The file must not become shorter meanwhile.
 */
int segment_map_copy(struct segment *segment, int fd) __attribute__((warn_unused_result));

/* Nobody drains it any more: the drain has said so, or died. Anybody; async-signal-safe. */
bool segment_is_abandoned(const struct segment *segment);

/* The bytes of slot n's ring. */
unsigned char *segment_ring_data(const struct segment *segment, uint32_t slot);

#endif
