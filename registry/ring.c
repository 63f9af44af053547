/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring protocol: the producer's slow half, then the consumer. The producer's fast half is
 * inlined from adatrace/emit.h. docs/MEMORY-MODEL.md draws every edge.
 */
#include "registry/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/ring_wait.h"

enum {
    GAP_BYTES = 8 + sizeof(struct ada_record_gap),
    OUTER_SIZE_MAX = (1 << 20) - 1, /* words; larger: the PENDING word has it */
    STACK_REACH_BYTES = 64 << 20,   /* farther from the stack's top than this is another stack */
};

/* ---- the producer ------------------------------------------------------------------------------
 */

void ring_writer_init(struct ada_writer *w, struct ring_shared *ring, bool fast)
{
    /* Fast path off until everything else is in place: a handler may emit at any moment. */
    w->limit = 0;
    ADA_SIGNAL_FENCE();
    w->ring = ring;
    w->front = &ring->front;
    w->data = ring_data(ring);
    w->mask = ring->capacity - 1;
    w->reserve = load_relaxed(&ring->front.head); /* relaxed: we are its only writer */
    w->outer = w->stalled_tail = w->buried = 0;
    w->clocked = !fast;
}

uint64_t ring_record_max(const struct ring_shared *ring)
{
    uint64_t room = ring->block_bytes - GAP_BYTES;
    uint64_t quarter = ring->capacity / 4;

    return room < quarter ? room : quarter;
}

static uint64_t *word_at(const struct ada_writer *w, uint64_t index)
{
    return (uint64_t *)(void *)(w->data + (index & w->mask));
}

static uint64_t writer_ticks(const struct ada_writer *w)
{
    return w->clocked ? clock_monotonic_ns() : ada_ticks();
}

/* PENDING: reserved and not committed; the ticks' bits hold the size in words. */
static uint64_t pending_word(uint64_t bytes)
{
    return ada_record_pad_word(bytes) | ADA_RECORD_PENDING << ADA_RECORD_TYPE_SHIFT;
}

/* Size of the record that `word` heads; 0: no record looks like this. */
static uint64_t word_bytes(uint64_t word, uint64_t second)
{
    uint32_t type = ada_record_type(word);
    uint64_t words = word & 0xff;

    if (type == ADA_RECORD_PAD || type == ADA_RECORD_PENDING)
        return words ? 0 : word >> ADA_RECORD_TICKS_SHIFT << 3;
    return words == ADA_RECORD_LARGE ? second : words << 3;
}

static void note_drop(struct ada_writer *w, uint64_t bytes)
{
    struct ring_shared *ring = w->ring;
    uint64_t now = writer_ticks(w);

    /* relaxed: all of this is ours, against handlers of this thread only; the drain reads it as a
     * live figure while we run, and exactly after the thread's death, which orders everything. */
    if (!load_relaxed(&ring->gap.records))
        store_relaxed(&ring->gap.first_ticks, now);
    store_relaxed(&ring->gap.last_ticks, now);
    ada_add_local(&ring->gap.bytes, bytes);
    ada_add_local(&ring->gap.records, 1);
    ada_add_local(&ring->dropped_bytes, bytes);
    ada_add_local(&ring->dropped, 1);
    w->limit = 0; /* the next record that fits has to tell of this one: by the slow path */
}

/*
 * Publish what handlers wrote behind us. We are the outermost writer, so all of it is complete,
 * except records whose handler was jumped out of: these become padding, counted.
 */
static void publish_rest(struct ada_writer *w)
{
    uint64_t head, end;

    while ((head = load_relaxed(&w->front->head)) != (end = load_relaxed(&w->reserve))) {
        for (uint64_t at = head, bytes; at != end; at += bytes) {
            uint64_t word = *word_at(w, at);

            bytes = word_bytes(word, *word_at(w, at + 8));
            if (bytes < 8 || bytes > end - at)
                break; /* jumped out of between two instructions; the reader will say "damaged" */
            if (ada_record_type(word) == ADA_RECORD_PENDING) {
                *word_at(w, at) = ada_record_pad_word(bytes);
                note_drop(w, bytes);
            }
        }
        /* Publish. Release: as in ada_commit_record(). Pairs with the acquire of head in
         * ring_peek(). */
        store_release(&w->front->head, end);
        ADA_SIGNAL_FENCE();
    }
}

