/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's side. docs/MEMORY-MODEL.md has every edge. */
#include <errno.h>
#include <string.h>

#include "rings/spsc.h"

/* Look at how far the reader has come. False: its index is nonsense. */
static bool tail_refresh(struct ada_ring *r)
{
    /* Reclaim. Acquire: the reader's reads of what it gave back end before we write there. Pairs
     * with the release in ada_ring_release(). */
    uint64_t tail = load_acquire(&r->shared->tail), fill;

    if (r->w.head - tail > r->capacity || tail & 7)
        return false;
    r->w.tail = tail;
    fill = r->w.head - tail;
    if (fill > r->w.high_water) {
        r->w.high_water = fill;
        store_relaxed(&r->shared->writer_high_water, fill); /* relaxed: a figure */
    }
    return true;
}

int spsc_make_room(struct ada_ring *r, uint64_t bytes)
{
    uint64_t start = r->w.reserve, lap_end = (start | (r->capacity - 1)) + 1, pad = 0, room;

    if (start + bytes > lap_end)
        pad = lap_end - start;
    if (start + pad + bytes - r->w.tail > r->capacity) {
        if (!tail_refresh(r))
            return -EBADMSG;
        if (start + pad + bytes - r->w.tail > r->capacity)
            return 0;
    }
    if (pad) {
        uint64_t word = spsc_word(start, SPSC_PAD | (pad - 8));

        memcpy(r->data + (start & (r->capacity - 1)), &word, 8);
        r->w.reserve = start + pad;
        lap_end += r->capacity;
    }
    room = r->w.tail + r->capacity;
    r->w.limit = room < lap_end ? room : lap_end;
    return 1;
}

/* What was refused: for want of room, or of somebody who would make some. */
static int refuse(struct ada_ring *r)
{
    store_relaxed(&r->shared->dropped, ++r->w.dropped); /* relaxed: a figure */
    return spsc_end_is_over(r->consumer) ? -EPIPE : -EAGAIN;
}

static int claim_slowly(struct ada_ring *r, uint64_t need)
{
    int room = spsc_make_room(r, need);

    return room > 0 ? 0 : room ? room : -EAGAIN;
}

/* Bytes for a record, its word in place. -EAGAIN is not counted yet. */
static inline int claim(struct ada_ring *r, size_t bytes, unsigned char **payload)
{
    uint64_t need = spsc_record_bytes(bytes), word;
    int err;

    if (ADA_UNLIKELY(bytes > r->record_max))
        return -EMSGSIZE;
    /* relaxed: who shuts a ring down need not be seen at once; who waits for us is seen by
     * publish(). */
    if (ADA_UNLIKELY(load_relaxed(&r->writer_end->attention.closed)))
        return -EPIPE;
    if (ADA_UNLIKELY(r->w.reserve + need > r->w.limit) && (err = claim_slowly(r, need)))
        return err;
    word = spsc_word(r->w.reserve, bytes);
    *payload = r->data + (r->w.reserve & (r->capacity - 1));
    memcpy(*payload, &word, 8);
    *payload += 8;
    r->w.last = r->w.reserve;
    r->w.reserve += need;
    r->w.open++;
    return 0;
}

static inline void publish(struct ada_ring *r)
{
    r->w.written += r->w.open;
    r->w.open = 0;
    r->w.head = r->w.reserve;
    spsc_count_store(r->shared->written, &r->w.turn, r->w.head, r->w.written);
    /* Publish. Release: words and payloads are visible before head moves over them. Pairs with the
     * acquire in head_refresh(). */
    store_release(&r->shared->head, r->w.head);
    /* Nap. Head is visible before we look who sleeps. The fence is the sleeper's (membarrier): here
     * it only must not be moved by the compiler. Pairs with sleep_on(). */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (ADA_UNLIKELY(load_relaxed(&r->writer_end->attention.both) != r->w.calm))
        spsc_wake_reader(r);
}

static inline void copy_in(unsigned char *to, const void *payload, size_t bytes)
{
    if (bytes == 8)
        memcpy(to, payload, 8); /* without a call */
    else if (bytes)
        memcpy(to, payload, bytes);
}

int ada_ring_reserve(struct ada_ring *r, size_t bytes, void **payload)
{
    unsigned char *at;
    int err = claim(r, bytes, &at);

    if (err)
        return err == -EAGAIN ? refuse(r) : err;
    *payload = at;
    return 0;
}

int ada_ring_shrink(struct ada_ring *r, size_t bytes)
{
    uint64_t need = spsc_record_bytes(bytes), word = spsc_word(r->w.last, bytes);

    if (!r->w.open || bytes > r->record_max || need > r->w.reserve - r->w.last)
        return -EINVAL;
    memcpy(r->data + (r->w.last & (r->capacity - 1)), &word, 8);
    r->w.reserve = r->w.last + need;
    return 0;
}

void ada_ring_commit(struct ada_ring *r)
{
    if (r->w.open)
        publish(r);
}

void ada_ring_rollback(struct ada_ring *r)
{
    if (!r->w.open)
        return;
    r->w.open = 0;
    r->w.reserve = r->w.head;
    r->w.limit = 0; /* may be of the lap behind */
}

int ada_ring_try_write(struct ada_ring *r, const void *payload, size_t bytes)
{
    unsigned char *at;
    int err = claim(r, bytes, &at);

    if (ADA_UNLIKELY(err))
        return err == -EAGAIN ? refuse(r) : err;
    copy_in(at, payload, bytes);
    publish(r);
    return 0;
}

int ada_ring_write(struct ada_ring *r, const void *payload, size_t bytes, uint64_t timeout_ns)
{
    unsigned char *at;
    int err = claim(r, bytes, &at);

    if (ADA_UNLIKELY(err == -EAGAIN)) {
        err = ada_ring_wait_room(r, bytes, timeout_ns);
        if (err == -ETIMEDOUT || err == -EPIPE)
            (void)refuse(r);
        if (!err)
            err = claim(r, bytes, &at);
    }
    if (err)
        return err;
    copy_in(at, payload, bytes);
    publish(r);
    return 0;
}

int64_t ada_ring_write_batch(struct ada_ring *r, const struct ada_ring_record *records,
                             size_t count)
{
    unsigned char *at;
    size_t n;
    int err = 0;

    for (n = 0; n < count; n++) {
        err = claim(r, records[n].bytes, &at);
        if (ADA_UNLIKELY(err))
            break;
        copy_in(at, records[n].payload, records[n].bytes);
    }
    if (r->w.open)
        publish(r);
    return n || !err ? (int64_t)n : err;
}

int64_t ada_ring_room(struct ada_ring *r)
{
    uint64_t start = r->w.reserve, to_lap_end, room, behind;

    if (!tail_refresh(r))
        return -EBADMSG;
    to_lap_end = r->capacity - (start & (r->capacity - 1));
    room = r->capacity - (start - r->w.tail);
    /* Here, or at the beginning of the next lap, the rest of this one left out. */
    behind = room > to_lap_end ? room - to_lap_end : 0;
    if (to_lap_end < room)
        room = to_lap_end;
    if (behind > room)
        room = behind;
    if (room < 8)
        return -EAGAIN;
    return (int64_t)(room - 8 < r->record_max ? room - 8 : r->record_max);
}
