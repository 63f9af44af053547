/* SPDX-License-Identifier: Apache-2.0 */
/* The consumers' side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rings/broadcast_memory.h"

enum {
    SLICE_NS = 100 * 1000 * 1000,       /* between two looks at a word that nobody woke us on */
    SLICE_UNSEEN_NS = 10 * 1000 * 1000, /* the same where the producer cannot see that we wait */
    COPY_BYTES_MIN = 4096,
};

/* ---- joining ---- */

static struct broadcast_seat *seat_take(struct ada_broadcast *b)
{
    for (unsigned i = 0; i < ADA_BROADCAST_CONSUMERS; i++) {
        struct broadcast_seat *seat = &b->shared->seats[i];
        uint32_t nobody = SEAT_FREE;

        if (compare_exchange(&seat->state, &nobody, SEAT_TAKEN))
            return seat;
    }
    return NULL;
}

/* From a place on that no producer has taken from us yet. */
static void seat_gate(struct ada_broadcast *b, struct broadcast_seat *seat,
                      struct ada_broadcast_place *place)
{
    ada_broadcast_here(b, place);
    store_relaxed(&seat->cursor, place->position); /* relaxed: the state's release */
    store_release(&seat->state, SEAT_GATING);
    /* Join. Full fence: the seat, then the place. Pairs with the one in limit_find(). */
    fence_seq_cst();
    ada_broadcast_here(b, place);
    store_release(&seat->cursor, place->position); /* Reclaim: we read nothing below */
}

static int options_check(const struct ada_broadcast *b, const struct ada_broadcast_join_options *o)
{
    if (o->size != sizeof(*o) || o->kind > ADA_BROADCAST_GATING || o->wait > ADA_BROADCAST_SPIN ||
        (o->kind == ADA_BROADCAST_GATING && o->from))
        return -EINVAL;
    if (!b->writable && (o->kind == ADA_BROADCAST_GATING || o->after_count))
        return -EROFS;
    for (unsigned i = 0; i < o->after_count; i++)
        if (o->after[i]->broadcast != b)
            return -EINVAL;
    return 0;
}

static int after_take(struct ada_broadcast_consumer *c, const struct ada_broadcast_join_options *o)
{
    if (!o->after_count)
        return 0;
    c->after = calloc(o->after_count, sizeof(*c->after));
    if (!c->after)
        return -ENOMEM;
    for (unsigned i = 0; i < o->after_count; i++)
        c->after[i] = o->after[i]->seat;
    c->after_count = o->after_count;
    return 0;
}

static int seat_sit(struct ada_broadcast_consumer *c, struct ada_broadcast_place *place)
{
    struct ada_broadcast *b = c->broadcast;

    if (!b->writable)
        return 0;
    c->seat = seat_take(b);
    if (!c->seat)
        return -EUSERS;
    if (c->wait == ADA_BROADCAST_BLOCK)
        add_relaxed(&b->shared->blockers, 1); /* relaxed: broadcast_tell_messages() says why */
    if (c->kind == ADA_BROADCAST_GATING) {
        seat_gate(b, c->seat, place);
        return 0;
    }
    store_relaxed(&c->seat->cursor, place->position); /* relaxed: the state's release */
    store_release(&c->seat->state, SEAT_SKIPPING);
    return 0;
}

int ada_broadcast_join(struct ada_broadcast *b, const struct ada_broadcast_join_options *options,
                       struct ada_broadcast_consumer **out)
{
    static const struct ada_broadcast_join_options defaults = {.size = sizeof(defaults)};
    const struct ada_broadcast_join_options *o = options ? options : &defaults;
    struct ada_broadcast_consumer *c;
    struct ada_broadcast_place place;
    int err = options_check(b, o);

    *out = NULL;
    if (err)
        return err;
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->broadcast = b;
    c->kind = o->kind;
    c->wait = o->wait;
    err = after_take(c, o);
    if (o->from)
        place = *o->from;
    else
        ada_broadcast_here(b, &place);
    if (!err)
        err = seat_sit(c, &place);
    if (err) {
        ada_broadcast_leave(c);
        return err;
    }
    c->at = c->limit = place.position;
    c->expected = place.messages;
    c->expected_bytes = place.bytes;
    *out = c;
    return 0;
}

void ada_broadcast_leave(struct ada_broadcast_consumer *c)
{
    if (!c)
        return;
    if (c->seat) {
        /* Reclaim. Release: our reads ended before the room is used again. */
        store_release(&c->seat->state, SEAT_FREE);
        if (c->wait == ADA_BROADCAST_BLOCK)
            add_relaxed(&c->broadcast->shared->blockers, UINT32_MAX); /* relaxed: as above */
        broadcast_tell_room(c->broadcast);
    }
    free(c->after);
    free(c->copy);
    free(c);
}

/* ---- how far there is something ---- */

