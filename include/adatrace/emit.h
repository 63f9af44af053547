/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emit: the producer's half of the ring protocol that is inlined into the traced program.
 *
 * Applications use adatrace.h; what stands here is its machinery and may change with the SONAME.
 * The slow half is in registry/ring_write.c; docs/MEMORY-MODEL.md has every edge.
 *
 * The path of a record: compare with the limit, remember who is writing, read the clock, claim the
 * bytes with a compare-and-exchange that is atomic against signal handlers of this thread only (no
 * lock prefix; LTTng's "local" atomics are the model), write, publish with one release store. A
 * handler that emits in between finds `reserve` ahead of `head`, takes the slow path, writes behind
 * the unfinished record and leaves publishing to it. Because the clock is read before the exchange
 * and the exchange fails if a handler came between, ring order is time order.
 *
 * Everything here: any thread with the thread's own writer, async-signal-safe, errno untouched.
 */
#ifndef ADATRACE_EMIT_H
#define ADATRACE_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <adatrace/attributes.h>
#include <adatrace/record.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ring_shared;

/* The part of a ring's shared header that the fast path writes; one cache line of the producer's.
 */
struct ada_ring_front {
    uint64_t head;    /* bytes published, free-running */
    uint64_t written; /* records committed here; ring_written() has those of the slow path, too */
};

/*
 * What the slow path is putting in front of a record, and what the ring's figures will be when it
 * stands. Written before it stands, so that whoever finds that its writer was left can finish the
 * account, any number of times.
 */
struct ada_ring_plan {
    uint64_t start, first; /* left out from start to first; first odd: nothing, or settled */
    uint64_t front_bytes, skipped_bytes;
    uint64_t gap; /* index of a GAP record; odd: none, or settled */
    uint64_t gap_claimed, gap_word, gap_bytes, told, told_bytes;
};

/*
 * The slow path's commit, in the same manner: whoever finds it makes the word at `at` the final
 * one, if it still says that the record was claimed, and then the figures what they are with it.
 */
struct ada_commit_plan {
    uint64_t at; /* index of the record; odd: none, settled, or being planned */
    uint64_t claimed, word, written, nested;
};

/*
 * A thread's own view of its ring. Lies in private memory that is wiped on fork, so in a child
 * every field is zero, nothing fits below `limit`, and the slow path finds out.
 */
struct ada_writer {
    uint64_t reserve; /* next byte to hand out, free-running */
    uint64_t limit;   /* the fast path stays below: end of free space, or of the lap */
    uint64_t outer;   /* who writes the record at outer_start: ada_writer_outer() */
    /* head and front->written when it was reserved; odd: it was given up */
    uint64_t outer_start, outer_written;
    unsigned char *data;
    uint64_t mask; /* capacity - 1 */
    struct ada_ring_front *front;
    /* second line: slow path only */
    struct ring_shared *ring; /* NULL: no ring yet, or wiped */
    uint64_t stack_top;       /* highest stack address known of this thread; 0: not known */
    uint64_t stalled_tail;    /* policy block: a wait timed out when tail was here; +1, 0: none */
    uint64_t been;            /* head has been there: the slow path knows */
    uint64_t slow_start; /* where the slow path's last outermost record begins, with its front */
    uint64_t slow_end;   /* and its last record of any kind ends */
    /* A record of the fast path's that the slow path has claimed something behind. */
    uint64_t foot, foot_end;
    uint32_t slot; /* index in the registry */
    uint32_t generation;
    uint32_t clocked; /* the counter is no clock: ask the kernel, stay on the slow path */
    uint32_t unused1;
    uint32_t *bell;   /* wakes a drain that sleeps; NULL: nobody to wake */
    uint64_t skip;    /* where the last lap left the rest of the ring unused, as an index; 0 */
    uint64_t touched; /* bytes of the ring, from its beginning, that are in our page table */
    struct ada_ring_plan plan;
    struct ada_commit_plan commit;
    /* Ends of the last records that were, though their writers may be away; and how many there
     * were. */
    uint64_t given_up[8], given_ups;
    /* Drops that GAP records tell of which stand or are claimed; and who is about to claim one: end
     * of the record (0: nobody), drops that will be told then, time. registry/ring_front.c */
    uint64_t tells, tells_bytes;
    uint64_t telling, tell_to, tell_to_bytes, tell_ticks;
    uint64_t twins; /* words so far that lead over something, and plans: no two shall be the same */
    const uint32_t *life; /* marked when the drain's thread dies; NULL: nobody tells of that */
} __attribute__((aligned(128)));

/* What a reserve hands to its commit; lives in registers. */
struct ada_record {
    unsigned char *payload; /* where to write; NULL: dropped, and counted */
    unsigned char *header;
    uint64_t end; /* ring index behind the record */
    uint64_t word;
    struct ada_writer *writer;
    bool nested; /* behind an unfinished record of this thread */
};

/* The calling thread's writer; never NULL: a thread without a ring has one in which nothing fits.
 */
extern ADA_EXPORT __thread struct ada_writer *ada_self __attribute__((tls_model("initial-exec")));

/* All that is not the common case: no ring yet, lap's end, full, nested, forked child, large
 * record. `tag` as ada_record_tag(), `bytes` as ada_record_bytes(). record.payload NULL: dropped.
 */
ADA_EXPORT struct ada_record ada_reserve_slow(uint32_t tag, uint64_t bytes);
/* Commit of a nested record, whose header word is still to be written; or publishing what handlers
 * wrote behind ours. */
ADA_EXPORT void ada_commit_slow(struct ada_writer *writer, unsigned char *header, uint64_t end,
                                uint64_t word, bool nested);

/* Nothing the compiler may move over this; costs no instruction. */
#define ADA_SIGNAL_FENCE() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#if defined(ADA_TICKS_SIMULATED)
uint64_t ada_ticks_simulated(void); /* of a test that brings a counter of its own */
#endif

/*
 * The clock of the fast path. A machine whose counter is no clock keeps every writer's limit at
 * zero, and the slow path asks the kernel.
 */
ADA_INLINE uint64_t ada_ticks(void)
{
#if defined(ADA_TICKS_SIMULATED)
    return ada_ticks_simulated();
#elif defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

/* Compare-and-exchange against handlers of this thread only. Updates *expected on failure. */
ADA_INLINE bool ada_cmpxchg_local(uint64_t *where, uint64_t *expected, uint64_t desired)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    bool done;
    __asm__ volatile("cmpxchgq %3, %1"
                     : "=@ccz"(done), "+m"(*where), "+a"(*expected)
                     : "r"(desired)
                     : "memory");
    return done;
#else
    bool done;
    /* relaxed: atomic against handlers is all that is asked for. Fences: and in its place among our
     * other accesses, as the instruction above is; a relaxed exchange leaves the compiler free to
     * move what says who writes (`outer`) behind it. */
    ADA_SIGNAL_FENCE();
    done = __atomic_compare_exchange_n(where, expected, desired, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
    ADA_SIGNAL_FENCE();
    return done;
#endif
}

/* Add against handlers of this thread only; readers elsewhere see whole values. */
ADA_INLINE void ada_add_local(uint64_t *where, uint64_t amount)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__ volatile("addq %1, %0" : "+m"(*where) : "er"(amount) : "cc");
#else
    ADA_SIGNAL_FENCE(); /* as above */
    __atomic_fetch_add(where, amount, __ATOMIC_RELAXED);
    ADA_SIGNAL_FENCE();
#endif
}

ADA_INLINE uint64_t ada_stack_pointer(void)
{
#if defined(__x86_64__)
    uint64_t sp;
    __asm__ volatile("movq %%rsp, %0" : "=r"(sp)); /* volatile: arrays on the stack move it */
    return sp;
#elif defined(__aarch64__)
    uint64_t sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp)); /* volatile: a block's array may move it */
    return sp;
