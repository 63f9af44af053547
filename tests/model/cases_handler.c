/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal handlers that emit, at every access of the emit that they interrupt, and the death of the
 * producer at every store, while a consumer reads. What handlers do between single instructions is
 * tests/unit/registry/test_ring_step.c; here the consumer is another thread.
 */
#include "rig.h"

#include "base/atomic.h"

enum { CAPACITY = 4096, LARGEST = 1024 };

static const struct ring_options drop = {.policy = RING_DROP};

static void open_empty(void)
{
    rig_open(CAPACITY, &drop);
    rig.numbers_grow = false;
}

static void open_at_end(void)
{
    open_empty();
    for (unsigned i = 0; i < 3; i++)
        model_assert(rig_emit(LARGEST));
    rig_visit(2);
    model_assert(rig_emit(LARGEST - 64));
}

static void open_full(void)
{
    open_empty();
    for (unsigned i = 0; i < 3; i++)
        model_assert(rig_emit(LARGEST));
    model_assert(rig_emit(LARGEST - 64));
    model_assert(rig_emit(64));
    model_assert(!rig_emit(32));
}

static void handler_emits(void)
{
    (void)rig_emit(32);
}

static void emit_interrupted(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits, 1);
    (void)rig_emit(24);
    (void)rig_emit(24);
}

/* Handlers that interrupt each other, and come again. */
static void emit_interrupted_deeply(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits, 2);
    model_handler_depth_set(2);
    (void)rig_emit(24);
    if (model_is_long)
        (void)rig_emit(24);
}

static void handler_emits_large(void)
{
    (void)rig_emit(128);
}

static void emit_interrupted_at_end(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits_large, 1);
    (void)rig_emit(96);
    (void)rig_emit(24);
}

static void emit_interrupted_when_full(void)
{
    rig_stack_is_here();
    model_handler_set(handler_emits, 1);
    (void)rig_emit(32);
    (void)rig_emit(48);
}

static void visit_once(void)
{
    rig_visit(8);
}

static void visit_twice(void)
{
    rig_visit(2);
    rig_visit(4);
}

static void visit_one(void)
{
    rig_visit(1);
    if (model_is_long)
        rig_visit(1);
}

/* ---- handlers that jump out ---- */

static void *landing[5];

static void handler_jumps(void)
{
    (void)rig_emit(32);
    __builtin_longjmp(landing, 1);
}

/* Out of the handler, over the emit that it interrupted, which is left for ever. */
__attribute__((noinline)) static void emit_left(uint64_t bytes)
{
    unsigned depth = model_depth();

    if (__builtin_setjmp(landing) == 0)
        (void)rig_emit(bytes);
    else
        model_depth_restore(depth);
    model_handler_set(NULL, 0);
}

static void emit_and_leave(void)
{
    rig_stack_is_here();
    model_handler_set(handler_jumps, 1);
    emit_left(24);
    (void)rig_emit(40);
}

static void emit_and_leave_when_full(void)
{
    rig_stack_is_here();
    model_handler_set(handler_jumps, 1);
    emit_left(48);
    (void)rig_emit(40);
}

/* A record that was begun and left is padding or complete: its writer does not know. */
static void check_left(void)
{
    struct ring_stats s;

    rig_drain();
    model_assert(rig.ring->front.head == rig.writer->reserve);
    rig_all_are_read();
    ring_stats(rig.ring, &s);
    model_assert(s.taken == rig.records);
    model_assert(s.written == s.taken);
    model_assert(s.fill_bytes == 0);
    model_assert(rig.gap_records + ring_untold(rig.ring) == s.dropped);
    /* Left before it was reserved, it is nobody's. */
    model_assert(s.written + s.dropped == rig.attempted ||
                 s.written + s.dropped + 1 == rig.attempted);
}

/* ---- handlers that fill half a ring behind an unfinished record ---- */

static void handler_fills(void)
{
    for (unsigned i = 0; i < 3; i++)
        (void)rig_emit(LARGEST);
    (void)rig_emit(LARGEST); /* finds no room, and gives the unfinished one up */
}

/* Its writer was only away, and comes back. */
static void emit_away(void)
{
    rig_stack_is_here();
    model_handler_set(handler_fills, 1);
    (void)rig_emit(40);
    model_handler_set(NULL, 0);
    (void)rig_emit(24);
}

static void open_away(void)
{
    open_empty();
    model_assert(rig_emit(24));
}