/* Has the frame that was writing the record at head been left (siglongjmp out of a handler that
 * interrupted it)? Only said of frames on this thread's own stack; a handler's alternate stack
 * proves nothing. */
static bool outer_is_gone(const struct ada_writer *w, uint64_t sp)
{
    uint64_t outer = w->outer >> 20 << 4, top = w->stack_top;

    return outer && sp && top && (sp & ~UINT64_C(15)) >= outer && sp <= top &&
           top - outer < STACK_REACH_BYTES;
}

/*
 * Give up the record at head, whose writer is gone, and publish what stands behind it. Should its
 * writer come back after all, ring_commit_slow() notices that head has passed its record.
 */
static void bury_outer(struct ada_writer *w)
{
    uint64_t outer = w->outer, head, bytes;

    /* Against a handler that finds the same: one of us does it, the other sees a held record. */
    if (!outer || !ada_cmpxchg_local(&w->outer, &outer, 0))
        return;
    head = load_relaxed(&w->front->head);
    bytes = (outer & OUTER_SIZE_MAX) << 3;
    if (bytes == (uint64_t)OUTER_SIZE_MAX << 3)
        bytes = word_bytes(*word_at(w, head), 0);
    if (bytes < 8 || bytes > load_relaxed(&w->reserve) - head)
        return;
    *word_at(w, head) = ada_record_pad_word(bytes);
    note_drop(w, bytes);
    w->buried = load_relaxed(&w->reserve);
    ADA_SIGNAL_FENCE();
    publish_rest(w);
}

void ring_commit_slow(struct ada_writer *w, uint64_t end, bool nested)
{
    if (nested) {
        ada_add_local(&w->ring->nested, 1);
        return;
    }
    if (end <= w->buried) {
        /* We were taken for dead and our record, counted as dropped, has become padding that may
         * have been read already. Our store moved head back; publish_rest() moves it forward again.
         */
        ada_add_local(&w->front->written, UINT64_MAX);
        store_release(&w->front->head, w->buried); /* Publish, as above. */
        ADA_SIGNAL_FENCE();
    }
    publish_rest(w);
}

/* How a reservation would lie: | pad to the block's end | GAP | record |. */
struct layout {
    uint64_t start, first, gap, end;
    bool nested;
};

static struct layout layout_for(const struct ada_writer *w, uint64_t bytes)
{
    const struct ring_shared *ring = w->ring;
    struct layout l = {.start = load_relaxed(&w->reserve)};
    uint64_t room = ring->block_bytes - (l.start & (ring->block_bytes - 1));

    l.nested = l.start != load_relaxed(&w->front->head);
    l.gap = load_relaxed(&ring->gap.records) ? GAP_BYTES : 0;
    l.first = l.start + (room < l.gap + bytes ? room : 0);
    l.end = l.first + l.gap + bytes;
    return l;
}

static bool layout_fits(const struct ada_writer *w, const struct layout *l)
{
    const struct ring_shared *ring = w->ring;

    /* Overwriting spares only what is not published: that is still being written. */
    if (load_relaxed(&ring->policy) == RING_OVERWRITE)
        return l->end - load_relaxed(&w->front->head) <= ring->capacity - ring->block_bytes;
    /* Reclaim. Acquire: the drain's reads of these bytes ended before it moved tail, so we may
     * write there. Pairs with the release of tail in ring_release(). */
    return l->end - load_acquire(&ring->tail) <= ring->capacity;
}

