/* SPDX-License-Identifier: Apache-2.0 */
/* The producers' side. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "rings/broadcast_memory.h"

enum {
    SPINS = 200,                       /* for another producer to have claimed */
    ROOM_SLICE_NS = 100 * 1000 * 1000, /* between two looks at room that nobody told of */
};

/* ---- one claims at a time ---- */

static void claims_lock(struct ada_broadcast *b)
{
    if (!b->many)
        return;
    /* Claims. Acquire: pairs with the release in claims_unlock(). */
    for (unsigned i = 0; exchange_acq_rel(&b->shared->lock, 1); i++) {
        if (i < SPINS)
            cpu_relax();
        else
            sched_yield();
    }
}

static void claims_unlock(struct ada_broadcast *b)
{
    if (b->many)
        store_release(&b->shared->lock, 0); /* Claims. Pairs with claims_lock(). */
}

/* ---- room ---- */

/* How far may be claimed: a lap beyond what is published, and beyond what every gating consumer has
 * let go of. */
static uint64_t limit_find(const struct ada_broadcast *b)
{
    const struct broadcast_shared *s = b->shared;
    /* Lap. Acquire: whoever wrote there a lap ago has ended. Pairs with the releases of published.
     */
    uint64_t lowest = load_acquire(&s->published);

    /* Join. Full fence: published, then the seats. Pairs with the one in seat_gate(): either we see
     * the new consumer, or it begins at or behind this place. */
    fence_seq_cst();
    for (unsigned i = 0; i < ADA_BROADCAST_CONSUMERS; i++) {
        const struct broadcast_seat *seat = &s->seats[i];
        uint64_t cursor;

        /* Reclaim. Acquire: the reads of one that has left ended, too. Pairs with the release in
         * ada_broadcast_leave(). */
        if (load_acquire(&seat->state) != SEAT_GATING)
            continue;
        /* Reclaim. Acquire: its reads below the cursor ended before we write there. Pairs with the
         * release in ada_broadcast_release(). */
        cursor = load_acquire(&seat->cursor);
        if (broadcast_ahead(lowest, cursor) > 0)
            lowest = cursor;
    }
    return lowest + b->capacity;
}

/* ---- claiming: under the lock ---- */

/* Intent and place move together, for whoever joins. */
static void place_move(struct broadcast_shared *s, uint64_t intent, uint64_t payload_bytes)
{
    uint64_t edition = load_relaxed(&s->edition); /* relaxed: only we write it */

    store_relaxed(&s->edition, edition + 1);
    fence_release(); /* Place. Odd before the three change. Pairs with ada_broadcast_here(). */
    store_relaxed(&s->intent, intent);
    store_relaxed(&s->sequence, load_relaxed(&s->sequence) + 1);
    store_relaxed(&s->bytes, load_relaxed(&s->bytes) + payload_bytes);
    store_release(&s->edition, edition + 2); /* Place. */
    /* Intent. Release fence: whoever reads any byte written behind this sees the new intent. Pairs
     * with the acquire fence in copy_is_good(). */
    fence_release();
}

static void mark(struct ada_broadcast *b, uint64_t position)
{
    uint64_t block = position / (b->capacity / BROADCAST_MARKS);
    uint64_t *at = &b->shared->marks[block % BROADCAST_MARKS];

    /* The first message of its sixteenth. relaxed: a reader checks what it finds there. */
    if (load_relaxed(at) / (b->capacity / BROADCAST_MARKS) != block || !position)
        store_relaxed(at, position);
}

static uint64_t word_of(uint32_t length, uint32_t type)
{
    const struct broadcast_head head = {.length = length, .type = type};

    return head.word;
}

static int claim_try(struct ada_broadcast *b, uint32_t type, uint32_t bytes,
                     struct ada_broadcast_claim *claim)
{
    struct broadcast_shared *s = b->shared;
    /* relaxed: only producers write these, and one of them claims at a time. */
    uint64_t begin = load_relaxed(&s->intent), at = begin, span = broadcast_span(bytes);
    uint64_t rest = b->capacity - (at & (b->capacity - 1));
    uint64_t sequence = load_relaxed(&s->sequence), before = load_relaxed(&s->bytes);
    struct broadcast_head *head;

