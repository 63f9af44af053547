/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/arena.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/crash_point.h"
#include "registry/segment.h"

/*
 * What every item begins with. `bytes` is what claims its place, so there is no moment at which a
 * place is somebody's and nobody knows where the next one begins; `kind` is written last.
 */
struct item_head {
    uint32_t bytes; /* of the whole item, padded to 8; zero: the arena ends here so far */
    uint32_t size;  /* of its content */
    uint32_t kind;  /* zero: not complete, and if its writer is dead it never will be */
    uint32_t unused;
};

/* The capacity as mapped: what the shared field says could lie. */
static uint64_t capacity_of(const struct segment *s)
{
    return s->geometry.arena_bytes - sizeof(struct arena_shared);
}

static struct item_head *item_at(const struct segment *s, uint64_t offset)
{
    return (struct item_head *)(void *)((unsigned char *)(s->arena + 1) + offset);
}

static bool bytes_are_sound(uint64_t bytes, uint64_t at, uint64_t capacity)
{
    return bytes >= sizeof(struct item_head) && !(bytes & 7) && bytes <= capacity - at;
}

/* `reserved` only says where to begin to look: whoever died before moving it, or was overtaken, did
 * no harm. */
static void reserved_move(struct segment *s, uint64_t from, uint64_t to)
{
    (void)compare_exchange_relaxed(&s->arena->reserved, &from, to);
}

/* A place for `bytes`, claimed. NULL: there is none. */
static struct item_head *item_claim(struct segment *s, uint64_t bytes)
{
    uint64_t capacity = capacity_of(s), at = load_relaxed(&s->arena->reserved);

    while (!(at & 7) && at <= capacity && bytes <= capacity - at) {
        struct item_head *item = item_at(s, at);
        uint32_t taken = 0;

        /* relaxed: it only hands out places; Told is the edge. */
        if (compare_exchange_relaxed(&item->bytes, &taken, (uint32_t)bytes)) {
            CRASH_POINT("arena.claimed");
            reserved_move(s, at, at + bytes);
            return item;
        }
        if (!bytes_are_sound(taken, at, capacity))
            return NULL;
        reserved_move(s, at, at + taken);
        at += taken;
    }
    return NULL;
}

int arena_append(struct segment *s, enum arena_kind kind, const void *head, size_t head_bytes,
                 const void *tail, size_t tail_bytes)
{
    uint64_t bytes = (sizeof(struct item_head) + head_bytes + tail_bytes + 7) & ~UINT64_C(7);
    struct item_head *item;

    if (head_bytes + tail_bytes > ARENA_ITEM_MAX)
        return -EMSGSIZE;
    item = item_claim(s, bytes);
    if (!item) {
        add_relaxed(&s->arena->lost, 1);
        return -ENOSPC;
    }
    item->size = (uint32_t)(head_bytes + tail_bytes);
    if (head_bytes)
        memcpy(item + 1, head, head_bytes);
    if (tail_bytes)
        memcpy((unsigned char *)(item + 1) + head_bytes, tail, tail_bytes);
    CRASH_POINT("arena.written");
    /* Told. Release: the content is visible before the kind. Pairs with the acquire in
     * item_read(). */
    store_release(&item->kind, (uint32_t)kind);
    return 0;
}

/* ---- reading ---- */

/* 1: *out is filled in; 0: not complete; -EBADMSG. *bytes: of the item, never more than there
 * is; 0: none has been begun. */
static int item_read(const struct segment *s, uint64_t at, struct arena_item *out, uint32_t *bytes)
{
    const struct item_head *item = item_at(s, at);
    /* Told. Acquire: pairs with the release in arena_append(). */
    uint32_t kind = load_acquire(&item->kind), size;

    /* Untrusted: copy once, check, never read again. */
    *bytes = load_relaxed(&item->bytes);
    if (!*bytes && !kind)
        return 0;
    if (!bytes_are_sound(*bytes, at, capacity_of(s)))
        return -EBADMSG;
    if (!kind)
        return 0;
    size = load_relaxed(&item->size);
    if (kind > ARENA_PROCESS || size > ARENA_ITEM_MAX || *bytes < sizeof(*item) + size)
        return -EBADMSG;
    memcpy(out->bytes, item + 1, size);
    out->kind = (enum arena_kind)kind;
    out->size = size;
    return 1;
}

/* Those that were passed over, the oldest first. */
static int pending_next(const struct segment *s, struct arena_reader *reader,
                        struct arena_item *out)
{
    for (uint32_t i = 0; i < reader->pending_count; i++) {
        uint32_t bytes;
        int got = item_read(s, reader->pending[i], out, &bytes);

        if (!got)
            continue;
        reader->pending_count--;
        memmove(&reader->pending[i], &reader->pending[i + 1],
                (reader->pending_count - i) * sizeof(reader->pending[0]));
        return got;
    }
    return 0;
}

int arena_next(const struct segment *s, struct arena_reader *reader, struct arena_item *out)
{
    int got = pending_next(s, reader, out), earlier;
    uint32_t bytes;

    while (!got && reader->at + sizeof(struct item_head) <= capacity_of(s)) {
        got = item_read(s, reader->at, out, &bytes);
        if (got < 0 || !bytes || (!got && reader->pending_count == ARENA_PENDING_MAX))
            break;
        /* A thread completes one item before it begins the next: seeing this one, we see those in
         * front of it that were passed over, and each thread's come in its order. */
        if (got > 0 && (earlier = pending_next(s, reader, out))) {
            got = earlier;
            break;
        }
        if (!got)
            reader->pending[reader->pending_count++] = (uint32_t)reader->at;
        reader->at += bytes;
    }
    reader->taken += got > 0;
    return got;
}
