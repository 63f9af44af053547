/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's side of the ring. docs/MEMORY-MODEL.md draws every edge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/crash_point.h"
#include "registry/ring_away.h"
#include "registry/ring_layout.h"
#include "registry/ring_wait.h"
#include "registry/ring_words.h"

enum {
    FEET_TRIES = 4,             /* to read a mark that the producer is about to pass */
    COPY_MAPPED_MIN = 64 * 1024 /* a whole number of pages, wherever there are pages */
};

/* A large copy is mapped: malloc() would keep its memory when the thread has ended, and hand the
 * next one other memory. */
static unsigned char *copy_make(uint64_t bytes)
{
    void *copy;

    if (bytes < COPY_MAPPED_MIN)
        return malloc(bytes);
    copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return copy == MAP_FAILED ? NULL : copy;
}

static void copy_free(struct ring_reader *r)
{
    if (r->copy && r->block_bytes >= COPY_MAPPED_MIN)
        (void)munmap(r->copy, r->block_bytes);
    else
        free(r->copy);
}

int ring_reader_init(struct ring_reader *r, struct ring_shared *ring, const unsigned char *data,
                     uint64_t capacity, enum ring_policy policy)
{
    memset(r, 0, sizeof(*r));
    if (capacity < RING_CAPACITY_MIN || (capacity & (capacity - 1)))
        return -EINVAL;
    r->shared = ring;
    r->data = data;
    r->capacity = capacity;
    r->block_bytes = policy == RING_OVERWRITE ? capacity / RING_BLOCKS : capacity;
    r->policy = policy;
    /* relaxed: the consumer's own fields, left by the consumer before us. Untrusted: somebody may
     * have been here since, and an index in the middle of a word would lead across the ring's end.
     */
    r->tail = r->at = r->head = r->plain = load_relaxed(&ring->tail) & ~UINT64_C(7);
    r->taken = ring_taken(ring);
    r->overwritten = load_relaxed(&ring->overwritten);
    r->overwritten_bytes = load_relaxed(&ring->overwritten_bytes);
    r->damaged_bytes = load_relaxed(&ring->damaged_bytes);
    r->high_water_bytes = load_relaxed(&ring->high_water_bytes);
    r->known_written = r->taken + r->overwritten;
    r->known_told = load_relaxed(&ring->told_taken);
    r->known_told_bytes = load_relaxed(&ring->told_taken_bytes);
    r->skipped = r->skipped_at_tail = load_relaxed(&ring->skipped_taken);
    /* Untrusted, and harmless: it only widens what is not taken for damage. */
    r->span = policy != RING_OVERWRITE && ring_is_elastic(ring) ? 2 * capacity : capacity;
    r->room = load_relaxed(&ring->room);
    if (policy == RING_OVERWRITE) {
        r->copy = copy_make(r->block_bytes);
        if (!r->copy)
            return -ENOMEM;
    }
    return 0;
}

void ring_reader_fini(struct ring_reader *r)
{
    if (r->shared)
        ring_tell_gone(r->shared);
    copy_free(r);
    memset(r, 0, sizeof(*r));
}

/* What stands up to head cannot be read: leave it. */
static void pass_over(struct ring_reader *r)
{
    r->damaged_bytes += r->head - r->at;
    r->at = r->plain = r->head;
    r->copy_from = r->copy_to = 0;
}

/* See how far the producer has come. -EBADMSG: head is nowhere it could be. */
static int refresh_head(struct ring_reader *r)
{
    /* Publish. Acquire: the records below head are visible. Pairs with the release of head in
     * ada_commit_fast(), ring_finish() and publish_walk(). */
    uint64_t head = load_acquire(&r->shared->front.head);

    /* A writer that was given up and came back moves head back for a moment: not news. */
    if ((int64_t)(head - r->head) <= 0)
        return 0;
    if ((head & 7) || (r->policy != RING_OVERWRITE && head - r->tail > r->span)) {
        /* Untrusted: somebody wrote over the ring's header. Nothing below head can be believed, but
         * if head goes on from here, so can we. */
        r->damaged_bytes += 8;
        r->at = r->head = r->plain = head & ~UINT64_C(7);
        return -EBADMSG;
    }
    r->head = head;
    ring_away_pass(r);
    return 0;
}

/* What was written before block `first`, if that can be known. */
static bool mark_read(struct ring_reader *r, uint64_t first, uint64_t intent, struct ring_mark *out)
{
    struct ring_mark *mark = &r->shared->marks[first / r->block_bytes % RING_BLOCKS];

    /* relaxed: the fence in find_feet() lets us see it as it was when it came to matter. */
    if (load_relaxed(&mark->index) != first)
        return false;
    out->written = load_relaxed(&mark->written);
    out->told = load_relaxed(&mark->told);
    out->told_bytes = load_relaxed(&mark->told_bytes);
    /* Intent. Acquire fence, as in copy_block(): a mark is overwritten after its block was
     * announced to be. */
    fence_acquire();
    return load_relaxed(&r->shared->intent) == intent && out->written != RING_WRITTEN_UNKNOWN;
}