/* The same at one place only: what the writer does that comes back while others read. */
static void emit_away_and_back(void)
{
    struct ada_record away;
    unsigned number = ++rig.attempted;

    rig.writer->stack_top = 0; /* no frame is seen to be left */
    rig.fates[number] = RIG_BEGUN;
    model_assert(ada_reserve_fast(rig.writer, ada_record_tag(RIG_EVENT, 40), 40, &away));
    ((uint64_t *)(void *)away.payload)[0] = number;
    ((uint64_t *)(void *)away.payload)[3] = ~(uint64_t)number;
    handler_fills();
    model_assert(rig.writer->given_up[0] == away.end);
    rig.fates[number] = RIG_DROPPED;
    ada_commit_record(&away);
    (void)rig_emit(24);
}

/* What was given up is not read; the count is exact. Its writer was told nothing. */
static void check_away(void)
{
    struct ring_stats s;

    rig_drain();
    model_assert(rig.ring->front.head == rig.writer->reserve);
    for (unsigned n = 2; n <= rig.attempted; n++)
        model_assert(rig.fates[n] != RIG_COMMITTED || rig.reads[n]);
    ring_stats(rig.ring, &s);
    model_assert(s.taken == rig.records);
    model_assert(s.written == s.taken);
    model_assert(s.fill_bytes == 0);
    model_assert(rig.gap_records + ring_untold(rig.ring) == s.dropped);
    model_assert(s.written + s.dropped == rig.attempted);
}

/* ---- death ---- */

static uint64_t mark; /* what the kernel writes when the thread is dead */

static void die(void)
{
    store_release(&mark, 1);
}

static void open_to_die(void)
{
    open_empty();
    mark = 0;
    model_shared(&mark, sizeof(mark), false);
}

static void open_to_die_full(void)
{
    open_full();
    mark = 0;
    model_shared(&mark, sizeof(mark), false);
}

static void emit_and_die(void)
{
    rig_stack_is_here();
    model_death_set(die);
    (void)rig_emit(24);
    (void)rig_emit(32);
    (void)rig_emit(24);
}

static void emit_and_die_when_full(void)
{
    rig_stack_is_here();
    model_death_set(die);
    (void)rig_emit(32);
    (void)rig_emit(48);
}

static void emit_interrupted_and_die(void)
{
    rig_stack_is_here();
    model_death_set(die);
    model_handler_set(handler_emits, 1);
    (void)rig_emit(24);
    if (model_is_long)
        (void)rig_emit(24);
}

/* The drain's order: first whether it is dead, then the ring; and then an empty ring is the end. */
static void visit_until_dead(void)
{
    bool dead = load_acquire(&mark);
    unsigned before;

    rig_visit(8);
    dead = load_acquire(&mark);
    if (!dead)
        return;
    rig_drain();
    before = rig.records;
    rig_all_are_read();
    rig_drain();
    model_assert(rig.records == before);
}

const struct model_case handler_cases[] = {
    {"handler",
     "a handler that emits, at every access of two emits",
     open_empty,
     {emit_interrupted, visit_twice},
     rig_check},
    {"handler-deep",
     "two handlers, one in the other or behind it",
     open_empty,
     {emit_interrupted_deeply, visit_once},
     rig_check},
    {"handler-wrap",
     "a handler that emits while a lap ends",
     open_at_end,
     {emit_interrupted_at_end, visit_one},
     rig_check},
    {"handler-full",
     "a handler that emits while the ring is full and a gap is told",
     open_full,
     {emit_interrupted_when_full, visit_one},
     rig_check},
    {"left",
     "a handler that jumps out of the emit, at every access",
     open_empty,
     {emit_and_leave, visit_twice},
     check_left},
    {"left-full",
     "the same while the ring is full and a gap is told",
     open_full,
     {emit_and_leave_when_full, visit_one},
     check_left},
    {"away",
     "handlers fill half a ring behind a record whose writer is only away",
     open_empty,
     {emit_away},
     check_away},
    {"away-back",
     "the writer comes back while what was published behind it is read",
     open_away,
     {emit_away_and_back, visit_twice},
     check_away},
    {"away-read",
     "handlers fill half a ring behind such a record while it is read",
     open_empty,
     {emit_away, visit_twice},
     check_away},
    {"death",
     "the producer's death at every store",
     open_to_die,
     {emit_and_die, visit_until_dead},
     rig_check_dead},
    {"death-full",
     "the same while the ring is full and a gap is told",
     open_to_die_full,
     {emit_and_die_when_full, visit_until_dead},
     rig_check_dead},
    {"death-handler",
     "death in a handler, or behind it",
     open_to_die,
     {emit_interrupted_and_die, visit_until_dead},
     rig_check_dead},
};
const unsigned handler_cases_count = sizeof(handler_cases) / sizeof(handler_cases[0]);
