/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block_store.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 8 /* malloc's own, in front of each piece */ };

struct stored_block {
    struct stored_block *next;
    uint32_t references; /* the store's own, and those of takers */
    uint32_t charge;     /* what it is counted for */
    struct block_tally tally;
    struct block_header header;
    unsigned char frame[];
};

/* One thread: what is kept of it and what went. */
struct store_thread {
    uint32_t thread;
    bool ended, has_ledger;
    uint32_t blocks;
    uint64_t records;
    struct trace_ledger ledger;
    struct trace_gap gone, dropped; /* as struct block_front has them */
    uint64_t let_go, let_go_bytes;  /* of `gone`: that were in blocks */
};

struct block_store {
    pthread_mutex_t lock;
    uint64_t bytes_max, age_ticks;
    struct stored_block *first, **end; /* under lock, like all below */
    struct store_thread *threads;      /* in ascending order */
    size_t thread_count, thread_capacity;
    struct block_store_figures figures;
    uint64_t gone_threads, gone_thread_records;
};

struct block_store *block_store_create(uint64_t bytes_max, uint64_t age_ticks)
{
    struct block_store *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->bytes_max = bytes_max ? bytes_max : UINT64_MAX;
    s->age_ticks = age_ticks;
    s->end = &s->first;
    s->figures.bytes = malloc_usable_size(s) + CHUNK_BYTES;
    return s;
}

/* ---- threads ---- */

static size_t thread_place(const struct block_store *s, uint32_t thread)
{
    size_t low = 0, high = s->thread_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->threads[middle].thread < thread)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct store_thread *thread_find(const struct block_store *s, uint32_t thread)
{
    size_t at = thread_place(s, thread);

    return at < s->thread_count && s->threads[at].thread == thread ? &s->threads[at] : NULL;
}

static bool threads_grow(struct block_store *s)
{
    size_t capacity = s->thread_capacity ? s->thread_capacity + s->thread_capacity / 2 : 8;
    size_t before = s->threads ? malloc_usable_size(s->threads) + CHUNK_BYTES : 0;
    struct store_thread *grown = realloc(s->threads, capacity * sizeof(*grown));

    if (!grown)
        return false;
    s->threads = grown;
    s->thread_capacity = capacity;
    s->figures.bytes += malloc_usable_size(grown) + CHUNK_BYTES - before;
    return true;
}

static struct store_thread *thread_make(struct block_store *s, uint32_t thread)
{
    struct store_thread *t = thread_find(s, thread);
    size_t at = thread_place(s, thread);

    if (t)
        return t;
    if (s->thread_count == s->thread_capacity && !threads_grow(s))
        return NULL;
    memmove(&s->threads[at + 1], &s->threads[at], (s->thread_count - at) * sizeof(s->threads[0]));
    s->threads[at] =
        (struct store_thread){.thread = thread,
                              .gone = {.thread = thread, .kind = TRACE_GAP_OVERWRITTEN},
                              .dropped = {.thread = thread, .kind = TRACE_GAP_DROPPED}};
    s->thread_count++;
    return &s->threads[at];
}

static void thread_forget_if_gone(struct block_store *s, struct store_thread *t)
{
    size_t at = (size_t)(t - s->threads);

    if (!t->ended || t->blocks)
        return;
    s->gone_threads += t->let_go != 0;
    s->gone_thread_records += t->let_go;
    s->thread_count--;
    memmove(&s->threads[at], &s->threads[at + 1], (s->thread_count - at) * sizeof(s->threads[0]));
}

/* ---- blocks ---- */

static void gap_widen(struct trace_gap *gap, const struct block_header *header, uint64_t records,
                      uint64_t bytes)
{
    if (!records)
        return;
    if (!gap->records)
        gap->first_ticks = header->first_ticks;
    gap->last_ticks = header->last_ticks;
    gap->records += records;
    gap->bytes += bytes;
}