#elif defined(__s390x__)
    uint64_t sp;
    __asm__("lgr %0, %%r15" : "=d"(sp));
    return sp;
#else
    return (uint64_t)(uintptr_t)__builtin_frame_address(0);
#endif
}

/* Who writes the outermost record: 16-byte granules of the stack pointer, size in words below (0:
 * the ring says; as of ADA_OUTER_LOST bytes: nobody does). A later emit from a frame above that
 * address knows that the writer was jumped out of and buries its record. */
#define ADA_OUTER_LOST ((UINT64_C(1) << 23) - 8)
ADA_INLINE uint64_t ada_writer_outer(uint64_t sp, uint64_t bytes)
{
    return (sp >> 4) << 20 | bytes >> 3;
}

/* Reserve on the fast path. `bytes` at most ADA_RECORD_SMALL_MAX. False: ask the slow path. */
ADA_INLINE bool ada_reserve_fast(struct ada_writer *w, uint32_t tag, uint64_t bytes,
                                 struct ada_record *record)
{
    uint64_t start = w->reserve, end, ticks, mask = w->mask;
    struct ada_ring_front *front = w->front;
    unsigned char *data = w->data;

    /* All read before the limit is: a handler may fork, and in the child that writer is wiped. */
    ADA_SIGNAL_FENCE();
    for (;;) {
        end = start + bytes;
        /* relaxed: head is ours; only handlers of this thread move it besides us. */
        if (ADA_UNLIKELY(end > w->limit) ||
            ADA_UNLIKELY(start != __atomic_load_n(&front->head, __ATOMIC_RELAXED)))
            return false;
        w->outer = ada_writer_outer(ada_stack_pointer(), bytes);
        w->outer_start = start;
        w->outer_written = __atomic_load_n(&front->written, __ATOMIC_RELAXED); /* relaxed: ours */
        ticks = ada_ticks();
        if (ADA_LIKELY(ada_cmpxchg_local(&w->reserve, &start, end)))
            break;
        /* A handler's unfinished record may stand there, and our note over its own, or over a part
         * of it: the slow path finds out whose it is. */
        w->outer = ada_writer_outer(ada_stack_pointer(), ADA_OUTER_LOST);
    }
    record->header = data + (start & mask);
    record->payload = record->header + 8;
    record->end = end;
    record->word = ada_record_word(tag, ticks);
    record->writer = w;
    record->nested = false;
    return true;
}

