/* SPDX-License-Identifier: Apache-2.0 */
/* Elastic rings: room that grows, is taken back, and comes again. */
#include "rig.h"

#include "base/atomic.h"
#include "registry/ring_layout.h"

enum { CAPACITY = 4096, BASE = 1024, LOW = 512, RECORD = 248 };

static const struct ring_options elastic = {
    .policy = RING_DROP, .base_bytes = BASE, .low_bytes = LOW};

static void open_empty(void)
{
    rig_open(CAPACITY, &elastic);
}

/* The base is full, and one record was dropped. */
static void open_full(void)
{
    open_empty();
    while (rig_emit(RECORD)) {}
}

/* The producer stands beyond the base; all was read. */
static void open_beyond(void)
{
    open_empty();
    ring_set_room(&rig.reader, CAPACITY);
    for (unsigned i = 0; i < 5; i++)
        model_assert(rig_emit(RECORD));
    rig_drain();
}

/* The same, and nothing was read. */
static void open_beyond_unread(void)
{
    open_empty();
    ring_set_room(&rig.reader, CAPACITY);
    for (unsigned i = 0; i < 5; i++)
        model_assert(rig_emit(RECORD));
}

static void emit_three(void)
{
    (void)rig_emit(RECORD);
    (void)rig_emit(RECORD);
    (void)rig_emit(RECORD - 40);
    if (model_is_long)
        (void)rig_emit(RECORD);
}

static void emit_two(void)
{
    (void)rig_emit(RECORD);
    (void)rig_emit(RECORD);
}

static void grow_and_visit(void)
{
    rig_visit(1);
    ring_set_room(&rig.reader, 2 * BASE);
    rig_visit(2);
}

static void visit_twice(void)
{
    rig_visit(2);
    rig_visit(2);
}

/* What registry_give_back() does to the memory: a hole reads as zeros. Word by word only where
 * somebody may be; 0 where nothing was to be had. */
static void hole_punch(uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += 8)
        if (*(uint64_t *)(void *)(rig.data + at))
            *(uint64_t *)(void *)(rig.data + at) = 0;
}

static void give_back(void)
{
    uint64_t from, to;

    ring_set_room(&rig.reader, LOW);
    if (ring_spare(&rig.reader, &from, &to))
        hole_punch(from, to);
    ring_set_room(&rig.reader, BASE);
}

static void give_back_and_visit(void)
{
    give_back();
    rig_visit(2);
}

static void visit_and_give_back(void)
{
    rig_visit(8);
    give_back();
    rig_visit(1);
}

static void give_back_and_grow(void)
{
    give_back();
    ring_set_room(&rig.reader, CAPACITY);
    rig_visit(1);
}

static void handler_emits(void)
{
    (void)rig_emit(RECORD);
}

static void open_full_for_handler(void)
{
    open_full();
    rig.numbers_grow = false;
}

static void open_beyond_for_handler(void)
{
    open_beyond();
    rig.numbers_grow = false;
}

static void emit_interrupted(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits, 1);
    (void)rig_emit(RECORD);
    (void)rig_emit(24);
}

static void grow_and_visit_one(void)
{
    ring_set_room(&rig.reader, 2 * BASE);
    rig_visit(1);
    if (model_is_long)
        rig_visit(2);
}

/* The next record but one is the first that goes beyond LOW. */
static void open_below_low(void)
{
    open_empty();
    model_assert(rig_emit(RECORD));
    rig_drain();
}

static void give_back_only(void)
{
    give_back();
}

/* All but the last record is read: the next one begins a lap, and three more hop over what is not.
 */
static void open_calm(void)
{
    open_empty();
    rig.numbers_grow = false;
    ring_set_room(&rig.reader, 2 * BASE);
    for (unsigned i = 0; i < 4; i++)
        model_assert(rig_emit(RECORD));
    rig_visit(3);
}

static void handler_hops(void)
{
    for (unsigned i = 0; i < 3; i++)
        (void)rig_emit(RECORD);
}

static void emit_leap(void)
{
    rig_stack_is_here();
    model_handler_set(handler_hops, 1);
    (void)rig_emit(RECORD);
}

static void visit_one(void)
{
    rig_visit(1);
}

static void die(void)
{
}

static void emit_and_die(void)
{
    model_death_set(die);
    (void)rig_emit(RECORD);
    (void)rig_emit(RECORD);
}

const struct model_case elastic_cases[] = {
    {"elastic-grow",
     "a full ring is granted more room while the producer finds none",
     open_full,
     {emit_three, grow_and_visit},
     rig_check},
    {"elastic-lap",
     "a lap ends early, behind what is read, and hops over what is not",
     open_full,
     {emit_three, visit_twice},
     rig_check},
    {"elastic-back",
     "room is taken back, with its memory, from a producer that stands in it",
     open_beyond,
     {emit_two, give_back_and_visit},
     rig_check},
    {"elastic-back-unread",
     "the same, from one who goes on there while it is read",
     open_beyond_unread,
     {emit_two, visit_and_give_back},
     rig_check},
    {"elastic-again",
     "room is taken back and granted again",
     open_beyond,
     {emit_three, give_back_and_grow},
     rig_check},
    {"elastic-grant",
     "memory is given back and granted again just before it is written to",
     open_below_low,
     {emit_three, give_back_only},
     rig_check},
    {"elastic-handler",
     "with a handler that emits, while room is granted",
     open_full_for_handler,
     {emit_interrupted, grow_and_visit_one},
     rig_check},
    {"elastic-hop-handler",
     "with a handler that hops while the emit that it interrupts leaps",
     open_calm,
     {emit_leap, visit_one},
     rig_check},
    {"elastic-back-handler",
     "with a handler that emits, while room is taken back",
     open_beyond_for_handler,
     {emit_interrupted, give_back_only},
     rig_check},
    {"elastic-death",
     "the producer's death at every store, while room is taken back",
     open_beyond,
     {emit_and_die, give_back_and_visit},
     rig_check_dead},
};
const unsigned elastic_cases_count = sizeof(elastic_cases) / sizeof(elastic_cases[0]);