/* The block is not there any more, and neither are the gaps in it. */
static void gone_count(struct trace_gap *gone, struct trace_gap *dropped,
                       const struct block_header *header, const struct block_tally *tally)
{
    gap_widen(gone, header, header->records + tally->overwritten,
              tally->ring_bytes + tally->overwritten_bytes);
    gap_widen(dropped, header, tally->dropped, tally->dropped_bytes);
}

static void block_release(struct block_store *s, struct stored_block *b)
{
    if (--b->references)
        return;
    s->figures.lent_bytes -= b->charge;
    free(b);
}

static void oldest_let_go(struct block_store *s)
{
    struct stored_block *b = s->first;
    struct store_thread *t = thread_find(s, b->header.thread);

    s->first = b->next;
    if (!s->first)
        s->end = &s->first;
    s->figures.blocks--;
    s->figures.records -= b->header.records;
    s->figures.gone_records += b->header.records;
    s->figures.bytes -= b->charge;
    s->figures.lent_bytes += b->charge; /* until it is freed, perhaps at once */
    t->blocks--;
    t->records -= b->header.records;
    t->let_go += b->header.records;
    t->let_go_bytes += b->tally.ring_bytes;
    gone_count(&t->gone, &t->dropped, &b->header, &b->tally);
    thread_forget_if_gone(s, t);
    block_release(s, b);
}

static void room_make(struct block_store *s, uint64_t bytes)
{
    while (s->first && (bytes > s->bytes_max || s->figures.bytes > s->bytes_max - bytes))
        oldest_let_go(s);
}

static struct stored_block *block_make(struct block_store *s, const struct block_header *header)
{
    size_t size = sizeof(struct stored_block) + header->frame_bytes;
    struct stored_block *b;

    room_make(s, size + 2 * CHUNK_BYTES);
    b = malloc(size);
    if (!b) {
        room_make(s, s->bytes_max);
        return NULL;
    }
    b->charge = (uint32_t)(malloc_usable_size(b) + CHUNK_BYTES);
    room_make(s, b->charge);
    if (s->figures.bytes + b->charge <= s->bytes_max)
        return b;
    free(b);
    return NULL;
}