ADA_INLINE struct ada_record ada_reserve_bytes(uint32_t tag, uint64_t bytes)
{
    struct ada_record record;

    if (ADA_LIKELY(bytes <= ADA_RECORD_SMALL_MAX) &&
        ADA_LIKELY(ada_reserve_fast(ada_self, tag, bytes, &record)))
        return record;
    return ada_reserve_slow(tag, bytes);
}

/* Make the record visible to the drain. False: the slow path has the rest to do. */
ADA_INLINE bool ada_commit_fast(const struct ada_record *record)
{
    struct ada_writer *w = record->writer;
    struct ada_ring_front *front;

    /* Word and count have to be one, for whoever jumps out of a handler in between: of the
     * outermost record that can be seen later, of this one only the slow path sees to it. */
    if (ADA_UNLIKELY(record->nested))
        return false;
    ADA_SIGNAL_FENCE();
    memcpy(record->header, &record->word, 8);
    ADA_SIGNAL_FENCE();
    front = w->front;
    if (ADA_UNLIKELY(!front)) /* a handler forked, we are the child, the record is our parent's */
        return true;
    ada_add_local(&front->written, 1);
    /* Publish. Release: header and payload are visible before head moves over them. Pairs with
     * the acquire of head in ring_peek(). */
    __atomic_store_n(&front->head, record->end, __ATOMIC_RELEASE);
    ADA_SIGNAL_FENCE();
    return ADA_LIKELY(w->reserve == record->end);
}

ADA_INLINE void ada_commit_record(const struct ada_record *record)
{
    if (ADA_UNLIKELY(!ada_commit_fast(record)))
        ada_commit_slow(record->writer, record->header, record->end, record->word, record->nested);
}

#ifdef __cplusplus
}
#endif

#endif
