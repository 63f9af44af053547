/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/arena.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/segment.h"

/* What every item begins with. `kind` is written last: zero means not complete. */
struct item_head {
    uint32_t bytes; /* of the whole item, padded to 8 */
    uint32_t size;  /* of its content */
    uint32_t kind;
    uint32_t unused;
};

static unsigned char *item_at(const struct segment *s, uint64_t offset)
{
    return (unsigned char *)(s->arena + 1) + offset;
}

int arena_append(struct segment *s, enum arena_kind kind, const void *head, size_t head_bytes,
                 const void *tail, size_t tail_bytes)
{
    uint64_t bytes = (sizeof(struct item_head) + head_bytes + tail_bytes + 7) & ~UINT64_C(7), at;
    /* The capacity as mapped: what the shared field says could lie. */
    uint64_t capacity = s->geometry.arena_bytes - sizeof(struct arena_shared);
    struct item_head *item;

    if (head_bytes + tail_bytes > ARENA_ITEM_MAX)
        return -EMSGSIZE;
    at = add_relaxed(&s->arena->reserved, bytes); /* relaxed: only hands out numbers */
    /* Full; or a stray write of the program's has hit the number, which is a multiple of 8 else. */
    if (at > capacity || bytes > capacity - at || at % 8) {
        add_relaxed(&s->arena->lost, 1);
        return -ENOSPC;
    }
    item = (struct item_head *)(void *)item_at(s, at);
    store_relaxed(&item->bytes, (uint32_t)bytes);
    item->size = (uint32_t)(head_bytes + tail_bytes);
    if (head_bytes)
        memcpy(item + 1, head, head_bytes);
    if (tail_bytes)
        memcpy((unsigned char *)(item + 1) + head_bytes, tail, tail_bytes);
    /* Told. Release: the content is visible before the kind. Pairs with the acquire in
     * arena_next(). */
    store_release(&item->kind, (uint32_t)kind);
    return 0;
}

int arena_next(const struct segment *s, struct arena_reader *reader, struct arena_item *out)
{
    uint64_t capacity = s->geometry.arena_bytes - sizeof(struct arena_shared);
    struct item_head *item;
    uint32_t kind, bytes, size;

    if (reader->at + sizeof(*item) > capacity)
        return 0;
    item = (struct item_head *)(void *)item_at(s, reader->at);
    /* Told. Acquire: pairs with the release in arena_append(). */
    kind = load_acquire(&item->kind);
    if (!kind)
        return 0;
    /* Untrusted: copy once, check, never read again. */
    bytes = load_relaxed(&item->bytes);
    size = load_relaxed(&item->size);
    if (kind > ARENA_PROCESS || size > ARENA_ITEM_MAX || bytes < sizeof(*item) + size ||
        (bytes & 7) || bytes > capacity - reader->at)
        return -EBADMSG;
    memcpy(out->bytes, item + 1, size);
    out->kind = (enum arena_kind)kind;
    out->size = size;
    reader->at += bytes;
    return 1;
}
