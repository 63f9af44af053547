/* SPDX-License-Identifier: Apache-2.0 */
#include "nest_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/ring_layout.h"
#include "registry/ring_wait.h"

enum {
    CAPACITY = 4096,
    PAYLOAD_MAX = 496,
    BATCH_MAX = 3,
    EVERYTHING = 1 << 20,
    FILLING = 40, /* emits that fill what room there is, or nearly */
    /* Interruptions of one emission of the thread's: with the record that it holds, no more writers
     * than find themselves among those that were given up. */
    INTERRUPTIONS_MAX = 7
};

static uint64_t below(struct nest_program *p, uint64_t n)
{
    return random_next(&p->random) % n;
}

/* ---- the consumer ---- */

static void take(struct nest_program *p, const struct ring_record *record)
{
    uint64_t seed;

    ledger_take(&p->l, record);
    if (record->type == ADA_RECORD_GAP)
        return;
    seed = p->l.last_seed;
    if (seed > p->attempted) {
        p->l.torn++;
        return;
    }
    p->twice += p->read[seed];
    p->read[seed] = seed; /* torn: 0 */
}

/* So many at most. Whoever waits for room finds that nobody is there any more: he waits as long as
 * he is told to, and stepping would take a hundred times that. */
static void drain(struct nest_program *p, uint64_t most)
{
    struct ring_record record;
    int got;

    for (; most && (got = ring_peek(&p->f.reader, &record)) != 0; most--) {
        if (got > 0) {
            take(p, &record);
            ring_advance(&p->f.reader, &record);
        }
        p->l.overflows += got == -EOVERFLOW;
        p->l.damages += got == -EBADMSG;
    }
    ring_release(&p->f.reader);
    ring_tell_gone(p->f.ring);
}

/* Less, for a moment, and what is spare goes back to the system; or more. */
static void room_change(struct nest_program *p, bool more)
{
    uint64_t from, to, room = 2 * p->f.reader.room;

    if (more) {
        ring_set_room(&p->f.reader, room < p->f.ring->capacity ? room : p->f.ring->capacity);
        return;
    }
    ring_set_room(&p->f.reader, p->f.ring->low_bytes);
    if (ring_spare(&p->f.reader, &from, &to))
        memset(ring_data(p->f.ring) + from, 0, to - from);
    ring_set_room(&p->f.reader, p->f.ring->base_bytes);
}

/* ---- what is interrupted ---- */

enum way { EMIT, BATCH, COMMIT, ROLL_BACK };

/* All but the calls themselves is done before, and is not interrupted. */
struct emission {
    struct nest_program *p;
    enum way way;
    uint64_t seed;
    size_t count;
    uint32_t payload_bytes;
    struct ring_item items[BATCH_MAX];
    unsigned char payload[BATCH_MAX][PAYLOAD_MAX];
};

static void emission_make(struct nest_program *p, struct emission *e, enum way way,
                          uint64_t payload_bytes)
{
    e->p = p;
    e->way = way;
    e->count = way == BATCH ? 1 + below(p, BATCH_MAX) : 1;
    e->payload_bytes = (uint32_t)payload_bytes;
    for (size_t i = 0; i < e->count; i++) {
        pattern_payload(e->payload[i], payload_bytes, ++p->attempted);
        e->items[i] = (struct ring_item){FIXTURE_EVENT, e->payload_bytes, e->payload[i]};
    }
    p->rolled_back += way == ROLL_BACK;
}

static void emit(const struct emission *e)
{
    uint64_t bytes = ada_record_bytes(e->payload_bytes);
    struct ada_record record = ada_reserve_bytes(ada_record_tag(FIXTURE_EVENT, bytes), bytes);

    if (!record.payload)
        return;
    memcpy(record.payload, e->payload[0], e->payload_bytes / 2);
    nest_meet();
    memcpy(record.payload + e->payload_bytes / 2, e->payload[0] + e->payload_bytes / 2,
           e->payload_bytes - e->payload_bytes / 2);
    ada_commit_record(&record);
}

static void emit_by_hand(const struct emission *e)
{
    struct ada_record record;

    if (!ring_reserve(e->p->f.writer, FIXTURE_EVENT, e->payload_bytes, &record)) {
        e->p->rolled_back -= e->way == ROLL_BACK; /* dropped */
        return;
    }
    nest_meet();
    memcpy(record.payload, e->payload[0], e->payload_bytes);
    if (e->way == ROLL_BACK)
        ring_rollback(&record);
    else
        ring_commit(&record);
}

static void emission_run(void *context)
{
    const struct emission *e = context;

    if (e->way == EMIT)
        emit(e);
    else if (e->way == BATCH)
        (void)ring_write_batch(e->p->f.writer, e->items, e->count);
    else
        emit_by_hand(e);
}

