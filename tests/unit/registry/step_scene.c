/* SPDX-License-Identifier: Apache-2.0 */
#include "step_scene.h"

#include <string.h>

#include "registry/ring_layout.h"
#include "tests/helpers/deep_frame.h"

enum { HANDLER_SEED = 1 << 30 }; /* the handlers' seeds begin here */

const char *const state_names[] = {
    "empty",
    "at the lap's end",
    "a gap to tell",
    "a gap to tell at the lap's end",
    "room for one",
    "full",
    "a record is held",
    "a record was left, another stands behind it",
    "a record was left that is complete and counted",
};

const char *const room_names[] = {"plain", "elastic", "elastic and granted more"};

const char *const action_names[] = {
    "emits one",
    "emits many",
    "fills the ring",
    "drains",
    "drains and emits",
    "jumps out",
    "emits and jumps out",
    "fills the ring and jumps out",
    "jumps out, and another one of the next emit",
    "takes back what it reserves",
    "is left in an emit",
    "emits, and is left in an emit",
    "emits, is left in an emit, and emits again",
    "forks",
};

const char *const way_names[] = {"emit", "reserve and commit", "batch"};

bool scene_emit(struct scene *s, uint64_t payload_bytes)
{
    s->others++;
    return fixture_emit(s->f.writer, payload_bytes, ++s->seed);
}

static bool emit_in_handler(struct scene *s, uint64_t payload_bytes)
{
    s->others++;
    return fixture_emit(s->f.writer, payload_bytes, HANDLER_SEED + ++s->handler_seed);
}

/* What is reserved and rolled back; then one that is committed. */
static void take_back_in_handler(struct scene *s, uint64_t payload_bytes)
{
    struct ada_record held;

    if (ring_reserve(s->f.writer, FIXTURE_EVENT, payload_bytes, &held))
        ring_rollback(&held);
    else
        s->others++;
    (void)emit_in_handler(s, payload_bytes / 4);
}

void scene_drain(struct scene *s)
{
    ledger_drain(&s->l, &s->f.reader);
}

/* ---- states ---- */

/* The next record of this size stands in the next lap. */
static bool leaps(const struct scene *s, uint64_t payload_bytes)
{
    struct ring_layout l = ring_layout_for(s->f.writer, ada_record_bytes(payload_bytes));

    return l.fits && l.first != l.start;
}

static void go_to_lap_end(struct scene *s)
{
    do {
        assert_true(scene_emit(s, SMALL));
        scene_drain(s);
    } while (!leaps(s, SMALL));
}

static void fill(struct scene *s)
{
    while (scene_emit(s, 40)) {}
    while (scene_emit(s, SMALL)) {}
}

__attribute__((noinline)) bool scene_leave(struct scene *s, uint64_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    uint64_t sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    uint32_t tag = ada_record_tag(FIXTURE_EVENT, bytes);
    unsigned char deep[16384];
    struct ada_record record;

    ada_add_local(&s->begun, 1);
    if (!ada_reserve_fast(s->f.writer, tag, bytes, &record))
        record = ring_reserve_slow(s->f.writer, tag, bytes, sp - sizeof(deep));
    DEEP_FRAME_KEEP(deep);
    return record.payload;
}

/* One that is left behind all but publishing it. */
__attribute__((noinline)) static void leave_counted(struct scene *s)
{
    uint64_t bytes = ada_record_bytes(SMALL);
    unsigned char deep[16384];
    struct ada_record record = {0};

    s->others++;
    assert_true(
        ada_reserve_fast(s->f.writer, ada_record_tag(FIXTURE_EVENT, bytes), bytes, &record));
    pattern_payload(record.payload, SMALL, ++s->seed);
    memcpy(record.header, &record.word, 8);
    ada_add_local(&s->f.writer->front->written, 1);
    DEEP_FRAME_KEEP(deep);
}