/* Policy overwrite: tell readers which bytes are about to change, before any of them does. */
static void announce_block(struct ada_writer *w, uint64_t first)
{
    struct ring_shared *ring = w->ring;
    uint64_t end = (first | (ring->block_bytes - 1)) + 1; /* of the whole block */

    if (load_relaxed(&ring->policy) != RING_OVERWRITE || end <= ring->intent)
        return;
    store_relaxed(&ring->intent, end);
    /* Intent. Release fence: intent is visible before the bytes that follow. Pairs with the acquire
     * fence behind the copy in copy_block(). */
    fence_release();
}

static void mark_block(struct ada_writer *w, uint64_t first, uint64_t ticks)
{
    struct ring_shared *ring = w->ring;
    struct ring_mark *mark = &ring->marks[first / ring->block_bytes % RING_BLOCKS];

    store_relaxed(&mark->written, load_relaxed(&w->front->written));
    store_relaxed(&mark->ticks, ticks);
    /* Mark. Release: pairs with the acquire of index in find_feet(). */
    store_release(&mark->index, first);
}

/* Write what goes in front of the record, so that whoever walks the ring finds whole records. */
static void fill_front(struct ada_writer *w, const struct layout *l, uint64_t ticks)
{
    struct ring_shared *ring = w->ring;
    uint64_t at = l->first;

    *word_at(w, l->first + l->gap) = pending_word(l->end - l->first - l->gap);
    ADA_SIGNAL_FENCE();
    if (l->gap) {
        struct ada_record_gap gap;

        gap.first_ticks = load_relaxed(&ring->gap.first_ticks);
        gap.last_ticks = load_relaxed(&ring->gap.last_ticks);
        gap.bytes = exchange_relaxed(&ring->gap.bytes, 0);
        gap.records = exchange_relaxed(&ring->gap.records, 0);
        memcpy(word_at(w, at) + 1, &gap, sizeof(gap));
        /* A handler may have told it meanwhile: then there is nothing to tell. */
        *word_at(w, at) = gap.records
                              ? ada_record_word(ada_record_tag(ADA_RECORD_GAP, GAP_BYTES), ticks)
                              : ada_record_pad_word(GAP_BYTES);
    }
    ADA_SIGNAL_FENCE();
    if (l->first != l->start) {
        *word_at(w, l->start) = ada_record_pad_word(l->first - l->start);
        ada_add_local(&ring->padding_bytes, l->first - l->start);
    }
    if ((l->first & (ring->block_bytes - 1)) == 0)
        mark_block(w, l->first, ticks);
}

/* Up to where the fast path may go on its own. */
static uint64_t fast_limit(const struct ada_writer *w, uint64_t end)
{
    const struct ring_shared *ring = w->ring;
    uint64_t block_end = ((end - 1) | (ring->block_bytes - 1)) + 1;
    uint64_t space_end;

    if (w->clocked || load_relaxed(&ring->gap.records))
        return 0;
    if (load_relaxed(&ring->policy) == RING_OVERWRITE)
        return block_end;
    /* Reclaim. Acquire: as in layout_fits(). */
    space_end = load_acquire(&ring->tail) + ring->capacity;
    return space_end < block_end ? space_end : block_end;
}

static struct ada_record drop(struct ada_writer *w, uint64_t bytes)
{
    note_drop(w, bytes);
    return (struct ada_record){.payload = NULL, .writer = w};
}

static struct ada_record take(struct ada_writer *w, const struct layout *l, uint32_t tag,
                              uint64_t bytes, uint64_t ticks)
{
    struct ada_record record = {.writer = w, .end = l->end, .nested = l->nested};

    fill_front(w, l, ticks);
    w->limit = fast_limit(w, l->end);
    record.header = w->data + ((l->end - bytes) & w->mask);
    record.payload = record.header + 8;
    record.word = ada_record_word(tag, ticks);
    if ((tag & 0xff) == ADA_RECORD_LARGE) {
        memcpy(record.payload, &bytes, 8);
        record.payload += 8;
    }
    return record;
}

