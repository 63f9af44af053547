/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring: a single-producer, single-consumer byte ring of variable-length records in memory that two
 * processes may share. Records are self-delimiting (adatrace/record.h) and never split.
 *
 * Producer calls (ring_reserve ... ring_write_batch, ring_writer_*) belong to the owning thread and
 * its signal handlers: they are async-signal-safe and nest. Consumer calls (struct ring_reader)
 * belong to one thread at a time, in whatever process; they trust nothing that lies in shared
 * memory. ring_stats(), ring_check(), ring_dump() only look, from any thread.
 */
#ifndef ADATRACE_REGISTRY_RING_H
#define ADATRACE_REGISTRY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adatrace/emit.h>

#define RING_MAGIC   UINT32_C(0x52414441) /* "ADAR" */
#define RING_VERSION 1u

enum {
    RING_CAPACITY_MIN = 4096,
    RING_CAPACITY_MAX = 1 << 30,
    RING_LINE = 128,
    RING_BLOCKS = 8, /* of a ring with policy overwrite: what is overwritten at once */
    RING_AWAY = 4 /* records given up that are remembered, their writers being perhaps only away */
};

enum ring_policy { RING_DROP = 0, RING_OVERWRITE = 1, RING_BLOCK = 2 };

/* Where a block of the ring begins, so that a reader who was overtaken finds its feet. */
struct ring_mark {
    uint64_t index;
    uint64_t written;          /* records before it */
    uint64_t told, told_bytes; /* drops that GAP records before it tell of */
};

/* A record that was given up, its writer being perhaps only away: registry/ring_away.h. */
struct ring_away {
    uint64_t from;  /* index */
    uint64_t proof; /* bytes / 8 << 32, and what shows that both words belong together */
};

/* The shared header. One group per 128-byte line, by who writes it. */
struct ring_shared {
    /* Nobody, after ring_format(); policy and timeout: ring_set_policy(). */
    uint32_t magic, version;
    uint64_t capacity;    /* bytes, a power of two */
    uint64_t block_bytes; /* no record crosses a multiple of this */
    uint32_t policy;      /* enum ring_policy */
    uint32_t unused0;
    uint64_t timeout_ns;  /* policy block: longest wait; 0: as long as the consumer lives */
    uint64_t data_offset; /* of the bytes, from this header */
    uint64_t base_bytes;  /* elastic: the room at first; else capacity */
    uint64_t step_bytes;  /* elastic: the producer looks around at every multiple; else capacity */
    uint64_t low_bytes;   /* elastic: where it goes beyond that, it says so in `reach` */
    uint64_t unused1[7];

    /* The producer, every record. */
    struct ada_ring_front front;
    uint64_t intent;        /* policy overwrite: bytes below intent - capacity are gone */
    uint64_t nested;        /* records that handlers wrote behind an unfinished one */
    uint64_t padding_bytes; /* no record of the program's: given up, rolled back */
    uint64_t skipped_bytes; /* of front_bytes: addresses that laps left out */
    uint64_t reach;         /* elastic: up to here we may be writing, if beyond low_bytes; else 0 */
    uint64_t front_bytes;   /* of the padding: left out in front of records; see ada_ring_plan */
    uint64_t gap_bytes;     /* GAP records themselves */
    uint64_t written_slow;  /* records that the slow path committed; front.written has the others */
    uint64_t away_count;    /* of entries in `away` so far */
    uint64_t unused2[5];

    /* The producer, when records find no room. */
    uint64_t dropped, dropped_bytes;
    uint64_t told, told_bytes; /* of these: in GAP records */
    uint64_t untold_first_ticks, untold_last_ticks;
    uint32_t waiting; /* policy block: the producer sleeps on `space` */
    uint32_t unused3;
    struct ring_away away[RING_AWAY];
    uint64_t unused4;

    /* The consumer. */
    uint64_t tail;  /* bytes given back */
    uint64_t taken; /* records read */
    uint64_t overwritten, overwritten_bytes;
    uint64_t damaged_bytes;
    uint64_t high_water_bytes;
    uint32_t space;         /* futex: changes when a waiting producer has room again */
    uint32_t beat;          /* changes with every visit: the consumer lives */
    uint64_t room;          /* bytes that may be used, from the beginning; see ring_set_room() */
    uint64_t skipped_taken; /* of skipped_bytes: given back */
    uint64_t touched_bytes; /* memory that is there already, from the beginning; 0: not known */
    /* As long as `tail` is that one still, `taken` is this one: ring_taken(). */
    uint64_t last_tail, last_taken;
    uint64_t told_taken, told_taken_bytes; /* drops that GAP records in front of tail told of */
    uint64_t unused5[2];