/* Or would the ring come round to a writer whom we interrupt? One that overwrites, or that we read,
 * does. What is left out in front of records is not more than they are; but where laps of an
 * elastic ring hop over what is unread, it is: none is read by handlers. */
static bool is_allowed(struct nest_program *p, uint64_t bytes)
{
    if (!nest_depth() || (p->f.reader.policy != RING_OVERWRITE && !(p->kind & NEST_DRAINS)))
        return true;
    if (bytes > p->allowance)
        return false;
    p->allowance -= bytes;
    return true;
}

static void emit_any(struct nest_program *p, bool interrupted)
{
    static const enum way ways[] = {EMIT,  EMIT,  EMIT,   EMIT,   EMIT,
                                    BATCH, BATCH, COMMIT, COMMIT, ROLL_BACK};
    enum way way = ways[below(p, sizeof(ways) / sizeof(*ways))];
    uint64_t payload_bytes = 16 + 8 * below(p, below(p, 4) ? 4 : 60);
    struct emission e;

    if (!is_allowed(p, BATCH_MAX * ada_record_bytes(payload_bytes)))
        return;
    emission_make(p, &e, way, payload_bytes);
    if (interrupted)
        nest_run(emission_run, &e);
    else
        emission_run(&e);
}

static void emit_many(struct nest_program *p, uint64_t count, uint64_t payload_bytes)
{
    struct emission e;

    for (uint64_t i = 0; i < count; i++) {
        emission_make(p, &e, EMIT, payload_bytes);
        emission_run(&e);
    }
}

/* Large ones while there is room, perhaps small ones into what is left, perhaps one more. */
static void fill_in_handler(struct nest_program *p)
{
    emit_many(p, FILLING, 200 + 8 * below(p, 36));
    if (below(p, 2))
        emit_many(p, FILLING / 2, 16);
    if (below(p, 2))
        emit_any(p, true);
}

static void handle(void *context)
{
    struct nest_program *p = context;
    uint64_t choice = below(p, 16);

    if ((p->kind & NEST_ROOM) && choice < 4)
        room_change(p, choice & 1);
    if ((p->kind & NEST_DRAINS) && choice < 4)
        drain(p, choice == 0 ? 1 + below(p, 3) : EVERYTHING);
    if (choice == 4)
        return;
    for (uint64_t i = 0, count = 1 + below(p, 3); i < count; i++)
        emit_any(p, true);
    if ((p->kind & NEST_FILLS) && choice >= 12)
        fill_in_handler(p);
    if ((p->kind & NEST_DRAINS) && choice >= 12)
        drain(p, EVERYTHING);
}

/* ---- a program ---- */

static enum ring_policy policy_pick(struct nest_program *p)
{
    /* On such a stack, and where handlers fill it, records are given up whose writers come back to
     * an overwriting ring late. */
    if (!(p->kind & (NEST_FILLS | NEST_ROOM | NEST_WITHIN)) && below(p, 4) == 0)
        return RING_OVERWRITE;
    return below(p, 4) ? RING_DROP : RING_BLOCK;
}

static void ring_pick(struct nest_program *p)
{
    struct ring_options options = {.policy = policy_pick(p)};
    bool elastic = (p->kind & NEST_ROOM) || (!(p->kind & NEST_DRAINS) && below(p, 2));

    if (options.policy == RING_OVERWRITE || !elastic) {
        fixture_open_with(&p->f, CAPACITY << below(p, 2), &options);
    } else {
        options.base_bytes = CAPACITY;
        options.low_bytes = below(p, 2) ? 0 : CAPACITY / 4 << below(p, 2);
        fixture_open_with(&p->f, CAPACITY * 2 << below(p, 2), &options);
        if (below(p, 3) == 0)
            ring_set_room(&p->f.reader, p->f.ring->capacity);
    }
    if (below(p, 8) == 0)
        ring_writer_init(p->f.writer, p->f.ring, false);
    ring_tell_gone(p->f.ring);
}

static void fill(struct nest_program *p)
{
    uint64_t dropped = p->f.ring->dropped;

    for (unsigned i = 0; i < 400 && p->f.ring->dropped == dropped; i++)
        emit_many(p, 1, 40);
    if (below(p, 2))
        drain(p, below(p, 6));
}

/* Anywhere in a lap, with anything to read; at times with a gap to tell. */
static void ring_prepare(struct nest_program *p)
{
    static const unsigned char large[CAPACITY * 4];

    for (uint64_t i = below(p, 200); i; i--) {
        emit_any(p, false);
        if (below(p, 12) == 0)
            drain(p, 1 + below(p, 40));
    }
    if (below(p, 6) == 0) {
        p->attempted++;
        (void)ring_write(p->f.writer, FIXTURE_EVENT, large, sizeof(large));
    }
}