int block_store_put(struct block_store *s, const struct block_header *header,
                    const unsigned char *frame, const struct block_tally *tally)
{
    struct stored_block *b;
    struct store_thread *t;

    pthread_mutex_lock(&s->lock);
    t = thread_make(s, header->thread);
    if (!t) {
        pthread_mutex_unlock(&s->lock);
        return -ENOMEM;
    }
    t->blocks++; /* so that it stays while room is made */
    b = block_make(s, header);
    t = thread_find(s, header->thread);
    if (b) {
        b->references = 1;
        b->tally = *tally;
        b->header = *header;
        memcpy(b->frame, frame, header->frame_bytes);
        b->next = NULL;
        *s->end = b;
        s->end = &b->next;
        t->records += header->records;
        s->figures.blocks++;
        s->figures.records += header->records;
        s->figures.bytes += b->charge;
    } else {
        s->figures.gone_records += header->records;
        t->blocks--;
        t->let_go += header->records;
        t->let_go_bytes += tally->ring_bytes;
        gone_count(&t->gone, &t->dropped, header, tally);
        thread_forget_if_gone(s, t);
    }
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static uint64_t oldest_ticks(const struct block_store *s, uint64_t otherwise)
{
    uint64_t oldest = s->first ? UINT64_MAX : otherwise;

    for (const struct stored_block *b = s->first; b; b = b->next)
        if (b->header.first_ticks < oldest)
            oldest = b->header.first_ticks;
    return oldest;
}

uint64_t block_store_expire(struct block_store *s, uint64_t now_ticks)
{
    uint64_t oldest;

    pthread_mutex_lock(&s->lock);
    while (s->age_ticks && s->first && s->first->header.last_ticks + s->age_ticks < now_ticks)
        oldest_let_go(s);
    oldest = oldest_ticks(s, now_ticks);
    pthread_mutex_unlock(&s->lock);
    return oldest;
}

/* ---- what is known of threads ---- */

int block_store_ledger(struct block_store *s, const struct trace_ledger *ledger)
{
    struct store_thread *t;

    pthread_mutex_lock(&s->lock);
    t = thread_make(s, ledger->thread);
    if (t) {
        t->ledger = *ledger;
        t->has_ledger = true;
        room_make(s, 0);
    }
    pthread_mutex_unlock(&s->lock);
    return t ? 0 : -ENOMEM;
}

void block_store_thread_end(struct block_store *s, uint32_t thread)
{
    struct store_thread *t;

    pthread_mutex_lock(&s->lock);
    t = thread_find(s, thread);
    if (t) {
        t->ended = true;
        thread_forget_if_gone(s, t);
    }
    pthread_mutex_unlock(&s->lock);
}

bool block_store_holds(struct block_store *s, uint32_t thread)
{
    const struct store_thread *t;
    bool holds;

    pthread_mutex_lock(&s->lock);
    t = thread_find(s, thread);
    holds = t && t->blocks;
    pthread_mutex_unlock(&s->lock);
    return holds;
}

void block_store_figures(struct block_store *s, struct block_store_figures *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->figures;
    out->first_ticks = oldest_ticks(s, 0);
    pthread_mutex_unlock(&s->lock);
}

/* ---- lending ---- */

static struct stored_block *block_of(const struct block_lent *lent)
{
    return (struct stored_block *)(void *)((char *)(uintptr_t)lent->frame -
                                           offsetof(struct stored_block, frame));
}

/* What the file tells of a thread, before it is known which of its blocks are in it. */
static struct block_front front_of(const struct store_thread *t)
{
    struct block_front front = {
        .ledger = t->ledger, .has_ledger = t->has_ledger, .gap = t->gone, .dropped = t->dropped};

    front.ledger.stored = 0;
    front.ledger.overwritten += t->let_go;
    front.ledger.overwritten_bytes += t->let_go_bytes;
    return front;
}

static void block_lend(struct block_store *s, struct stored_block *b, uint64_t from_ticks,
                       struct block_take *out)
{
    size_t at = (size_t)(thread_find(s, b->header.thread) - s->threads);
    struct block_front *front = &out->fronts[at];

    /* Left out only in front of what is taken of its thread. */
    if (b->header.last_ticks < from_ticks && !front->ledger.stored) {
        front->ledger.overwritten += b->header.records;
        front->ledger.overwritten_bytes += b->tally.ring_bytes;
        gone_count(&front->gap, &front->dropped, &b->header, &b->tally);
        return;
    }
    b->references++;
    front->ledger.stored += b->header.records;
    out->blocks[out->count++] = (struct block_lent){.header = b->header, .frame = b->frame};
}

int block_store_take(struct block_store *s, uint64_t from_ticks, struct block_take *out)
{
    int status = -ENOMEM;

    *out = (struct block_take){0};
    pthread_mutex_lock(&s->lock);
    out->blocks = calloc(s->figures.blocks + 1, sizeof(*out->blocks));
    out->fronts = calloc(s->thread_count + 1, sizeof(*out->fronts));
    if (out->blocks && out->fronts) {
        status = 0;
        out->front_count = s->thread_count;
        out->gone_threads = s->gone_threads;
        out->gone_thread_records = s->gone_thread_records;
        for (size_t i = 0; i < s->thread_count; i++)
            out->fronts[i] = front_of(&s->threads[i]);
        for (struct stored_block *b = s->first; b; b = b->next)
            block_lend(s, b, from_ticks, out);
    }
    pthread_mutex_unlock(&s->lock);
    if (status != 0) {
        free(out->blocks);
        free(out->fronts);
        *out = (struct block_take){0};
    }
    return status;
}

void block_store_give_back(struct block_store *s, struct block_take *take)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < take->count; i++)
        block_release(s, block_of(&take->blocks[i]));
    pthread_mutex_unlock(&s->lock);
    free(take->blocks);
    free(take->fronts);
    *take = (struct block_take){0};
}

void block_store_destroy(struct block_store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    while (s->first)
        oldest_let_go(s);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_destroy(&s->lock);
    free(s->threads);
    free(s);
}