    /* The producer, at every block. */
    struct ring_mark marks[RING_BLOCKS];
} __attribute__((aligned(RING_LINE)));

_Static_assert(sizeof(struct ring_shared) == 768, "ring_shared is shared between processes");
_Static_assert(offsetof(struct ring_shared, front) == 1 * RING_LINE, "layout");
_Static_assert(offsetof(struct ring_shared, dropped) == 2 * RING_LINE, "layout");
_Static_assert(offsetof(struct ring_shared, tail) == 3 * RING_LINE, "layout");
_Static_assert(offsetof(struct ring_shared, marks) == 4 * RING_LINE, "layout");

/* Records dropped since the last GAP record. Any thread; exact for the producer. */
static inline uint64_t ring_untold(const struct ring_shared *ring)
{
    /* relaxed: the producer's own figures, and live ones for everybody else. */
    return __atomic_load_n(&ring->dropped, __ATOMIC_RELAXED) -
           __atomic_load_n(&ring->told, __ATOMIC_RELAXED);
}

/* Records committed. Any thread; exact for the producer, and when it stands still. */
static inline uint64_t ring_written(const struct ring_shared *ring)
{
    return __atomic_load_n(&ring->front.written, __ATOMIC_RELAXED) + /* relaxed: as above */
           __atomic_load_n(&ring->written_slow, __ATOMIC_RELAXED);
}

struct ring_options {
    enum ring_policy policy;
    uint64_t timeout_ns; /* policy block; 0: as long as the consumer lives */
    /* Not 0, and not policy overwrite: an elastic ring (registry/ring_layout.h), which has so much
     * room at first, and as much of `capacity` as ring_set_room() says. A power of two. */
    uint64_t base_bytes;
    uint64_t low_bytes; /* what ring_spare() leaves it at least; 0: base_bytes */
};

/* ---- making and finding ---- */

/*
 * The capacity that a request gets: rounded up to a power of two. -ERANGE: not within
 * RING_CAPACITY_MIN and RING_CAPACITY_MAX.
 */
int64_t ring_capacity_for(uint64_t requested_bytes) __attribute__((warn_unused_result));

/* Bytes of memory for header and `capacity`, in one piece. */
size_t ring_memory_bytes(uint64_t capacity);

/* Make a ring in memory[bytes], 128-byte aligned: the largest capacity that fits. No allocation.
 * The memory stays the caller's. -EINVAL: misaligned; -ERANGE: too small. */
int ring_format(void *memory, size_t bytes, const struct ring_options *options,
                struct ring_shared **out) __attribute__((warn_unused_result));

/* The same with header and bytes in two places (a segment). `capacity` is one of
 * ring_capacity_for(). */
void ring_format_at(struct ring_shared *ring, unsigned char *data, uint64_t capacity,
                    const struct ring_options *options);

/* Make a ring in private memory of its own; ring_destroy() gives it back. Not async-signal-safe. */
int ring_create(uint64_t requested_bytes, const struct ring_options *options,
                struct ring_shared **out) __attribute__((warn_unused_result));
void ring_destroy(struct ring_shared *ring);

/* Check what somebody else formatted in memory[bytes]. -EBADMSG: no ring, or sizes that do not fit;
 * -EPROTONOSUPPORT: another version. */
int ring_attach(void *memory, size_t bytes, struct ring_shared **out)
    __attribute__((warn_unused_result));

unsigned char *ring_data(struct ring_shared *ring);

/* ---- the producer ---- */

/* Begin writing, continuing at the ring's head. `fast` false keeps every record on the slow path
 * (the counter is no clock). */
void ring_writer_init(struct ada_writer *writer, struct ring_shared *ring, bool fast);

/* Make what memory there is at the ring's beginning known to this process's page table, up to
 * `bytes`: later page faults now, without a system call. */
void ring_touch(struct ada_writer *writer, uint64_t bytes);

/* Bytes that a record (header included) could take right now; 0: none fits. */
uint64_t ring_available_to_write(const struct ada_writer *writer);
/* The longest record, in bytes with its header, that is sure of a place in an empty ring. */
uint64_t ring_record_max(const struct ring_shared *ring);

/*
 * Reserve room for a record of `type` with payload_bytes. True: write record->payload, then exactly
 * one of ring_commit() and ring_rollback(), in the same thread and process, and not from a handler
 * that interrupts a call of this group. Reservations may be held while the thread writes other
 * records, and end in any order; what is behind becomes visible when all in front has ended. False:
 * dropped and counted, as ring_write() (policy block: after waiting).
 */