static uint64_t barrier_find(const struct ada_broadcast_consumer *c)
{
    /* Publish. Acquire: the messages below. Pairs with the releases in ada_broadcast_commit() and
     * published_move(). */
    uint64_t lowest = load_acquire(&c->broadcast->shared->published);

    for (unsigned i = 0; i < c->after_count; i++) {
        /* Behind. Acquire: what that consumer did with the messages below. Pairs with the release
         * in ada_broadcast_release(). */
        uint64_t cursor = load_acquire(&c->after[i]->cursor);

        if (broadcast_ahead(lowest, cursor) > 0)
            lowest = cursor;
    }
    return lowest;
}

static bool has_message(struct ada_broadcast_consumer *c)
{
    if (broadcast_ahead(c->limit, c->at) > 0)
        return true;
    c->limit = barrier_find(c);
    return broadcast_ahead(c->limit, c->at) > 0;
}

/* Closed, and nothing is under way. */
static bool is_over(const struct ada_broadcast_consumer *c)
{
    const struct broadcast_shared *s = c->broadcast->shared;
    struct ada_broadcast_place place;

    /* Closed. Acquire: pairs with the release in ada_broadcast_close(). */
    if (!load_acquire(&s->closed))
        return false;
    ada_broadcast_here(c->broadcast, &place);
    return broadcast_ahead(c->at, place.position) >= 0;
}

static void messages_await(struct ada_broadcast_consumer *c, struct broadcast_patience *patience)
{
    struct broadcast_shared *s = c->broadcast->shared;
    uint32_t seen;

    if (c->wait != ADA_BROADCAST_BLOCK) {
        broadcast_pause(c->wait, patience);
        return;
    }
    seen = load_relaxed(&s->signal); /* relaxed: the fence orders it */
    if (c->seat)
        add_relaxed(&s->waiters, 1);
    /* Asleep. Full fence: we are seen to wait before we look for the last time. Pairs with
     * broadcast_tell_messages(). */
    fence_seq_cst();
    if (!has_message(c) && !is_over(c))
        broadcast_sleep(&s->signal, seen, c->seat ? SLICE_NS : SLICE_UNSEEN_NS, patience);
    if (c->seat)
        add_relaxed(&s->waiters, UINT32_MAX); /* relaxed: a wake-up too many does no harm */
}

/* ---- overtaken ---- */

/*
 * Words that a producer may be writing over at this moment; what is read is looked at only if
 * copy_is_good() afterwards. ThreadSanitizer must not see it: producers fill claims in as they
 * like.
 */
BROADCAST_UNWATCHED static void words_copy(uint64_t *restrict to, const void *from, size_t bytes)
{
    const uint64_t *words = from;

    for (size_t i = 0; i < (bytes + 7) / 8; i++)
        to[i] = load_relaxed(&words[i]); /* relaxed: ordered by the fence in copy_is_good() */
}

static bool copy_is_good(const struct ada_broadcast_consumer *c)
{
    const struct ada_broadcast *b = c->broadcast;

    /* Intent. Acquire fence: the copy was made before the intent is read. Pairs with the release
     * fence in place_move(). */
    fence_acquire();
    return broadcast_ahead(load_relaxed(&b->shared->intent), c->at + b->capacity) <= 0;
}

/* Go on half a lap behind the newest, where a message begins; failing that, with the next one. How
 * much was missed is found out from the head of what is read there. */
static void jump(struct ada_broadcast_consumer *c)
{
    const struct ada_broadcast *b = c->broadcast;
    uint64_t block_bytes = b->capacity / BROADCAST_MARKS;
    uint64_t limit = c->limit = barrier_find(c);
    uint64_t good = load_relaxed(&b->shared->intent) - b->capacity; /* relaxed: checked later */
    uint64_t target = limit - b->capacity / 2;

    if (broadcast_ahead(good + b->capacity / 4, target) > 0)
        target = good + b->capacity / 4;
    for (; broadcast_ahead(limit, target) > 0; target += block_bytes) {
        uint64_t at = load_relaxed(&b->shared->marks[target / block_bytes % BROADCAST_MARKS]);

        /* relaxed: a mark that is older or newer than that is not used. */
        if (at / block_bytes == target / block_bytes && broadcast_ahead(at, c->at) > 0 &&
            broadcast_ahead(limit, at) > 0) {
            c->at = at;
            return;
        }
    }
    if (broadcast_ahead(limit, c->at) > 0)
        c->at = limit;
}

/* ---- reading ---- */