/* Records, and GAP records, between where we are and that mark are gone. */
static void mark_reach(struct ring_reader *r, const struct ring_mark *mark)
{
    if (mark->written > r->known_written) {
        r->overwritten += mark->written - r->known_written;
        r->known_written = mark->written;
    }
    if (mark->told <= r->known_told)
        return;
    r->told_overwritten += mark->told - r->known_told;
    r->told_overwritten_bytes += mark->told_bytes - r->known_told_bytes;
    r->known_told = mark->told;
    r->known_told_bytes = mark->told_bytes;
}

/* Policy overwrite: the bytes below `lost` are gone. Go on at the oldest block that still stands.
 */
static int find_feet(struct ring_reader *r, uint64_t lost)
{
    uint64_t intent = lost + r->capacity, oldest, head;
    struct ring_mark mark;

    r->is_unsure = true;
    for (int tries = 0; tries < FEET_TRIES; tries++) {
        /* Lap. Acquire fence: intent was read before. The oldest block that it leaves is published,
         * and marked. Pairs with the first fence in announce_block(). */
        fence_acquire();
        oldest = ((intent - r->capacity - 1) | (r->block_bytes - 1)) + 1;
        if (mark_read(r, oldest, intent, &mark)) {
            mark_reach(r, &mark);
            r->is_unsure = false;
            break;
        }
        intent = load_relaxed(&r->shared->intent); /* relaxed: mark_read() looks again */
    }
    /* Publish. Acquire: as in refresh_head(). */
    head = load_acquire(&r->shared->front.head);
    /* Untrusted: blocks are announced at most one lap ahead of head. But a writer that comes back
     * to what was published meanwhile moves head back for a moment: the mark says that we can go by
     * intent. */
    if ((int64_t)(oldest - r->at) <= 0 || ((int64_t)(head - oldest) < 0 && r->is_unsure)) {
        pass_over(r);
        return -EBADMSG;
    }
    r->overwritten_bytes += oldest - r->at;
    r->at = oldest;
    if ((int64_t)(oldest - r->head) > 0)
        r->head = (int64_t)(head - oldest) < 0 ? oldest : head & ~UINT64_C(7);
    ring_away_pass(r);
    return -EOVERFLOW;
}

/* The producer may be writing what we copy; copy_block() finds out afterwards. That is the
 * protocol, so ThreadSanitizer must not see it as a race. */
__attribute__((no_sanitize("thread"))) static void copy_words(unsigned char *to,
                                                              const unsigned char *from,
                                                              uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 8)
        *(uint64_t *)(void *)(to + i) = load_relaxed((const uint64_t *)(const void *)(from + i));
}

/* Policy overwrite: copy what is published of the block at `at`, then see whether it was still
 * whole. */
static int copy_block(struct ring_reader *r)
{
    /* Untrusted: distances, because who moves indexes to the end of all numbers makes a later one
     * smaller. */
    uint64_t bytes = r->block_bytes - (r->at & (r->block_bytes - 1)), intent;

    if (bytes > r->plain - r->at)
        bytes = r->plain - r->at;
    if (r->at >= r->copy_from && r->at < r->copy_to)
        return 0;
    r->copy_is_there = true;
    copy_words(r->copy, r->data + (r->at & (r->capacity - 1)), bytes);
    /* Intent. Acquire fence: the copy was read before intent is. Pairs with the release fence in
     * announce_block(). */
    fence_acquire();
    intent = load_relaxed(&r->shared->intent);
    r->copy_from = r->copy_to = 0;
    if (intent > r->capacity && (int64_t)(intent - r->capacity - r->at) > 0)
        return find_feet(r, intent - r->capacity);
    /* Untrusted: a head that far ahead was announced. */
    if (r->head - r->at > r->capacity) {
        pass_over(r);
        return -EBADMSG;
    }
    r->copy_from = r->at;
    r->copy_to = r->at + bytes;
    return 0;
}

static const unsigned char *bytes_at(const struct ring_reader *r, uint64_t index)
{
    return r->copy ? r->copy + (index - r->copy_from) : r->data + (index & (r->capacity - 1));
}

/* Untrusted: the producer's process can scribble on these bytes at any moment. Each word is read
 * once, checked against what we know ourselves, and never read again. */
