/* SPDX-License-Identifier: Apache-2.0 */
#include "scribble.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "registry/arena.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

uint64_t dice_roll(struct dice *d)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return d->state * UINT64_C(2685821657736338717);
}

uint64_t dice_below(struct dice *d, uint64_t below)
{
    return dice_roll(d) % below;
}

uint64_t dice_number(struct dice *d, uint64_t capacity)
{
    const uint64_t numbers[] = {0,
                                1,
                                7,
                                8,
                                255,
                                4096,
                                capacity - 8,
                                capacity - 5,
                                capacity,
                                capacity + 8,
                                2 * capacity,
                                2 * capacity + 8,
                                INT64_MAX,
                                UINT64_C(1) << 63,
                                UINT64_MAX - 7,
                                UINT64_MAX,
                                dice_roll(d)};

    return numbers[dice_below(d, sizeof(numbers) / sizeof(*numbers))];
}

static void word_put(void *base, uint64_t offset, uint64_t value)
{
    store_relaxed((uint64_t *)(void *)((unsigned char *)base + (offset & ~UINT64_C(7))), value);
}

/* ---- anywhere ---- */

/* Header, switches, slots, the arena's beginning: where a word means something. */
static uint64_t telling_bytes(const struct segment *s)
{
    return (uint64_t)((unsigned char *)(s->arena + 1) - (unsigned char *)s->shared) + 4096;
}

static void random_put(struct segment *s, struct dice *d)
{
    uint64_t at = dice_below(d, telling_bytes(s)), count = 1 + dice_below(d, 64);

    for (uint64_t i = 0; i < count && at + 8 * i < telling_bytes(s); i++)
        word_put(s->shared, at + 8 * i, dice_roll(d));
}

static void bit_flip(struct segment *s, struct dice *d)
{
    uint64_t at = dice_below(d, telling_bytes(s)) & ~UINT64_C(7);
    uint64_t *word = (uint64_t *)(void *)((unsigned char *)s->shared + at);

    store_relaxed(word, load_relaxed(word) ^ UINT64_C(1) << dice_below(d, 64));
}

/* ---- lies about a slot ---- */

/* Any slot that the drain looks at, often one that is in use. */
static uint32_t slot_pick(const struct segment *s, struct dice *d)
{
    return (uint32_t)(dice_below(d, 4) ? dice_below(d, 8) % s->geometry.slots
                                       : dice_below(d, s->geometry.slots));
}

static void slot_claim(struct segment *s, struct dice *d)
{
    struct slot_shared *slot = &s->slots[slot_pick(s, d)];

    store_relaxed(&slot->pid,
                  dice_below(d, 2) ? (uint32_t)getpid() : (uint32_t)dice_roll(d) % 4000);
    store_relaxed(&slot->parent_pid, (uint32_t)(dice_below(d, 2) ? 0 : dice_roll(d) % 4000));
    store_relaxed(&slot->tid, (uint32_t)dice_roll(d) % 4000);
    store_relaxed(&slot->claim_ticks, dice_roll(d));
    store_relaxed(&slot->robust, (uint32_t)dice_below(d, 2));
    store_relaxed(&slot->state, (uint32_t)dice_below(d, 4));
    store_relaxed(&s->shared->slots_touched, (uint32_t)dice_number(d, s->geometry.slots));
}

static void slot_die(struct segment *s, struct dice *d)
{
    struct slot_shared *slot = &s->slots[slot_pick(s, d)];

    store_relaxed(&slot->robust, (uint32_t)dice_number(d, SEGMENT_LIFE_WORDS));
    store_relaxed(&slot->life.words[dice_below(d, SEGMENT_LIFE_WORDS)],
                  (uint32_t)dice_roll(d) | FUTEX_OWNER_DIED);
}

static void name_put(struct segment *s, struct dice *d)
{
    struct slot_shared *slot = &s->slots[slot_pick(s, d)];

    for (size_t i = 0; i < sizeof(slot->name); i++)
        store_relaxed(&slot->name[i], (char)dice_roll(d));
    store_relaxed(&slot->name_changes, (uint32_t)dice_roll(d));
}

static void ring_lie(struct segment *s, struct dice *d)
{
    struct ring_shared *ring = &s->slots[slot_pick(s, d)].ring;
    uint64_t capacity = segment_ring_capacity(&s->geometry), old;
    uint64_t *fields[] = {&ring->front.head,    &ring->tail,          &ring->intent,
                          &ring->skipped_bytes, &ring->skipped_taken, &ring->reach,
                          &ring->room,          &ring->front.written, &ring->dropped,
                          &ring->dropped_bytes, &ring->taken,         &ring->overwritten,
                          &ring->capacity,      &ring->step_bytes,    &ring->touched_bytes,
                          &ring->padding_bytes, &ring->nested,        &ring->told};
    uint64_t *field = fields[dice_below(d, sizeof(fields) / sizeof(*fields))];

    old = load_relaxed(dice_below(d, 3) ? field : &ring->front.head);
    store_relaxed(field,
                  dice_below(d, 2) ? old + dice_number(d, capacity) : dice_number(d, capacity));
}

static void mark_lie(struct segment *s, struct dice *d)
{
    struct ring_shared *ring = &s->slots[slot_pick(s, d)].ring;
    struct ring_mark *mark = &ring->marks[dice_below(d, RING_BLOCKS)];

    store_relaxed(&mark->index, load_relaxed(&ring->front.head) & ~UINT64_C(511));
    store_relaxed(&mark->written, dice_number(d, 4096));
    store_relaxed(&ring->intent, load_relaxed(&ring->front.head) + dice_number(d, 65536));
}

/* ---- records that are none, and more of them than there are ---- */