/* The head at our place. 1: *head is a message's; 0: go on; negative: errno. */
static int head_take(struct ada_broadcast_consumer *c, struct broadcast_head *head)
{
    const struct ada_broadcast *b = c->broadcast;
    const struct broadcast_head *there = broadcast_head_at(b, c->at);
    uint64_t rest = b->capacity - (c->at & (b->capacity - 1)), span;

    words_copy(&head->word, &there->word, sizeof(head->word));
    if (c->kind == ADA_BROADCAST_SKIPPING && !copy_is_good(c)) {
        jump(c);
        return 0;
    }
    if (head->length & BROADCAST_PAD) {
        span = head->length & BROADCAST_LENGTH;
        if (span != rest)
            return -EBADMSG;
        c->at += span;
        return 0;
    }
    /* Of another process: bounded before it is believed. */
    head->length &= BROADCAST_LENGTH;
    span = broadcast_span(head->length);
    if (head->length > ada_broadcast_message_max(b) || span > rest ||
        broadcast_ahead(c->limit, c->at + span) < 0)
        return -EBADMSG;
    words_copy(&head->sequence, &there->sequence, 2 * sizeof(uint64_t));
    return 1;
}

static int copy_reserve(struct ada_broadcast_consumer *c, size_t bytes)
{
    size_t capacity = c->copy_capacity ? c->copy_capacity : COPY_BYTES_MIN;
    void *copy;

    while (capacity < bytes)
        capacity *= 2;
    if (capacity == c->copy_capacity)
        return 0;
    copy = malloc(capacity);
    if (!copy)
        return -ENOMEM;
    free(c->copy);
    c->copy = copy;
    c->copy_capacity = capacity;
    return 0;
}

static void message_fill(struct ada_broadcast_consumer *c, const struct broadcast_head *head,
                         struct ada_broadcast_message *message)
{
    *message = (struct ada_broadcast_message){
        .type = head->type,
        .bytes = head->length,
        .payload = c->kind == ADA_BROADCAST_GATING ? broadcast_head_at(c->broadcast, c->at) + 1
                                                   : (void *)c->copy,
        .sequence = head->sequence,
        .missed_messages = head->sequence - c->expected,
        .missed_bytes = head->bytes - c->expected_bytes,
    };
    c->counts.messages++;
    c->counts.bytes += head->length;
    c->counts.missed_messages += message->missed_messages;
    c->counts.missed_bytes += message->missed_bytes;
    c->expected = head->sequence + 1;
    c->expected_bytes = head->bytes + head->length;
    c->at += broadcast_span(head->length);
}

/* 1, 0: look again, negative: errno. */
static int message_take(struct ada_broadcast_consumer *c, struct ada_broadcast_message *message)
{
    struct broadcast_head head;
    int got = head_take(c, &head);

    if (got <= 0)
        return got;
    if (c->kind == ADA_BROADCAST_SKIPPING) {
        if (copy_reserve(c, head.length))
            return -ENOMEM;
        words_copy((uint64_t *)(void *)c->copy, broadcast_head_at(c->broadcast, c->at) + 1,
                   head.length);
        if (!copy_is_good(c)) {
            jump(c);
            return 0;
        }
    }
    message_fill(c, &head, message);
    return 1;
}

/* What was overwritten behind the last message that we read, when nothing follows any more. */
static void rest_count(struct ada_broadcast_consumer *c)
{
    struct ada_broadcast_place place;

    ada_broadcast_here(c->broadcast, &place);
    c->counts.missed_messages += place.messages - c->expected;
    c->counts.missed_bytes += place.bytes - c->expected_bytes;
    c->expected = place.messages;
    c->expected_bytes = place.bytes;
}

int ada_broadcast_read(struct ada_broadcast_consumer *c, struct ada_broadcast_message *message,
                       uint64_t timeout_ns)
{
    struct broadcast_patience patience = {0};
    bool waited = false;

    for (;;) {
        if (has_message(c)) {
            int got = message_take(c, message);

            if (got)
                return got;
            continue;
        }
        if (is_over(c)) {
            if (has_message(c))
                continue;
            rest_count(c);
            return -EPIPE;
        }
        if (!timeout_ns)
            return 0;
        if (!waited)
            broadcast_patience_init(&patience, timeout_ns);
        else if (broadcast_time_is_up(&patience))
            return 0;
        waited = true;
        messages_await(c, &patience);
    }
}

void ada_broadcast_release(struct ada_broadcast_consumer *c)
{
    if (!c->seat)
        return;
    /* Reclaim and Behind. Release: our reads of what lies below end before a producer writes there,
     * and what we did with it is done before those behind us see it. Pairs with limit_find() and
     * barrier_find(). */
    store_release(&c->seat->cursor, c->at);
    if (c->kind == ADA_BROADCAST_GATING)
        broadcast_tell_room(c->broadcast);
    broadcast_tell_messages(c->broadcast);
}

void ada_broadcast_counts(const struct ada_broadcast_consumer *c, struct ada_broadcast_counts *out)
{
    uint64_t published = load_relaxed(&c->broadcast->shared->published); /* relaxed: a figure */

    *out = c->counts;
    out->lag_bytes = broadcast_ahead(published, c->at) > 0 ? published - c->at : 0;
}