static void hold(struct nest_program *p)
{
    unsigned char payload[24];

    pattern_payload(payload, sizeof(payload), ++p->attempted);
    p->holds = ring_reserve_at(p->f.writer, FIXTURE_EVENT, sizeof(payload), p->sp, &p->held);
    if (p->holds)
        memcpy(p->held.payload, payload, sizeof(payload));
}

static void held_commit(void *context)
{
    struct nest_program *p = context;

    ring_commit(&p->held);
}

static void held_end(struct nest_program *p, bool interrupted)
{
    if (p->holds && interrupted)
        nest_run(held_commit, p);
    else if (p->holds)
        held_commit(p);
    p->holds = false;
}

static void play(struct nest_program *p)
{
    p->sp = ring_caller_sp();
    ring_prepare(p);
    for (uint64_t i = 1 + below(p, 6); i; i--) {
        p->allowance = CAPACITY / 4;
        if (p->f.reader.policy != RING_OVERWRITE && below(p, 3) == 0)
            fill(p);
        if ((p->kind & NEST_HOLDS) && !p->holds && below(p, 3) == 0)
            hold(p);
        emit_any(p, true);
        p->allowance = CAPACITY / 4;
        if (below(p, 2))
            held_end(p, below(p, 2));
        if (below(p, 4) == 0)
            drain(p, EVERYTHING);
    }
    held_end(p, false);
    drain(p, EVERYTHING);
    emit_many(p, 3, 16); /* tells what is still to be told */
    drain(p, EVERYTHING);
}

/* ---- what has to hold ---- */

static const char *first_wrong(const struct nest_program *p, const struct ring_stats *s)
{
    const struct ring_shared *ring = p->f.ring;
    const struct ledger *l = &p->l;
    char text[200];

#define HOLD(condition) \
    if (!(condition))   \
    return #condition
    HOLD(l->damages == 0);
    HOLD(l->torn == 0);
    HOLD(p->twice == 0);
    HOLD(s->written + s->dropped == p->attempted - p->rolled_back);
    HOLD(l->records + s->overwritten == s->written);
    HOLD(l->backwards == 0);
    HOLD(l->gaps_misplaced == 0);
    HOLD(ring_untold(ring) == 0);
    HOLD(ring_check(ring, text, sizeof(text)) == 0);
    if (p->f.reader.policy == RING_OVERWRITE) /* gap records can be overwritten themselves */
        return NULL;
    HOLD(l->gap_records == s->dropped);
    HOLD(l->gap_bytes == s->dropped_bytes);
    HOLD(l->bytes == s->written_bytes);
    HOLD(s->fill_bytes == 0);
    return NULL;
#undef HOLD
}

static bool judge(const struct nest_program *p, char *why, size_t why_bytes)
{
    static const char *const policies[] = {"drop", "overwrite", "block"};
    struct ring_stats s;
    const char *wrong;

    ring_stats(p->f.ring, &s);
    wrong = first_wrong(p, &s);
    snprintf(why, why_bytes,
             "%s: %llu attempts, %llu rolled back, %llu written, %llu dropped, %llu overwritten; "
             "%llu read, %llu torn, %llu twice, %llu times damage, gaps of %llu; policy %s, %s",
             wrong ? wrong : "exact", (unsigned long long)p->attempted,
             (unsigned long long)p->rolled_back, (unsigned long long)s.written,
             (unsigned long long)s.dropped, (unsigned long long)s.overwritten,
             (unsigned long long)p->l.records, (unsigned long long)p->l.torn,
             (unsigned long long)p->twice, (unsigned long long)p->l.damages,
             (unsigned long long)p->l.gap_records, policies[p->f.reader.policy],
             ring_is_elastic(p->f.ring) ? "elastic" : "plain");
    return !wrong;
}

bool nest_program_run(struct nest_program *p, uint64_t seed, unsigned kind, void *stack,
                      size_t stack_bytes, char *why, size_t why_bytes)
{
    bool exact;

    memset(p, 0, sizeof(*p));
    p->seed = seed;
    p->kind = kind;
    p->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 5; i++) /* seeds that are near each other begin alike */
        (void)random_next(&p->random);
    p->nest = (struct nest){.interrupt = handle,
                            .context = p,
                            .random = &p->random,
                            .deepest = 1 + (int)below(p, NEST_DEEPEST),
                            .most = INTERRUPTIONS_MAX};
    ring_pick(p);
    if (stack) /* whoever made it part of his frame is above */
        p->f.writer->stack_top = (uint64_t)(uintptr_t)stack + stack_bytes;
    nest_open(&p->nest, stack, stack_bytes);
    play(p);
    nest_close();
    exact = judge(p, why, why_bytes);
    fixture_close(&p->f);
    return exact;
}