bool ring_reserve(struct ada_writer *writer, uint32_t type, uint64_t payload_bytes,
                  struct ada_record *record) __attribute__((warn_unused_result));
/* The same; `sp` as in ring_reserve_slow(). */
bool ring_reserve_at(struct ada_writer *writer, uint32_t type, uint64_t payload_bytes, uint64_t sp,
                     struct ada_record *record) __attribute__((warn_unused_result));
void ring_commit(struct ada_record *record);
void ring_rollback(struct ada_record *record); /* the record becomes padding and is not counted */

/* False: dropped and counted; there was no room, or handlers took the writer for gone meanwhile. */
bool ring_write(struct ada_writer *writer, uint32_t type, const void *payload,
                uint64_t payload_bytes);

/* Many records, one clock reading, one publish; all or none. Returns as ring_write(). */
struct ring_item {
    uint32_t type;
    uint32_t payload_bytes;
    const void *payload;
};
bool ring_write_batch(struct ada_writer *writer, const struct ring_item *items, size_t count);

/*
 * The slow half of adatrace/emit.h for a writer that has a ring. `tag` and `bytes` as there. `sp`
 * is the stack pointer of the frame that will commit: when an emit finds that frame left, the
 * record is given up.
 */
struct ada_record ring_reserve_slow(struct ada_writer *writer, uint32_t tag, uint64_t bytes,
                                    uint64_t sp);
void ring_commit_slow(struct ada_writer *writer, unsigned char *header, uint64_t end, uint64_t word,
                      bool nested);

/* The caller's stack pointer, for ring_reserve_slow(), and what ada_stack_pointer() says there.
 * Where a function's frame is found from its own frame pointer only on x86; gcc knows it elsewhere,
 * clang on Arm. With clang on other machines it is a little too low: an emit from the same frame
 * again does not find that it was left. */
#if defined(__x86_64__)
#define ring_caller_sp() ((uint64_t)(uintptr_t)__builtin_frame_address(0) + 16)
#elif defined(__clang__) && defined(__aarch64__)
#define ring_caller_sp() ((uint64_t)(uintptr_t)__builtin_sponentry())
#elif defined(__s390x__) && !defined(__clang__)
#define ring_caller_sp() ((uint64_t)(uintptr_t)__builtin_dwarf_cfa() - 160)
#elif !defined(__clang__)
#define ring_caller_sp() ((uint64_t)(uintptr_t)__builtin_dwarf_cfa())
#else
#define ring_caller_sp() ((uint64_t)(uintptr_t)__builtin_frame_address(0))
#endif

/* ---- the consumer ---- */

struct ring_reader {
    struct ring_shared *shared;
    const unsigned char *data;
    uint64_t capacity, block_bytes; /* trusted copies */
    enum ring_policy policy;
    uint64_t tail;  /* given back */
    uint64_t at;    /* next record to look at */
    uint64_t head;  /* producer's head as last seen, checked */
    uint64_t plain; /* up to here: or to what was given up and lies in front of it; ring_away.h */
    uint64_t taken, damaged_bytes, high_water_bytes;
    uint64_t overwritten, overwritten_bytes;
    uint64_t known_written; /* policy overwrite: `written` that belongs to `at` */
    bool is_unsure;         /* which was not to be found out where we are: overwritten is too low */
    uint64_t known_told, known_told_bytes; /* drops that GAP records in front of `at` told of */
    uint64_t told_overwritten, told_overwritten_bytes; /* drops whose GAP records are gone */
    uint64_t span;                                     /* head is never farther from tail */
    uint64_t skipped; /* elastic: addresses left out in front of `at` */
    uint64_t skipped_at_tail;
    uint64_t room;       /* elastic: as set, else capacity */
    unsigned char *copy; /* policy overwrite: records are copied out before they are believed */
    uint64_t copy_from, copy_to;
    bool copy_is_there; /* there was a copy since ring_rest(): it takes memory */
};

struct ring_record {
    uint32_t type;
    uint64_t ticks; /* low 42 bits */
    const unsigned char *payload;
    uint32_t payload_bytes; /* rounded up to 8 */
    uint32_t bytes;         /* in the ring */
};

/* `capacity` and `policy` are the caller's own knowledge when the producer is not trusted, else the
 * header's. Allocates for policy overwrite. -EINVAL, -ENOMEM. */
