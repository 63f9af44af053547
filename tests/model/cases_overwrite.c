/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of policy overwrite: the producer writes over what the consumer is reading. */
#include "rig.h"

#include "base/atomic.h"

enum { CAPACITY = 4096, BLOCK = CAPACITY / RING_BLOCKS };

static const struct ring_options overwrite = {.policy = RING_OVERWRITE};

/* A record to each block but the one that is written to next, which is the one that the consumer
 * reads first. */
static void open_full(void)
{
    rig_open(CAPACITY, &overwrite);
    for (unsigned i = 0; i < RING_BLOCKS; i++) {
        model_assert(rig_emit(BLOCK / 2));
        model_assert(rig_emit(BLOCK / 2 - 40));
    }
    /* The marks' fields, so that the consumer's first look has not to find them. */
}

static void open_half(void)
{
    rig_open(CAPACITY, &overwrite);
    for (unsigned i = 0; i < RING_BLOCKS - 1; i++)
        model_assert(rig_emit(BLOCK - 48));
}

static void emit_over(void)
{
    (void)rig_emit(BLOCK - 48);
    (void)rig_emit(BLOCK - 48);
    if (model_is_long)
        (void)rig_emit(BLOCK - 48);
}

static void emit_over_three(void)
{
    emit_over();
    (void)rig_emit(BLOCK - 48);
}

static void visit_two(void)
{
    rig_visit(2);
    rig_visit(2);
}

static void visit_one(void)
{
    rig_visit(1);
    if (model_is_long)
        rig_visit(1);
}

static void visit_many(void)
{
    rig_visit(4);
}

static void visit_in_batches(void)
{
    rig_visit_in_batches(2);
    rig_visit_in_batches(2);
}

/* The consumer has seen the first two blocks, long ago, and copied the first one. */
static void open_long_ago(void)
{
    struct ring_record record;

    rig_open(CAPACITY, &overwrite);
    for (unsigned i = 0; i < RING_BLOCKS; i++) {
        model_assert(rig_emit(BLOCK - 48));
        if (i == 1)
            model_assert(ring_peek(&rig.reader, &record) == 1);
    }
}

static void emit_two(void)
{
    (void)rig_emit(BLOCK - 48);
    (void)rig_emit(BLOCK - 48);
}

static void visit_all(void)
{
    rig_visit(RING_BLOCKS + 4);
}

/* The consumer is so far behind that it begins again at a block whose mark it has never seen. It
 * looks when the producer is done, which tells it nothing: the flag is relaxed. */
static uint64_t flag;

static void open_lap(void)
{
    rig_open(CAPACITY, &overwrite);
    flag = 0;
    model_shared(&flag, sizeof(flag), false);
    for (unsigned i = 0; i < RING_BLOCKS; i++) {
        model_assert(rig_emit(BLOCK - 48));
        if (i == 1)
            rig_visit(1);
    }
}

static void emit_lap(void)
{
    for (unsigned i = 0; i < RING_BLOCKS; i++)
        (void)rig_emit(BLOCK - 48);
    store_relaxed(&flag, 1);
}

static void visit_late(void)
{
    if (load_relaxed(&flag))
        rig_visit(2);
}

/* The same with as little to choose from as can be: what the consumer copies is one short record,
 * long ago seen to be published. */
static void open_behind(void)
{
    rig_open(CAPACITY, &overwrite);
    model_assert(rig_emit(BLOCK - 48));
    model_assert(rig_emit(48)); /* to the block's end */
    model_assert(rig_emit(24));
    rig_visit(2);
}

static void emit_lap_and_one(void)
{
    for (unsigned i = 0; i < RING_BLOCKS + 1; i++)
        (void)rig_emit(BLOCK - 72);
}

static void visit_behind(void)
{
    rig_visit(1);
}

static struct ada_record held;

static void hold_one(void)
{
    uint64_t *payload;

    rig.fates[++rig.attempted] = RIG_BEGUN;
    model_assert(ring_reserve(rig.writer, RIG_EVENT, 16, &held));
    payload = (uint64_t *)(void *)held.payload;
    payload[0] = rig.attempted;
    payload[1] = ~(uint64_t)rig.attempted;
}

/* Nothing has been announced between a head that comes a long way and the block that leaves the
 * consumer no more than what it has just come to. */
static void open_held(void)
{
    open_behind();
    model_assert(rig_emit(BLOCK - 48)); /* 24 bytes are left of the second block */
    hold_one();
    for (unsigned i = 0; i < RING_BLOCKS - 1; i++)
        model_assert(rig_emit(BLOCK - 48));
}

static void commit_and_emit(void)
{
    ring_commit(&held);
    (void)rig_emit(BLOCK - 48);
}

/* The oldest block that is left is announced to be so while head stands in the middle of it. */
static void open_held_in_the_oldest(void)
{
    open_behind();
    model_assert(rig_emit(BLOCK - 48));
    model_assert(rig_emit(24));
    model_assert(rig_emit(24)); /* of the third block */
    hold_one();
    for (unsigned i = 0; i < RING_BLOCKS - 1; i++)
        model_assert(rig_emit(BLOCK - 96));
    model_assert(rig_emit(96)); /* to the block's end */
}

static void emit_and_commit(void)
{
    (void)rig_emit(24);
    ring_commit(&held);
}

static void handler_emits(void)
{
    (void)rig_emit(BLOCK - 48);
}

static void open_for_handler(void)
{
    open_half();
    rig.numbers_grow = false;
}

static void emit_interrupted(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits, 1);
    (void)rig_emit(BLOCK - 48);
    (void)rig_emit(BLOCK - 48);
}

static void die(void)
{
}

static void emit_and_die(void)
{
    rig_stack_is_here();
    model_death_set(die);
    emit_over();
}

const struct model_case overwrite_cases[] = {
    {"overwrite", "over what is being read", open_full, {emit_over, visit_one}, rig_check},
    {"overwrite-two",
     "over what is being read, and read on",
     open_half,
     {emit_over, visit_two},
     rig_check},
    {"overwrite-batches",
     "the same in batches",
     open_half,
     {emit_over, visit_in_batches},
     rig_check},
    {"overwrite-far",
     "the consumer is overtaken by several blocks",
     open_half,
     {emit_over_three, visit_many},
     rig_check},
    {"overwrite-feet",
     "what comes behind the block where an overtaken consumer goes on",
     open_long_ago,
     {emit_two, visit_all},
     rig_check},
    {"overwrite-lap",
     "the consumer is overtaken by all of a lap",
     open_lap,
     {emit_lap, visit_late},
     rig_check},
    {"overwrite-mark",
     "what a consumer that was overtaken by a lap knows of where it goes on",
     open_behind,
     {emit_lap_and_one, visit_behind},
     rig_check},
    {"overwrite-held",
     "the same, when all of that is published at once",
     open_held,
     {commit_and_emit, visit_all},
     rig_check},
    {"overwrite-oldest",
     "the same, when what is published begins in the block where it goes on",
     open_held_in_the_oldest,
     {emit_and_commit, visit_many},
     rig_check},
    {"overwrite-handler",
     "with a handler that begins blocks behind an unfinished record",
     open_for_handler,
     {emit_interrupted, visit_one},
     rig_check},
    {"overwrite-death",
     "the producer's death at every store",
     open_half,
     {emit_and_die, visit_one},
     rig_check_dead},
};
const unsigned overwrite_cases_count = sizeof(overwrite_cases) / sizeof(overwrite_cases[0]);