struct ada_record ring_reserve_slow(struct ada_writer *w, uint32_t tag, uint64_t bytes, uint64_t sp)
{
    if (bytes > ring_record_max(w->ring))
        return drop(w, bytes);
    for (;;) {
        struct layout l = layout_for(w, bytes);
        uint64_t ticks, words = (l.end - l.start) >> 3;

        if (l.nested && outer_is_gone(w, sp)) {
            bury_outer(w);
            continue;
        }
        if (!layout_fits(w, &l)) {
            if (!l.nested && ring_wait_for_room(w, l.end))
                continue;
            /* Handlers that fill half a ring behind one unfinished record: more likely, its writer
             * was left in a way that we cannot see. Either way no thread stays silent for ever. */
            if (l.nested && l.start - load_relaxed(&w->front->head) > w->ring->capacity / 2)
                bury_outer(w);
            return drop(w, bytes);
        }
        announce_block(w, l.first);
        if (!l.nested)
            w->outer =
                sp ? ada_writer_outer(sp, (words < OUTER_SIZE_MAX ? words : OUTER_SIZE_MAX) << 3)
                   : 0;
        ticks = writer_ticks(w);
        if (ada_cmpxchg_local(&w->reserve, &l.start, l.end))
            return take(w, &l, tag, bytes, ticks);
    }
}

bool ring_reserve(struct ada_writer *w, uint32_t type, uint64_t payload_bytes,
                  struct ada_record *record)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);

    /* The slow path: a record that is held has to be told from one whose writer was left. */
    *record = ring_reserve_slow(w, ada_record_tag(type, bytes), bytes, 0);
    return record->payload != NULL;
}

static void publish(struct ada_record *record)
{
    struct ada_writer *w = record->writer;

    if (record->nested)
        return;
    /* Publish. Release: as in ada_commit_record(). Pairs with the acquire of head in ring_peek().
     */
    store_release(&w->front->head, record->end);
    ADA_SIGNAL_FENCE();
    ring_commit_slow(w, record->end, false);
}

void ring_commit(struct ada_record *record)
{
    ADA_SIGNAL_FENCE();
    memcpy(record->header, &record->word, 8);
    ada_add_local(&record->writer->front->written, 1);
    if (record->nested)
        ada_add_local(&record->writer->ring->nested, 1);
    publish(record);
}

void ring_rollback(struct ada_record *record)
{
    uint64_t start = (uint64_t)(record->header - record->writer->data);
    uint64_t bytes = (record->end - start) & record->writer->mask;
    uint64_t word = ada_record_pad_word(bytes);

    memcpy(record->header, &word, 8);
    ada_add_local(&record->writer->ring->padding_bytes, bytes);
    publish(record);
}

bool ring_write(struct ada_writer *w, uint32_t type, const void *payload, uint64_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    uint32_t tag = ada_record_tag(type, bytes);
    struct ada_record record;

    if (bytes > ADA_RECORD_SMALL_MAX || !ada_reserve_fast(w, tag, bytes, &record))
        record = ring_reserve_slow(w, tag, bytes, ring_caller_sp());
    if (!record.payload)
        return false;
    if (payload_bytes)
        memcpy(record.payload, payload, payload_bytes);
    ring_commit(&record);
    return true;
}

bool ring_write_batch(struct ada_writer *w, const struct ring_item *items, size_t count)
{
    uint64_t total = 0, bytes;
    struct ada_record batch;

    for (size_t i = 0; i < count; i++)
        total += ada_record_bytes(items[i].payload_bytes);
    if (!count)
        return true;
    batch = ring_reserve_slow(w, 0, total, ring_caller_sp());
    if (!batch.payload) {
        /* One drop was counted for the whole: count the others. */
        for (size_t i = 1; i < count; i++)
            note_drop(w, 0);
        return false;
    }
    /* Back to front: the first header word, which makes the walk valid, is written last. */
    for (size_t i = count, end = total; i-- > 0; end -= bytes) {
        unsigned char *at;
        uint64_t word;

        bytes = ada_record_bytes(items[i].payload_bytes);
        at = batch.header + (end - bytes);
        word = batch.word | ada_record_tag(items[i].type, bytes);
        if ((word & 0xff) == ADA_RECORD_LARGE)
            memcpy(at + 8, &bytes, 8);
        if (items[i].payload_bytes)
            memcpy(at + ((word & 0xff) == ADA_RECORD_LARGE ? 16 : 8), items[i].payload,
                   items[i].payload_bytes);
        ADA_SIGNAL_FENCE();
        memcpy(at, &word, 8);
    }
    ada_add_local(&w->front->written, count);
    if (batch.nested)
        ada_add_local(&w->ring->nested, count);
    publish(&batch);
    return true;
}

