/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of one piece, policy drop: one producer, one consumer, no handlers. */
#include "rig.h"

#include "base/atomic.h"

enum { CAPACITY = 4096, LARGEST = 1024 };

static const struct ring_options drop = {.policy = RING_DROP};

static void open_empty(void)
{
    rig_open(CAPACITY, &drop);
}

static void emit_two(void)
{
    (void)rig_emit(24);
    (void)rig_emit(32);
}

static void emit_three(void)
{
    emit_two();
    (void)rig_emit(24);
    if (model_is_long)
        emit_two();
}

static void visit_twice(void)
{
    rig_visit(4);
    rig_visit(4);
    if (model_is_long)
        rig_visit(4);
}

static void visit_in_runs(void)
{
    rig_visit_in_runs();
    rig_visit_in_runs();
}

static void visit_in_batches(void)
{
    rig_visit_in_batches(3);
    rig_visit_in_batches(3);
    if (model_is_long)
        rig_visit_in_batches(3);
}

/* So far that the next record of LARGEST bytes does not fit in front of the end, and behind it is
 * exactly as much room as was read. */
static void open_at_end(void)
{
    open_empty();
    for (unsigned i = 0; i < 3; i++)
        model_assert(rig_emit(LARGEST));
    rig_visit(2);
    model_assert(rig_emit(512));
}

static void emit_over_end(void)
{
    (void)rig_emit(LARGEST); /* leaves 512 bytes out */
    (void)rig_emit(LARGEST);
    (void)rig_emit(LARGEST); /* finds room when the consumer was there */
    if (model_is_long)
        (void)rig_emit(256);
}

/* Full but for one small record. */
static void open_full(void)
{
    open_empty();
    for (unsigned i = 0; i < 3; i++)
        model_assert(rig_emit(LARGEST));
    model_assert(rig_emit(LARGEST - 64));
    model_assert(rig_emit(64));
    model_assert(!rig_emit(32));
}

static void emit_when_full(void)
{
    (void)rig_emit(32);
    (void)rig_emit(48);
    (void)rig_emit(LARGEST - 40); /* with its gap record exactly what one record leaves */
    if (model_is_long)
        (void)rig_emit(24);
}

static void visit_one_by_one(void)
{
    rig_visit(1);
    rig_visit(1);
    rig_visit(1);
}

/* The owner changes while the consumer reads: a writer that is made anew goes on at the head. */
static void emit_and_begin_again(void)
{
    (void)rig_emit(24);
    ring_writer_init(rig.writer, rig.ring, true);
    (void)rig_emit(24);
}

/* Batches of several records, reserved in one piece. */
static void emit_batch(void)
{
    uint64_t a[2] = {1, ~UINT64_C(1)}, b[2] = {2, ~UINT64_C(2)};
    const struct ring_item items[2] = {{RIG_EVENT, 16, a}, {RIG_EVENT, 16, b}};

    rig.fates[1] = rig.fates[2] = RIG_BEGUN;
    rig.attempted = 2;
    model_assert(ring_write_batch(rig.writer, items, 2));
    rig.fates[1] = rig.fates[2] = RIG_COMMITTED;
    (void)rig_emit(24);
}

/* Two that are held at once, and end the other way round; one is taken back. */
static void emit_held(void)
{
    struct ada_record first, second;
    uint64_t *payload;

    model_assert(ring_reserve(rig.writer, RIG_EVENT, 16, &first));
    model_assert(ring_reserve(rig.writer, RIG_EVENT, 16, &second));
    (void)rig_emit(24); /* number 1, in the third place */
    rig.numbers_grow = false;
    rig.attempted = 2;
    rig.fates[2] = RIG_BEGUN;
    payload = (uint64_t *)(void *)second.payload;
    payload[0] = 2;
    payload[1] = ~UINT64_C(2);
    ring_commit(&second);
    rig.fates[2] = RIG_COMMITTED;
    ring_rollback(&first);
}

/* Somebody who only looks, while records come. */
static void look(void)
{
    struct ring_stats s;
    char text[160];

    model_assert(ring_check(rig.ring, text, sizeof(text)) == 0);
    ring_stats(rig.ring, &s);
    model_assert(s.fill_bytes <= CAPACITY);
}

const struct model_case ring_cases[] = {
    {"publish",
     "records into an empty ring, read while they come",
     open_empty,
     {emit_three, visit_twice},
     rig_check},
    {"publish-runs",
     "the same, read as the drain reads runs",
     open_empty,
     {emit_three, visit_in_runs},
     rig_check},
    {"publish-batches",
     "the same, read in batches",
     open_empty,
     {emit_three, visit_in_batches},
     rig_check},
    {"wrap",
     "over the ring's end, with padding, into what is being read",
     open_at_end,
     {emit_over_end, visit_twice},
     rig_check},
    {"full",
     "a full ring: drops, gap records, room that comes while they are written",
     open_full,
     {emit_when_full, visit_one_by_one},
     rig_check},
    {"full-batches",
     "a full ring, read in batches",
     open_full,
     {emit_when_full, visit_in_batches},
     rig_check},
    {"writer-anew",
     "a writer that goes on where another one ended",
     open_empty,
     {emit_and_begin_again, visit_twice},
     rig_check},
    {"batch", "several records, one publish", open_empty, {emit_batch, visit_twice}, rig_check},
    {"look",
     "ring_check() and ring_stats() while records come",
     open_empty,
     {emit_two, look},
     rig_check},
    {"held",
     "reservations that are held and taken back",
     open_empty,
     {emit_held, visit_twice},
     rig_check},
};
const unsigned ring_cases_count = sizeof(ring_cases) / sizeof(ring_cases[0]);
