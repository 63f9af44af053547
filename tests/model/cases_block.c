/* SPDX-License-Identifier: Apache-2.0 */
/* Policy block: the producer sleeps until there is room, its time is up, or the consumer is gone.
 */
#include "rig.h"

#include "base/atomic.h"

enum { CAPACITY = 4096, LARGEST = 1024 };

static void open_full(uint64_t timeout_ns)
{
    const struct ring_options block = {.policy = RING_BLOCK, .timeout_ns = timeout_ns};

    rig_open(CAPACITY, &block);
    for (unsigned i = 0; i < CAPACITY / LARGEST; i++)
        model_assert(rig_emit(LARGEST));
}

/* Nothing but the consumer ends the sleep: one wake-up that is missed, and it sleeps for ever. */
static void open_for_ever(void)
{
    open_full(0);
}

static void open_with_time(void)
{
    open_full(1000000);
    model_timeouts_set(true);
}

static void emit_one(void)
{
    model_assert(rig_emit(LARGEST));
}

static void emit_two(void)
{
    model_assert(rig_emit(LARGEST));
    model_assert(rig_emit(LARGEST));
}

static void emit_or_drop(void)
{
    (void)rig_emit(LARGEST);
    (void)rig_emit(32);
}

static void visit_one_by_one(void)
{
    rig_visit(1);
    rig_visit(1);
    if (model_is_long)
        rig_visit(2);
}

static void visit_all(void)
{
    rig_visit(4);
}

static void visit_and_go(void)
{
    rig_visit(1);
    ring_reader_fini(&rig.reader);
}

static void go(void)
{
    ring_reader_fini(&rig.reader);
}

/* The next consumer takes over. */
static void check_gone(void)
{
    struct rig *r = &rig;

    model_assert(ring_reader_init(&r->reader, r->ring, r->data, CAPACITY, RING_BLOCK) == 0);
    rig_check();
}

const struct model_case block_cases[] = {
    {"block",
     "a producer that waits for room",
     open_for_ever,
     {emit_one, visit_one_by_one},
     rig_check},
    {"block-twice", "and another time", open_for_ever, {emit_two, visit_one_by_one}, rig_check},
    {"block-all", "all room comes at once", open_for_ever, {emit_two, visit_all}, rig_check},
    {"block-time",
     "its time may be up at any moment",
     open_with_time,
     {emit_or_drop, visit_one_by_one},
     rig_check},
    {"block-gone",
     "the consumer goes for good while it waits",
     open_for_ever,
     {emit_or_drop, visit_and_go},
     check_gone},
    {"block-gone-at-once",
     "without having read anything",
     open_for_ever,
     {emit_or_drop, go},
     check_gone},
};
const unsigned block_cases_count = sizeof(block_cases) / sizeof(block_cases[0]);