static uint64_t record_bytes_checked(const struct ring_reader *r, uint64_t *word)
{
    const unsigned char *at = bytes_at(r, r->at);
    uint64_t room = r->block_bytes - (r->at & (r->block_bytes - 1));
    uint64_t end = r->copy ? r->copy_to : r->plain, bytes, second = 0;

    if (room > end - r->at)
        room = end - r->at;
    *word = load_relaxed((const uint64_t *)(const void *)at);
    if (ring_word_is_large(*word) && room >= 16)
        second = load_relaxed((const uint64_t *)(const void *)(at + 8));
    bytes = ring_word_bytes(*word, second);
    if (bytes < 8 || (bytes & 7) || bytes > room)
        return 0;
    if (ada_record_type(*word) == ADA_RECORD_PENDING || ada_record_type(*word) == ADA_RECORD_HELD)
        return 0;
    if (ring_word_is_large(*word) && bytes < 16)
        return 0;
    return bytes;
}

/* `stay`: what was shown before has to stay where it is, so neither look for news nor copy. */
static int peek(struct ring_reader *r, struct ring_record *record, bool stay)
{
    uint64_t from = r->at;

    /* Untrusted: nobody pads for more than two laps, but somebody may move head on for ever. */
    while (r->at - from <= 2 * r->capacity) {
        uint64_t word, bytes, large;
        int err;

        if (r->at == r->plain && r->at != r->head)
            ring_away_pass(r);
        if (r->at == r->head && !stay && (err = refresh_head(r)))
            return err;
        if (r->at == r->head || (stay && r->copy && r->at >= r->copy_to))
            return 0;
        if (r->copy && (err = copy_block(r)))
            return err;
        bytes = record_bytes_checked(r, &word);
        if (!bytes) {
            pass_over(r);
            return -EBADMSG;
        }
        if (ada_record_type(word) == ADA_RECORD_PAD) {
            r->at += bytes;
            continue;
        }
        if (ada_record_type(word) == ADA_RECORD_SKIP) {
            r->at += bytes;
            r->skipped += bytes - 8;
            continue;
        }
        large = (word & 0xff) == ADA_RECORD_LARGE ? 8 : 0;
        record->type = ada_record_type(word);
        record->ticks = word >> ADA_RECORD_TICKS_SHIFT;
        record->payload = bytes_at(r, r->at) + 8 + large;
        record->payload_bytes = (uint32_t)(bytes - 8 - large);
        record->bytes = (uint32_t)bytes;
        return 1;
    }
    return 0;
}

int ring_peek(struct ring_reader *r, struct ring_record *record)
{
    return peek(r, record, false);
}

void ring_advance(struct ring_reader *r, const struct ring_record *record)
{
    struct ada_record_gap gap;

    r->at += record->bytes;
    if (record->type != ADA_RECORD_GAP) {
        r->taken++;
        r->known_written++;
    } else if (record->payload_bytes >= sizeof(gap)) {
        memcpy(&gap, record->payload, sizeof(gap));
        r->known_told += gap.records;
        r->known_told_bytes += gap.bytes;
    }
}

/* Bytes in use from `index` to the producer's head, behind `skipped` addresses that were left out.
 * Untrusted: a figure. */
static uint64_t bytes_used(const struct ring_reader *r, uint64_t head, uint64_t index,
                           uint64_t skipped)
{
    /* relaxed: read after head, so it may be ahead of it; then the figure is too low. */
    uint64_t left_out = load_relaxed(&r->shared->skipped_bytes) - skipped;

    return left_out <= head - index ? head - index - left_out : 0;
}

/*
 * We may be killed between counting what was taken and giving it back, and be followed by somebody
 * who has to know which of the two holds. Signal fences: what counts is the order of instructions;
 * death makes all that were executed visible.
 */