uint64_t ring_available_to_write(const struct ada_writer *w)
{
    /* Reclaim. Acquire: as in layout_fits(). */
    return w->ring->capacity - (w->reserve - load_acquire(&w->ring->tail));
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

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
    /* relaxed: the consumer's own fields, left by the consumer before us. */
    r->tail = r->at = r->head = load_relaxed(&ring->tail);
    r->taken = load_relaxed(&ring->taken);
    r->known_written = r->taken;
    if (policy == RING_OVERWRITE) {
        r->copy = malloc(r->block_bytes);
        if (!r->copy)
            return -ENOMEM;
    }
    return 0;
}

void ring_reader_fini(struct ring_reader *r)
{
    if (r->shared)
        ring_tell_gone(r->shared);
    free(r->copy);
    memset(r, 0, sizeof(*r));
}

/* See how far the producer has come. -EBADMSG: head is nowhere it could be. */
static int refresh_head(struct ring_reader *r)
{
    /* Publish. Acquire: the records below head are visible. Pairs with the release of head in
     * ada_commit_record(), publish() and publish_rest(). */
    uint64_t head = load_acquire(&r->shared->front.head);

    /* A writer that was given up and came back moves head back for a moment: not news. */
    if ((int64_t)(head - r->head) <= 0)
        return 0;
    if ((head & 7) || (r->policy != RING_OVERWRITE && head - r->tail > r->capacity)) {
        /* Untrusted: somebody wrote over the ring's header. Nothing below head can be believed, but
         * if head goes on from here, so can we. */
        r->damaged_bytes += 8;
        r->at = r->head = r->tail = head & ~UINT64_C(7);
        return -EBADMSG;
    }
    r->head = head;
    return 0;
}

/* Policy overwrite: the reader was overtaken; go on at the oldest block that still stands. */
static int find_feet(struct ring_reader *r, uint64_t intent)
{
    /* Rounded up, should a hostile writer's intent not be a block's end: what lies below is gone.
     */
    uint64_t oldest = ((intent + r->block_bytes - 1) & ~(r->block_bytes - 1)) - r->capacity;
    struct ring_mark *mark = &r->shared->marks[oldest / r->block_bytes % RING_BLOCKS];
    uint64_t written;

    if (oldest <= r->at)
        oldest = r->at; /* untrusted: an intent that makes no sense moves nothing */
    written = load_relaxed(&mark->written);
    /* Mark. Acquire: pairs with the release of index in mark_block(). */
    if (load_acquire(&mark->index) == oldest && written > r->known_written) {
        r->overwritten += written - r->known_written;
        r->known_written = written;
    }
    r->overwritten_bytes += oldest - r->at;
    r->at = oldest;
    r->copy_from = r->copy_to = 0;
    if (r->head < oldest)
        r->head = oldest;
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
    uint64_t block_end = (r->at | (r->block_bytes - 1)) + 1;
    uint64_t to = r->head < block_end ? r->head : block_end, intent;

    if (r->at >= r->copy_from && r->at < r->copy_to)
        return 0;
    copy_words(r->copy, r->data + (r->at & (r->capacity - 1)), to - r->at);
    /* Intent. Acquire fence: the copy was read before intent is. Pairs with the release fence in
     * announce_block(). */
    fence_acquire();
    intent = load_relaxed(&r->shared->intent);
    if (intent > r->capacity && (int64_t)(intent - r->capacity - r->at) > 0)
        return find_feet(r, intent);
    r->copy_from = r->at;
    r->copy_to = to;
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
    uint64_t end = r->copy ? r->copy_to : r->head, bytes, second = 0;

    if (room > end - r->at)
        room = end - r->at;
    *word = load_relaxed((const uint64_t *)(const void *)at);
    if ((*word & 0xff) == ADA_RECORD_LARGE && room >= 16)
        second = load_relaxed((const uint64_t *)(const void *)(at + 8));
    bytes = word_bytes(*word, second);
    if (bytes < 8 || (bytes & 7) || bytes > room || ada_record_type(*word) == ADA_RECORD_PENDING)
        return 0;
    if ((*word & 0xff) == ADA_RECORD_LARGE && bytes < 16)
        return 0;
    return bytes;
}

