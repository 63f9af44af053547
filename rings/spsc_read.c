/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side. docs/MEMORY-MODEL.md has every edge. */
#include <errno.h>
#include <string.h>

#include "rings/spsc.h"

/* Look at how far the writer has come. False: its index is nonsense. */
static bool head_refresh(struct ada_ring *r)
{
    /* Publish. Acquire: words and payloads below head are visible. Pairs with the release in
     * publish(). */
    uint64_t head = load_acquire(&r->shared->head);

    /* Untrusted: whatever it says, we never look farther than a capacity from our own index. */
    if (head - r->r.tail > r->capacity || head - r->r.at > r->capacity || head & 7)
        return false;
    r->r.head = head;
    if (head - r->r.tail > r->r.high_water) {
        r->r.high_water = head - r->r.tail;
        store_relaxed(&r->shared->reader_high_water, r->r.high_water); /* relaxed: a figure */
    }
    return true;
}

static int damaged(struct ada_ring *r)
{
    r->r.damaged_bytes += r->r.head - r->r.at;
    store_relaxed(&r->shared->damaged_bytes, r->r.damaged_bytes); /* relaxed: a figure */
    r->r.at = r->r.head;
    return -EBADMSG;
}

/* The next record below the head that was seen: 1, 0, -EBADMSG. */
static inline int look_below_head(struct ada_ring *r, struct ada_ring_record *record)
{
    uint64_t mask = r->capacity - 1;

    while (r->r.at != r->r.head) {
        unsigned char *at = r->data + (r->r.at & mask);
        /* Untrusted: copied once. relaxed: head has ordered it. */
        uint64_t word = load_relaxed((uint64_t *)(void *)at);
        uint64_t length = word & SPSC_LENGTH_MASK, bytes = spsc_record_bytes(length);

        if (ADA_UNLIKELY((uint32_t)(word >> 32) != (uint32_t)(r->r.at >> 3) ||
                         bytes > r->r.head - r->r.at || bytes > r->capacity - (r->r.at & mask)))
            return damaged(r);
        if (ADA_LIKELY(!(word & SPSC_PAD))) {
            record->payload = at + 8;
            record->bytes = (size_t)length;
            r->r.peeked = bytes;
            return 1;
        }
        r->r.at += bytes;
    }
    return 0;
}

int spsc_look(struct ada_ring *r, struct ada_ring_record *record)
{
    int got = look_below_head(r, record);

    r->r.peeked = got > 0 ? r->r.peeked : 0;
    if (ADA_LIKELY(got))
        return got;
    if (!head_refresh(r))
        return -EBADMSG;
    return look_below_head(r, record);
}

/* No more comes: but what came before we saw that. */
static int look_once_more(struct ada_ring *r, struct ada_ring_record *record)
{
    /* Closed, Over. Acquire: what was published before is visible. Pairs with the release in
     * ada_ring_shutdown(), of the end's holder, or of the kernel at its death. */
    uint64_t attention = load_acquire(&r->writer_end->attention.both);
    int got;

    if (ADA_LIKELY(attention == r->r.other))
        return 0;
    if (!load_relaxed(&r->writer_end->attention.closed) && !spsc_end_is_over(r->writer_end)) {
        r->r.other = attention;
        return 0;
    }
    got = spsc_look(r, record);
    return got ? got : -EPIPE;
}

int ada_ring_peek(struct ada_ring *r, struct ada_ring_record *record)
{
    int got = spsc_look(r, record);

    return ADA_LIKELY(got) ? got : look_once_more(r, record);
}

static inline void take(struct ada_ring *r)
{
    r->r.at += r->r.peeked;
    r->r.read += r->r.peeked != 0;
    r->r.peeked = 0;
}

void ada_ring_advance(struct ada_ring *r)
{
    take(r);
}

static inline void release(struct ada_ring *r)
{
    if (r->r.tail == r->r.at)
        return;
    r->r.tail = r->r.at;
    spsc_count_store(r->shared->read, &r->r.turn, r->r.tail, r->r.read);
    /* Reclaim. Release: our reads of these bytes end before the writer may use them again. Pairs
     * with the acquire in tail_refresh(). */
    store_release(&r->shared->tail, r->r.tail);
    /* Nap. As in publish(). */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (ADA_UNLIKELY(load_relaxed(&r->shared->reader.attention.both) != r->r.calm))
        spsc_wake_writer(r);
}

void ada_ring_release(struct ada_ring *r)
{
    release(r);
}

static inline int64_t copy_out(struct ada_ring *r, const struct ada_ring_record *record,
                               void *buffer, size_t bytes)
{
    if (record->bytes > bytes)
        return -ENOBUFS;
    if (record->bytes == 8)
        memcpy(buffer, record->payload, 8); /* without a call */
    else if (record->bytes)
        memcpy(buffer, record->payload, record->bytes);
    take(r);
    release(r);
    return (int64_t)record->bytes;
}

int64_t ada_ring_try_read(struct ada_ring *r, void *buffer, size_t bytes)
{
    struct ada_ring_record record;
    int got = ada_ring_peek(r, &record);

    if (ADA_UNLIKELY(got <= 0))
        return got ? got : -EAGAIN;
    return copy_out(r, &record, buffer, bytes);
}

int64_t ada_ring_read(struct ada_ring *r, void *buffer, size_t bytes, uint64_t timeout_ns)
{
    for (;;) {
        int64_t got = ada_ring_try_read(r, buffer, bytes);
        int err;

        if (got != -EAGAIN)
            return got;
        err = ada_ring_wait(r, timeout_ns);
        if (err)
            return err;
    }
}

int64_t ada_ring_read_batch(struct ada_ring *r, struct ada_ring_record *records, size_t max)
{
    size_t n = 0;
    int got;

    if (!max)
        return 0;
    got = ada_ring_peek(r, &records[0]);
    /* A batch ends where head was last seen: to look again for every record would take the
     * writer's line away from it. */
    while (got > 0) {
        take(r);
        if (++n == max)
            break;
        got = look_below_head(r, &records[n]);
    }
    /* Damage behind the first ones shows as bytes that were passed over. */
    return n ? (int64_t)n : got;
}

int64_t ada_ring_drain(struct ada_ring *r, ada_ring_visit visit, void *context, uint64_t max)
{
    const uint64_t piece = r->capacity / 8; /* the writer need not wait for the end of it all */
    struct ada_ring_record record;
    uint64_t n = 0;
    int got = 0;

    while (n < max && (got = n ? spsc_look(r, &record) : ada_ring_peek(r, &record)) > 0) {
        int stop = visit(context, &record);

        take(r);
        n++;
        if (r->r.at - r->r.tail >= piece)
            release(r);
        if (stop)
            break;
    }
    release(r);
    return n ? (int64_t)n : got;
}