    if (rest < span)
        at += rest;
    if (broadcast_ahead(at + span, b->limit) > 0)
        b->limit = limit_find(b);
    if (broadcast_ahead(at + span, b->limit) > 0)
        return -EAGAIN;
    place_move(s, at + span, bytes);
    /* relaxed, all of these: published (or claimed) is what makes them visible. */
    if (at != begin)
        store_relaxed(&broadcast_head_at(b, begin)->word,
                      word_of((uint32_t)rest | BROADCAST_PAD, 0));
    head = broadcast_head_at(b, at);
    store_relaxed(&head->word, word_of(b->many ? bytes | BROADCAST_UNDONE : bytes, type));
    store_relaxed(&head->sequence, sequence);
    store_relaxed(&head->bytes, before);
    mark(b, at);
    /* Heads. Release: those who complete messages walk over heads below. Pairs with the acquire in
     * published_move(). */
    if (b->many)
        store_release(&s->claimed, at + span);
    *claim = (struct ada_broadcast_claim){.payload = head + 1, .place = at, .end = at + span};
    return 0;
}

/* ---- waiting for room ---- */

static bool has_room(struct ada_broadcast *b, uint64_t span)
{
    uint64_t limit, intent;

    claims_lock(b);
    limit = b->limit = limit_find(b);
    intent = load_relaxed(&b->shared->intent); /* relaxed: under the lock */
    claims_unlock(b);
    /* The end of a lap can cost as much again. */
    return broadcast_ahead(intent + 2 * span, limit) <= 0 || load_relaxed(&b->shared->closed);
}

static void room_await(struct ada_broadcast *b, uint64_t span, struct broadcast_patience *patience)
{
    struct broadcast_shared *s = b->shared;
    uint32_t seen;

    if (b->wait != ADA_BROADCAST_BLOCK) {
        broadcast_pause(b->wait, patience);
        return;
    }
    seen = load_relaxed(&s->room_signal); /* relaxed: the fence orders it */
    add_relaxed(&s->room_waiters, 1);
    /* Crowded. Full fence: we are seen to wait before we look for the last time. Pairs with
     * broadcast_tell_room(). */
    fence_seq_cst();
    if (!has_room(b, span))
        broadcast_sleep(&s->room_signal, seen, ROOM_SLICE_NS, patience);
    add_relaxed(&s->room_waiters, UINT32_MAX); /* relaxed: a wake-up too many does no harm */
}

int ada_broadcast_claim(struct ada_broadcast *b, uint32_t type, uint32_t bytes, uint64_t timeout_ns,
                        struct ada_broadcast_claim *claim)
{
    struct broadcast_patience patience = {0};
    bool waited = false;
    int err;

    if (!b->writable)
        return -EROFS;
    if (bytes > ada_broadcast_message_max(b))
        return -EMSGSIZE;
    for (;;) {
        claims_lock(b);
        /* relaxed: a message more or less when another thread closes. */
        err = load_relaxed(&b->shared->closed) ? -EPIPE : claim_try(b, type, bytes, claim);
        claims_unlock(b);
        if (err != -EAGAIN || !timeout_ns)
            return err;
        if (!waited)
            broadcast_patience_init(&patience, timeout_ns);
        else if (broadcast_time_is_up(&patience))
            return -ETIMEDOUT;
        waited = true;
        room_await(b, broadcast_span(bytes), &patience);
    }
}

/* ---- committing ---- */

#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif

#ifdef WITH_TSAN
extern void __tsan_acquire(void *address);
#define acquired_tell(word) __tsan_acquire((void *)(uintptr_t)(word))
#else
#define acquired_tell(word) (void)(word)
#endif

/* What a head says stands between it and the next one. */
static uint64_t head_span(uint64_t word)
{
    const struct broadcast_head head = {.word = word};

    return head.length & BROADCAST_PAD ? head.length & BROADCAST_LENGTH
                                       : broadcast_span(head.length & BROADCAST_LENGTH);
}

static bool is_undone(uint64_t word)
{
    const struct broadcast_head head = {.word = word};

    return !(head.length & BROADCAST_PAD) && (head.length & BROADCAST_UNDONE);
}