void scene_set_up(struct scene *s, enum ring_policy policy, bool fast)
{
    const struct ring_options options = {.policy = policy, .base_bytes = CAPACITY};

    if (s->room == PLAIN)
        fixture_open(&s->f, CAPACITY, policy, 0);
    else
        fixture_open_with(&s->f, ELASTIC_GROWTH * CAPACITY, &options);
    if (s->room == GRANTED)
        ring_set_room(&s->f.reader, ELASTIC_GROWTH * CAPACITY);
    ring_writer_init(s->f.writer, s->f.ring, fast);
    if (s->state == LAP_END || s->state == GAP_WAITS_AT_LAP_END)
        go_to_lap_end(s);
    if (s->state == GAP_WAITS || s->state == GAP_WAITS_AT_LAP_END)
        assert_false(scene_emit(s, CAPACITY));
    if (s->state == HELD) {
        s->others++;
        s->held = fixture_reserve(&s->f, SMALL, ++s->seed);
    }
    if (s->state == LEFT) {
        assert_true(scene_leave(s, SMALL));
        assert_true(scene_emit(s, 24));
    }
    if (s->state == LEFT_COUNTED && scene_emit(s, SMALL) && fast)
        leave_counted(s);
    if (policy == RING_OVERWRITE) /* is never full */
        return;
    if (s->state == FULL)
        fill(s);
    while (s->state == ROOM_FOR_ONE && ring_available_to_write(s->f.writer) >= 3 * (SMALL + 8))
        assert_true(scene_emit(s, SMALL));
}

/* ---- the emit, and what interrupts it ---- */

static void emit_by_hand(struct ada_writer *w, uint64_t seed)
{
    struct ada_record record;

    if (!ring_reserve(w, FIXTURE_EVENT, SMALL, &record))
        return;
    pattern_payload(record.payload, SMALL, seed);
    ring_commit(&record);
}

static void emit_at_once(struct ada_writer *w, uint64_t seed)
{
    unsigned char payload[SMALL];
    const struct ring_item item = {FIXTURE_EVENT, SMALL, payload};

    pattern_payload(payload, SMALL, seed);
    (void)ring_write_batch(w, &item, 1);
}

void scene_interrupted_emit(void *context)
{
    unsigned char deep[1024];
    struct scene *s = context;

    ada_add_local(&s->begun, 1); /* handlers that are left begin emits, too */
    s->seed++;
    if (s->way == BY_HAND)
        emit_by_hand(s->f.writer, s->seed);
    else if (s->way == AT_ONCE)
        emit_at_once(s->f.writer, s->seed);
    else
        (void)fixture_emit(s->f.writer, SMALL, s->seed);
    s->finished++;
    DEEP_FRAME_KEEP(deep);
}

static bool fills(const struct scene *s)
{
    return s->action == FILL || s->action == FILL_AND_JUMP;
}

void scene_interrupt(void *context)
{
    struct scene *s = context;

    if (s->action == DRAIN || s->action == DRAIN_AND_EMIT)
        scene_drain(s);
    if (s->action == EMIT || s->action == DRAIN_AND_EMIT || s->action == EMIT_AND_JUMP ||
        s->action == EMIT_AND_LEAVE || s->action == LEAVE_BETWEEN)
        (void)emit_in_handler(s, 24);
    if (s->action == LEAVE || s->action == EMIT_AND_LEAVE || s->action == LEAVE_BETWEEN)
        (void)scene_leave(s, 40); /* jumped out of, by another one */
    if (s->action == LEAVE_BETWEEN)
        (void)emit_in_handler(s, 32);
    for (uint64_t i = 0; s->action == EMIT_MANY && i < 5; i++)
        (void)emit_in_handler(s, 16 + 20 * i);
    if (s->action == FORK) { /* as the kernel wipes it */
        s->forked_head = s->f.ring->front.head;
        s->forked_reserve = s->f.writer->reserve;
        memset(s->f.writer, 0, sizeof(*s->f.writer));
    }
    /* More than half an overwriting ring would bury whom we interrupt, who is only away. */
    for (uint64_t i = 0, most = s->f.reader.policy == RING_OVERWRITE ? 2 : 3 * CAPACITY / 500;
         s->action == TAKE_BACK && i < most; i++)
        take_back_in_handler(s, 500);
    for (uint64_t i = 0; fills(s) && i < 3 * CAPACITY / 500; i++)
        (void)emit_in_handler(s, 500);
}

bool scene_jumps(const struct scene *s)
{
    return s->action == JUMP || s->action == EMIT_AND_JUMP || s->action == FILL_AND_JUMP ||
           s->action == JUMP_TWICE;
}