static void taken_store(struct ring_reader *r)
{
    struct ring_shared *ring = r->shared;

    if (r->tail != r->at) {
        store_relaxed(&ring->last_taken, load_relaxed(&ring->taken));
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        store_relaxed(&ring->last_tail, r->tail);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    store_relaxed(&ring->taken, r->taken);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

uint64_t ring_taken(const struct ring_shared *ring)
{
    return load_relaxed(&ring->last_tail) == load_relaxed(&ring->tail)
               ? load_relaxed(&ring->last_taken)
               : load_relaxed(&ring->taken);
}

void ring_release(struct ring_reader *r)
{
    struct ring_shared *ring = r->shared;
    /* relaxed: only its distance from tail matters. */
    uint64_t head = load_relaxed(&ring->front.head);
    uint64_t fill = bytes_used(r, head, r->tail, r->skipped_at_tail);

    if (fill <= r->capacity && fill > r->high_water_bytes) {
        r->high_water_bytes = fill;
        store_relaxed(&ring->high_water_bytes, fill); /* relaxed: a figure for people */
    }
    taken_store(r);
    CRASH_POINT("release.counted");
    store_relaxed(&ring->overwritten, r->overwritten);
    store_relaxed(&ring->overwritten_bytes, r->overwritten_bytes);
    store_relaxed(&ring->damaged_bytes, r->damaged_bytes);
    store_relaxed(&ring->told_taken, r->known_told);
    store_relaxed(&ring->told_taken_bytes, r->known_told_bytes);
    if (r->tail != r->at) {
        r->tail = r->at;
        r->skipped_at_tail = r->skipped;
        store_relaxed(&ring->skipped_taken, r->skipped);
        /* Reclaim. Release: our reads of these bytes end before the producer may reuse them. Pairs
         * with the acquire of tail in ring_layout_for() and ring_limit_for(). Relaxed would pass
         * every test on x86 and corrupt records on Arm. */
        store_release(&ring->tail, r->at);
    }
    CRASH_POINT("release.given");
    if (r->policy == RING_BLOCK)
        ring_tell_room(ring, bytes_used(r, head, r->tail, r->skipped), r->room);
}

void ring_rest(struct ring_reader *r)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)r->copy + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)r->copy + r->block_bytes) & ~(page - 1);

    if (!r->copy)
        return;
    r->copy_from = r->copy_to = 0;
    r->copy_is_there = false;
    if (from < to) /* when it fails the memory stays, and is as good */
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

int ring_read(struct ring_reader *r, void *out, size_t capacity, struct ring_record *record)
{
    int got = ring_peek(r, record);

    if (got <= 0)
        return got;
    if (record->payload_bytes > capacity)
        return -ENOBUFS;
    memcpy(out, record->payload, record->payload_bytes);
    record->payload = out;
    ring_advance(r, record);
    ring_release(r);
    return 1;
}

int ring_read_batch(struct ring_reader *r, struct ring_record *records, unsigned max)
{
    unsigned n = 0;

    while (n < max) {
        /* A batch ends where head was last seen: to look again for every record would take the
         * producer's line away from it. And it is of one copy. */
        int got = peek(r, &records[n], n != 0);

        if (got <= 0)
            return n ? (int)n : got;
        ring_advance(r, &records[n++]);
    }
    return (int)n;
}

const unsigned char *ring_view(const struct ring_reader *r, uint64_t *bytes)
{
    uint64_t end = r->copy ? r->copy_to : r->plain;
    uint64_t room = r->block_bytes - (r->at & (r->block_bytes - 1));

    /* Policy overwrite: only of what was copied out and found whole. */
    if (r->at == end || (r->copy && (r->at < r->copy_from || r->at > end)))
        return NULL;
    *bytes = end - r->at < room ? end - r->at : room;
    return bytes_at(r, r->at);
}

void ring_take(struct ring_reader *r, uint64_t records, uint64_t bytes)
{
    r->at += bytes;
    r->taken += records;
    r->known_written += records;
}

uint64_t ring_available_to_read(struct ring_reader *r)
{
    uint64_t bytes = refresh_head(r) ? 0 : bytes_used(r, r->head, r->at, r->skipped);

    return bytes < r->capacity ? bytes : r->capacity;
}

void ring_set_room(struct ring_reader *r, uint64_t bytes)
{
    r->room = bytes;
    /* Grant. Release: what we did with memory that was given back is visible before there is room
     * again. Pairs with the acquire in ring_reach(). For less room, ring_spare() makes sure. */
    store_release(&r->shared->room, bytes);
}

bool ring_spare(struct ring_reader *r, uint64_t *from, uint64_t *to)
{
    uint64_t base = r->room, reach, head;

    /* Room. Full fence: the room is visible before we look where the producer is. Pairs with the
     * fence in ring_reach(): either we see it there, or it sees that the room is gone. */
    fence_seq_cst();
    /* Acquire: what was written there is visible by its head. Pairs with the release in
     * ring_reach(). */
    reach = load_acquire(&r->shared->reach);
    /* relaxed: seen as it was when the reach was written, or later; and where it is no farther than
     * what we have read, its records were visible then. */
    head = load_relaxed(&r->shared->front.head);
    if (head != r->at || head != r->tail)
        return false;
    /* Untrusted: a wrong reach loses that thread's own records. It stays between head and reach
     * until it comes by; what lies behind is free. */
    *from = reach > base ? reach : base;
    *to = r->capacity;
    return *from < *to;
}

void ring_reset(struct ring_reader *r)
{
    struct ring_record record = {0};
    uint64_t until;
    int got;

    (void)refresh_head(r);
    until = r->head;
    while ((int64_t)(until - r->at) > 0 && (got = ring_peek(r, &record)) != 0)
        if (got > 0)
            ring_advance(r, &record);
    ring_release(r);
}