/*
 * The head at a place where `published` stood a moment ago. When others have gone ahead meanwhile,
 * what stands there can be anything; then it is not used. ThreadSanitizer must not see that read,
 * but has to know what it synchronises with.
 */
BROADCAST_UNWATCHED static uint64_t head_peek(const uint64_t *word)
{
    /* Done. Acquire: pairs with the release in ada_broadcast_commit(). */
    uint64_t seen = load_acquire(word);

    acquired_tell(word);
    return seen;
}

/* Many producers: move `published` over everything that is complete. Others do the same at the same
 * time; where one of them was first, the exchange fails. */
static void published_move(struct ada_broadcast *b)
{
    struct broadcast_shared *s = b->shared;
    uint64_t at = load_acquire(&s->published), seen;

    /* Heads. Acquire: pairs with the release in claim_try(). */
    while (at != load_acquire(&s->claimed)) {
        uint64_t word = head_peek(&broadcast_head_at(b, at)->word);

        if (!is_undone(word)) {
            uint64_t next = at + head_span(word);

            /* Publish. Release: the message, and all that we acquired with its head. Pairs with the
             * acquire in barrier_find(). */
            if (compare_exchange(&s->published, &at, next))
                at = next;
            continue;
        }
        /* Last look. Full fence: published was moved here before the head is read again. Pairs with
         * the one in ada_broadcast_commit(): either we see the message done, or its producer sees
         * where published stands. */
        fence_seq_cst();
        seen = load_acquire(&s->published);
        if (seen == at && is_undone(head_peek(&broadcast_head_at(b, at)->word)))
            return;
        at = seen;
    }
}

void ada_broadcast_commit(struct ada_broadcast *b, const struct ada_broadcast_claim *claim)
{
    struct broadcast_head *head = broadcast_head_at(b, claim->place);
    struct broadcast_head done = {.word = load_relaxed(&head->word)}; /* relaxed: we wrote it */

    if (b->many) {
        done.length &= ~BROADCAST_UNDONE;
        /* Done. Release: the payload before its head says so. Pairs with published_move(). */
        store_release(&head->word, done.word);
        fence_seq_cst(); /* Last look: as said there. */
        published_move(b);
        /* Others wait for the slowest of them, too. relaxed: or they look again in a moment. */
        if (load_relaxed(&b->shared->room_waiters))
            broadcast_tell_room(b);
    } else {
        /* Publish. Release: the message. Pairs with the acquire in barrier_find(). */
        store_release(&b->shared->published, claim->end);
    }
    broadcast_tell_messages(b);
}

/* ---- all at once ---- */

/* Whole words, because a skipping reader may copy the same bytes at the same time; relaxed: the
 * intent tells it. The part is read once. */
static unsigned char *part_copy(unsigned char *to, const unsigned char *from, size_t bytes)
{
    while (((uintptr_t)to & 7) && bytes) {
        store_relaxed(to++, *from++);
        bytes--;
    }
    for (; bytes >= 8; bytes -= 8, to += 8, from += 8) {
        uint64_t word;

        memcpy(&word, from, sizeof(word));
        store_relaxed((uint64_t *)(void *)to, word);
    }
    while (bytes--)
        store_relaxed(to++, *from++);
    return to;
}

int ada_broadcast_write(struct ada_broadcast *b, uint32_t type, const struct iovec *parts,
                        unsigned part_count, uint64_t timeout_ns)
{
    struct ada_broadcast_claim claim;
    unsigned char *at;
    size_t bytes = 0;
    int err;

    for (unsigned i = 0; i < part_count; i++)
        if (__builtin_add_overflow(bytes, parts[i].iov_len, &bytes))
            return -EMSGSIZE;
    if (bytes > ada_broadcast_message_max(b))
        return -EMSGSIZE;
    err = ada_broadcast_claim(b, type, (uint32_t)bytes, timeout_ns, &claim);
    if (err)
        return err;
    at = claim.payload;
    for (unsigned i = 0; i < part_count; i++)
        at = part_copy(at, parts[i].iov_base, parts[i].iov_len);
    ada_broadcast_commit(b, &claim);
    return 0;
}