static void records_put(struct segment *s, struct dice *d)
{
    uint32_t n = slot_pick(s, d);
    struct ring_shared *ring = &s->slots[n].ring;
    uint64_t capacity = segment_ring_capacity(&s->geometry), head = load_relaxed(&ring->front.head);
    unsigned char *data = segment_ring_data(s, n);
    uint64_t span = 8 * (1 + dice_below(d, 512));
    uint32_t type = (uint32_t)(dice_below(d, 3) ? dice_below(d, 12) : dice_roll(d));

    for (uint64_t at = head & ~UINT64_C(7); at < (head & ~UINT64_C(7)) + span; at += 8)
        word_put(data, at & (capacity - 1),
                 dice_below(d, 4)
                     ? ada_record_word(ada_record_tag(type, 8 * dice_below(d, 5)), dice_roll(d))
                     : dice_number(d, capacity));
    store_relaxed(&ring->front.written, load_relaxed(&ring->front.written) + dice_below(d, 100));
    store_release(&ring->front.head, head + span);
}

/* One that says it is as long as it likes, with a text in it that does. */
static void large_put(struct segment *s, struct dice *d)
{
    const uint64_t lengths[] = {64, 4096, 1 << 20, 1 << 30, UINT32_MAX - 15, UINT64_MAX - 7};
    uint32_t n = slot_pick(s, d);
    struct ring_shared *ring = &s->slots[n].ring;
    uint64_t capacity = segment_ring_capacity(&s->geometry);
    uint64_t head = load_relaxed(&ring->front.head) & ~UINT64_C(7);
    uint64_t bytes = lengths[dice_below(d, sizeof(lengths) / sizeof(*lengths))];
    uint32_t tag =
        (ada_record_tag(8 + (uint32_t)dice_below(d, 5), 0) & ~UINT32_C(0xff)) | ADA_RECORD_LARGE;
    unsigned char *data = segment_ring_data(s, n);

    word_put(data, head & (capacity - 1), ada_record_word(tag, dice_roll(d)));
    word_put(data, (head + 8) & (capacity - 1), bytes);
    for (uint64_t at = 16; at < 64; at += 8)
        word_put(data, (head + at) & (capacity - 1), bytes - 64);
    store_relaxed(&ring->front.written, load_relaxed(&ring->front.written) + 1);
    store_release(&ring->front.head, head + 64);
}

/* ---- everybody's ---- */

static void header_lie(struct segment *s, struct dice *d)
{
    struct segment_shared *h = s->shared;

    switch (dice_below(d, 8)) {
    case 0:
        store_relaxed(&h->bell, (uint32_t)dice_below(d, 3));
        break;
    case 1:
        store_relaxed(&h->life.next, dice_roll(d));
        break;
    case 2:
        store_relaxed(&h->life.word, (uint32_t)dice_number(d, 64));
        break;
    case 3:
        store_relaxed(&h->unringed, dice_number(d, 1000));
        break;
    case 4:
        store_relaxed(&h->ready[dice_below(d, SEGMENT_SLOTS_MAX / 64)], dice_roll(d));
        break;
    case 5:
        store_relaxed(&h->slots, (uint32_t)dice_number(d, 1024));
        break;
    case 6:
        store_relaxed(&s->arena->lost, dice_number(d, 1000));
        break;
    default:
        store_relaxed(&s->arena->reserved, dice_number(d, s->geometry.arena_bytes));
    }
}

static void switches_lie(struct segment *s, struct dice *d)
{
    struct switches_shared *h = s->switches;

    switch (dice_below(d, 5)) {
    case 0:
        store_relaxed(&h->taken, (uint32_t)dice_number(d, SEGMENT_SWITCHES));
        break;
    case 1:
        store_relaxed(&h->generation, (uint32_t)dice_roll(d));
        break;
    case 2:
        store_relaxed(&h->words.bytes, (uint32_t)dice_number(d, GLOB_WORDS_BYTES));
        break;
    case 3:
        h->words.entries[dice_below(d, GLOB_WORDS_BYTES)] = (unsigned char)dice_roll(d);
        break;
    default:
        store_relaxed(&h->decided[dice_below(d, SEGMENT_SWITCHES)], dice_roll(d));
    }
}

/* What the kernel lets its owner do to the memory itself; that it was sealed has to be enough. */
static void memory_abuse(int fd, struct dice *d, uint64_t bytes)
{
    off_t at = (off_t)(dice_below(d, bytes) & ~UINT64_C(4095));

    if (fd < 0)
        return;
    switch (dice_below(d, 64)) {
    case 0:
        (void)!ftruncate(fd, at);
        break;
    case 1:
        (void)!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
        break;
    case 2:
        (void)!fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
        break;
    case 3:
        (void)!fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
        break;
    default:
        (void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 1 << 16);
    }
}

void scribble_step(struct segment *s, int fd, struct dice *d)
{
    switch (dice_below(d, 26)) {
    case 0:
        random_put(s, d);
        break;
    case 24:
    case 25:
        large_put(s, d);
        break;
    case 1:
    case 2:
        bit_flip(s, d);
        break;
    case 3:
        slot_die(s, d);
        break;
    case 4:
        name_put(s, d);
        break;
    case 5:
    case 6:
    case 7:
        slot_claim(s, d);
        break;
    case 8:
        mark_lie(s, d);
        break;
    case 9:
        header_lie(s, d);
        break;
    case 10:
        switches_lie(s, d);
        break;
    case 11:
        memory_abuse(fd, d, s->bytes);
        break;
    case 12:
        scribble_item(s, d);
        break;
    case 13:
    case 14:
    case 15:
    case 16:
        records_put(s, d);
        break;
    default:
        ring_lie(s, d);
    }
}