int ring_peek(struct ring_reader *r, struct ring_record *record)
{
    for (;;) {
        uint64_t word, bytes, large;
        int err;

        if (r->at == r->head && (err = refresh_head(r)))
            return err;
        if (r->at == r->head)
            return 0;
        if (r->copy && (err = copy_block(r)))
            return err;
        bytes = record_bytes_checked(r, &word);
        if (!bytes) {
            r->damaged_bytes += r->head - r->at;
            r->at = r->head;
            r->copy_to = r->copy_from;
            return -EBADMSG;
        }
        if (ada_record_type(word) == ADA_RECORD_PAD) {
            r->at += bytes;
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
}

void ring_advance(struct ring_reader *r, const struct ring_record *record)
{
    r->at += record->bytes;
    if (record->type != ADA_RECORD_GAP) {
        r->taken++;
        r->known_written++;
    }
}

void ring_release(struct ring_reader *r)
{
    struct ring_shared *ring = r->shared;
    /* relaxed: only its distance from tail matters. */
    uint64_t fill = load_relaxed(&ring->front.head) - r->tail, left;

    if (fill <= r->capacity && fill > r->high_water_bytes) {
        r->high_water_bytes = fill;
        store_relaxed(&ring->high_water_bytes, fill); /* relaxed: a figure for people */
    }
    store_relaxed(&ring->taken, r->taken);
    store_relaxed(&ring->overwritten, r->overwritten);
    store_relaxed(&ring->overwritten_bytes, r->overwritten_bytes);
    store_relaxed(&ring->damaged_bytes, r->damaged_bytes);
    left = fill - (r->at - r->tail);
    if (r->tail != r->at) {
        r->tail = r->at;
        /* Reclaim. Release: our reads of these bytes end before the producer may reuse them. Pairs
         * with the acquire of tail in layout_fits() and fast_limit(). Relaxed would pass every test
         * on x86 and corrupt records on Arm. */
        store_release(&ring->tail, r->at);
    }
    if (r->policy == RING_BLOCK)
        ring_tell_room(ring, left);
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
        int got;

        /* The copy of one block is all that stays valid. And a batch ends where head was last seen:
         * to look again for every record would take the producer's line away from it. */
        if (n && (r->at == r->head || (r->copy && r->at >= r->copy_to)))
            break;
        got = ring_peek(r, &records[n]);
        if (got <= 0)
            return n ? (int)n : got;
        ring_advance(r, &records[n++]);
    }
    return (int)n;
}

int ring_set_policy(struct ring_shared *ring, enum ring_policy policy, uint64_t timeout_ns)
{
    if ((policy == RING_OVERWRITE) != (load_relaxed(&ring->policy) == RING_OVERWRITE))
        return -ENOTSUP;
    /* relaxed: the producer looks when its ring is full, and either policy is right at that moment.
     */
    store_relaxed(&ring->timeout_ns, timeout_ns);
    store_relaxed(&ring->policy, (uint32_t)policy);
    ring_tell_here(ring);
    return 0;
}

uint64_t ring_available_to_read(struct ring_reader *r)
{
    return refresh_head(r) ? 0 : r->head - r->at;
}

void ring_reset(struct ring_reader *r)
{
    struct ring_record record;

    for (int got; (got = ring_peek(r, &record)) != 0;)
        if (got > 0)
            ring_advance(r, &record);
    ring_release(r);
}