int ring_reader_init(struct ring_reader *reader, struct ring_shared *ring,
                     const unsigned char *data, uint64_t capacity, enum ring_policy policy)
    __attribute__((warn_unused_result));
/* Also tells a producer that waits for room that nobody will make any. */
void ring_reader_fini(struct ring_reader *reader);

/*
 * Look at the next record without taking it. 1: *record is filled in, and its payload stays until
 * ring_release(), with policy overwrite until the next ring_peek(); 0: empty; -EOVERFLOW: records
 * were overwritten before they were read (reader->overwritten has grown; call again); -EBADMSG:
 * damaged, everything up to the head was passed over (damaged_bytes has grown). Padding is never
 * shown. Whatever the producer does to the memory, each call takes bounded time, and a failed one
 * moves on.
 */
int ring_peek(struct ring_reader *reader, struct ring_record *record)
    __attribute__((warn_unused_result));
void ring_advance(struct ring_reader *reader, const struct ring_record *record); /* take it */
void ring_release(struct ring_reader *reader); /* give back all that was taken */
/* Policy overwrite: the memory of what was copied out goes back to the system until the next look.
 * What was not taken of it is copied again, if it still stands. Elsewhere nothing. */
void ring_rest(struct ring_reader *reader);

/* Copying read: the payload goes to out[capacity]. Returns 1, 0, -ENOBUFS (not taken), or as
 * ring_peek(). */
int ring_read(struct ring_reader *reader, void *out, size_t capacity, struct ring_record *record)
    __attribute__((warn_unused_result));

/* Up to `max` records, given back by one ring_release() of the caller's. Returns how many, or as
 * ring_peek() when the first one fails. */
int ring_read_batch(struct ring_reader *reader, struct ring_record *records, unsigned max)
    __attribute__((warn_unused_result));

/*
 * Records that were seen published and not looked at yet, where they stand: *bytes of them from the
 * address returned, with anything among them. They stay until ring_release(), with policy overwrite
 * until the next ring_peek(). NULL: ring_peek() has to look first. Untrusted: see ring_peek().
 */
const unsigned char *ring_view(const struct ring_reader *reader, uint64_t *bytes);
/* Take `records` of them, `bytes` together, all of event types. */
void ring_take(struct ring_reader *reader, uint64_t records, uint64_t bytes);

/* From now on drop or block; a ring whose last consumer has gone counts as taken on again. A ring
 * of policy overwrite is laid out otherwise and stays what it is: -ENOTSUP. */
int ring_set_policy(struct ring_shared *ring, enum ring_policy policy, uint64_t timeout_ns)
    __attribute__((warn_unused_result));

/* How many records were taken before `tail`, also when their consumer was killed between giving
 * back and counting. Exact while nobody reads. */
uint64_t ring_taken(const struct ring_shared *ring);

uint64_t ring_available_to_read(struct ring_reader *reader); /* bytes */

/* Elastic rings: how much of `capacity` the producer may use from now on. Less than before: where
 * it is already it may stay until it comes by the lap's end. */
void ring_set_room(struct ring_reader *reader, uint64_t bytes);

/* Elastic rings: after ring_set_room(), to no less than low_bytes, what lies beyond that nobody
 * uses, and nobody will before there is more room again: *from to *to, bytes from the ring's
 * beginning. False: nothing, or not yet. */
bool ring_spare(struct ring_reader *reader, uint64_t *from, uint64_t *to);

/* Forget all that is in the ring right now, counting it as taken. */
void ring_reset(struct ring_reader *reader);

/* ---- looking ---- */

struct ring_stats {
    uint64_t capacity, fill_bytes, high_water_bytes;
    uint64_t written, written_bytes, taken, dropped, dropped_bytes;
    uint64_t overwritten, overwritten_bytes, nested, padding_bytes;
};
void ring_stats(const struct ring_shared *ring, struct ring_stats *out);

/* The low 42 bits of the ticks of the first record that the consumer has not read; the consumer's
 * call, policy overwrite: without copying its block out. False: there is none as far as head was
 * last seen, or the producer has been there since. A figure: may be wrong where it is just now. */
bool ring_glance(const struct ring_reader *reader, uint64_t *ticks);

/* Are header, indexes and every published record sound? 0, or -EBADMSG with why in text[size]. Only
 * exact while nobody writes or reads. */
int ring_check(const struct ring_shared *ring, char *text, size_t size)
    __attribute__((warn_unused_result));

/* State for people, many lines, NUL-terminated; returns what snprintf would. */
int ring_dump(const struct ring_shared *ring, char *text, size_t size);

#endif
