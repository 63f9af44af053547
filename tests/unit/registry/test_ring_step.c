/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An emit interrupted behind every single instruction: by handlers that emit, that fill the ring,
 * that jump out and never come back, and by the consumer. Every kind of ring state that the slow
 * path knows, every policy that a test can wait for.
 */
#include "ring_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "registry/ring_layout.h"
#include "step.h"
#include "tests/helpers/deep_frame.h"
#include "tests/helpers/evidence.h"

enum {
    CAPACITY = 4096,
    ELASTIC_GROWTH = 4,
    SMALL = 16,             /* payload bytes of the emit that is interrupted */
    HANDLER_SEED = 1 << 30, /* its handlers' seeds begin here */
#ifdef ADATRACE_COVERAGE    /* each is a process, which writes its counts */
    EVERY = 499,            /* instructions */
    FIRST_EVERY = 499,      /* where pairs of them are tried */
    SECOND_EVERY = 199,
#else
    EVERY = 1,
    FIRST_EVERY = 23,
    SECOND_EVERY = 7,
#endif
};

/* What the ring looks like when the emit begins. */
enum state {
    EMPTY,
    LAP_END,
    GAP_WAITS,
    GAP_WAITS_AT_LAP_END,
    ROOM_FOR_ONE,
    FULL,
    HELD,
    LEFT,
    STATES
};
static const char *const state_names[] = {
    "empty",
    "at the lap's end",
    "a gap to tell",
    "a gap to tell at the lap's end",
    "room for one",
    "full",
    "a record is held",
    "a record was left, another stands behind it",
};

/* Whether the ring is elastic, and whether it has been granted all of its room. */
enum room { PLAIN, BASE, GRANTED, ROOMS };
static const char *const room_names[] = {"plain", "elastic", "elastic and granted more"};

/* What comes in between. */
enum action {
    EMIT,
    EMIT_MANY,
    FILL,
    DRAIN,
    DRAIN_AND_EMIT,
    JUMP,
    EMIT_AND_JUMP,
    TAKE_BACK,
    LEAVE,
    EMIT_AND_LEAVE,
    FORK
};
static const char *const action_names[] = {
    "emits one",
    "emits many",
    "fills the ring",
    "drains",
    "drains and emits",
    "jumps out",
    "emits and jumps out",
    "takes back what it reserves",
    "is left in an emit",
    "emits, and is left in an emit that another stands behind",
    "forks",
};

/* How the emit that is interrupted emits. */
enum way { DIRECTLY, BY_HAND, AT_ONCE };
static const char *const way_names[] = {"emit", "reserve and commit", "batch"};

struct scene {
    struct ring_fixture f;
    struct ledger l;
    enum state state;
    enum room room;
    enum action action;
    enum way way;
    uint64_t seed, handler_seed;
    uint64_t begun, finished; /* emits that can be interrupted */
    uint64_t others;          /* emits that are not */
    bool twice;               /* the emit after the interrupted one is interrupted, too */
    struct ada_record held;   /* state HELD: in front of all that comes */
    uint64_t forked_head, forked_reserve; /* the parent's, when a handler forked */
    const char *wrong;                    /* what did not hold first */
};

static bool emit(struct scene *s, uint64_t payload_bytes)
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

static void drain(struct scene *s)
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
        assert_true(emit(s, SMALL));
        drain(s);
    } while (!leaps(s, SMALL));
}

static void fill(struct scene *s)
{
    while (emit(s, 40)) {}
    while (emit(s, SMALL)) {}
}

/* From far below: who emits later finds that this frame is gone. */
__attribute__((noinline)) static bool leave_one(struct scene *s, uint64_t payload_bytes)
{
    uint64_t bytes = ada_record_bytes(payload_bytes);
    uint64_t sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    uint32_t tag = ada_record_tag(FIXTURE_EVENT, bytes);
    unsigned char deep[16384];
    struct ada_record record;

    s->begun++;
    if (!ada_reserve_fast(s->f.writer, tag, bytes, &record))
        record = ring_reserve_slow(s->f.writer, tag, bytes, sp - sizeof(deep));
    DEEP_FRAME_KEEP(deep);
    return record.payload;
}

static void set_up(struct scene *s, enum ring_policy policy, bool fast)
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
        assert_false(emit(s, CAPACITY));
    if (s->state == HELD) {
        s->others++;
        s->held = fixture_reserve(&s->f, SMALL, ++s->seed);
    }
    if (s->state == LEFT) {
        assert_true(leave_one(s, SMALL));
        assert_true(emit(s, 24));
    }
    if (policy == RING_OVERWRITE) /* is never full */
        return;
    if (s->state == FULL)
        fill(s);
    while (s->state == ROOM_FOR_ONE && ring_available_to_write(s->f.writer) >= 3 * (SMALL + 8))
        assert_true(emit(s, SMALL));
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

/* From a frame below those that emit later: it is from above that one knows it was left. */
static void emit_interrupted(void *context)
{
    unsigned char deep[1024];
    struct scene *s = context;

    s->begun++;
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

static void interrupt(void *context)
{
    struct scene *s = context;

    if (s->action == DRAIN || s->action == DRAIN_AND_EMIT)
        drain(s);
    if (s->action == EMIT || s->action == DRAIN_AND_EMIT || s->action == EMIT_AND_JUMP ||
        s->action == EMIT_AND_LEAVE)
        (void)emit_in_handler(s, 24);
    if (s->action == LEAVE || s->action == EMIT_AND_LEAVE) /* jumped out of, by another one */
        (void)leave_one(s, 40);
    if (s->action == EMIT_AND_LEAVE)
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
    for (uint64_t i = 0; s->action == FILL && i < 3 * CAPACITY / 500; i++)
        (void)emit_in_handler(s, 500);
}

static bool jumps(const struct scene *s)
{
    return s->action == JUMP || s->action == EMIT_AND_JUMP;
}

/* ---- what has to hold ---- */

static void hold(struct scene *s, bool holds, const char *what)
{
    if (!holds && !s->wrong)
        s->wrong = what;
}
#define HOLD(s, condition) hold(s, condition, #condition)

static void ledger_judge(struct scene *s)
{
    const struct ring_shared *ring = s->f.ring;
    const struct ledger *l = &s->l;
    uint64_t known = ring_written(ring) + ring->dropped - s->others;
    char text[200] = "";
    struct ring_stats stats;

    ring_stats(ring, &stats);
    HOLD(s, l->torn == 0);
    HOLD(s, l->backwards == 0);
    HOLD(s, l->damages == 0);
    HOLD(s, l->gaps_misplaced == 0);
    HOLD(s, l->last_seed == s->seed);
    /* One that was left was written, or dropped and counted, or had not begun. */
    HOLD(s, known >= s->finished);
    HOLD(s, known <= s->begun);
    HOLD(s, ring_written(ring) == l->records + ring->overwritten);
    HOLD(s, ring_check(ring, text, sizeof(text)) == 0);
    if (s->f.reader.policy == RING_OVERWRITE)
        return; /* gap records can be overwritten themselves */
    HOLD(s, l->gap_records + ring_untold(ring) == ring->dropped);
    /* Who is left between giving the left one up and counting it leaves its bytes among the others.
     */
    HOLD(s, stats.written_bytes == l->bytes ||
                (s->state == LEFT && jumps(s) && known == s->finished &&
                 stats.written_bytes == l->bytes + ada_record_bytes(SMALL)));
    HOLD(s, stats.fill_bytes == 0);
    HOLD(s, l->gap_bytes + (ring->dropped_bytes - ring->told_bytes) == ring->dropped_bytes);
}

/* The thread goes on, at the depth of the interrupted emit, and everything is read. */
/* The child has come to the end of its emit, and has no ring: the next one finds that out. Its
 * parent's head is where the parent has brought it, or was about to. */
static bool forked_judge(const struct scene *s)
{
    uint64_t moved = s->f.ring->front.head - s->forked_head;
    struct ada_record record;

    return !s->f.writer->ring && s->finished == s->begun - (s->state == LEFT) &&
           moved <= s->forked_reserve - s->forked_head &&
           !ada_reserve_fast(s->f.writer, ada_record_tag(ADA_RECORD_FIRST_EVENT, 16), 16, &record);
}

static bool judge(void *context)
{
    struct scene *s = context;

    if (s->action == FORK)
        return forked_judge(s);
    if (s->state == HELD)
        ring_commit(&s->held);
    for (int i = 0; i < 3; i++)
        (void)emit(s, 48);
    drain(s);
    HOLD(s, emit(s, SMALL));
    drain(s);
    ledger_judge(s);
    if (s->wrong)
        printf("    wrong: %s\n", s->wrong);
    return !s->wrong;
}

static bool judge_second(void *context)
{
    const struct step_plan plan = {emit_interrupted, interrupt, judge, context, true, SECOND_EVERY};
    uint64_t failed = 0;

    (void)step_through(&plan, &failed);
    return failed == 0;
}

/* ---- everywhere ---- */

struct total {
    uint64_t instructions, failed;
};

static void interrupt_everywhere(const struct scene *as, enum ring_policy policy, bool fast,
                                 struct total *t)
{
    struct scene s = *as;
    struct step_plan plan = {emit_interrupted,
                             interrupt,
                             s.twice ? judge_second : judge,
                             &s,
                             jumps(&s),
                             s.twice ? FIRST_EVERY : EVERY};
    uint64_t failed = t->failed;

    set_up(&s, policy, fast);
    t->instructions += step_through(&plan, &t->failed);
    if (t->failed != failed)
        print_message("ring %s, %s, policy %s, %s path, %s; handler %s: %llu failed\n",
                      room_names[s.room], state_names[s.state],
                      policy == RING_DROP ? "drop" : "overwrite", fast ? "fast" : "slow",
                      way_names[s.way], action_names[s.action],
                      (unsigned long long)(t->failed - failed));
    drain(&s);
    fixture_close(&s.f);
}

/* What happens at the first call only, in the libraries, is not what is stepped through. */
static void warm_up(void)
{
    for (unsigned state = 0; state < STATES; state++) {
        struct scene s = {.state = state};

        set_up(&s, RING_DROP, false);
        emit_interrupted(&s);
        drain(&s);
        fixture_close(&s.f);
    }
}

static uint64_t instructions; /* of all cases */

static void interrupt_in_all_states(enum way way, enum action action, bool twice)
{
    struct total t = {0};

    warm_up();
    if (!step_is_possible()) {
        print_message("no stepping here: no trap flag, or a sanitizer\n");
        skip();
    }
    if (twice && !step_nests())
        skip();
    for (unsigned state = 0; state < (twice ? LEFT : STATES); state++)
        for (unsigned fast = 0; fast < 2; fast++) {
            struct scene s = {.state = state, .way = way, .action = action, .twice = twice};

            /* What is done about one that was left does not depend on the room. */
            for (; s.room < (state == LEFT ? BASE : ROOMS); s.room++)
                interrupt_everywhere(&s, RING_DROP, fast, &t);
            s.room = PLAIN; /* such rings are not elastic */
            interrupt_everywhere(&s, RING_OVERWRITE, fast, &t);
        }
    print_message("%llu instructions interrupted\n", (unsigned long long)t.instructions);
    instructions += t.instructions;
    assert_int_equal(t.failed, 0);
}

#define CASE(name, ...)                       \
    static void name(void **state)            \
    {                                         \
        (void)state;                          \
        interrupt_in_all_states(__VA_ARGS__); \
    }

CASE(handler_that_emits_once, DIRECTLY, EMIT, false)
CASE(handler_that_emits_much, DIRECTLY, EMIT_MANY, false)
CASE(handler_that_fills_the_ring, DIRECTLY, FILL, false)
CASE(consumer_in_between, DIRECTLY, DRAIN, false)
CASE(consumer_and_handler_in_between, DIRECTLY, DRAIN_AND_EMIT, false)
CASE(handler_that_jumps_out, DIRECTLY, JUMP, false)
CASE(handler_that_emits_and_jumps_out, DIRECTLY, EMIT_AND_JUMP, false)
CASE(handler_that_takes_back_what_it_reserves, DIRECTLY, TAKE_BACK, false)
CASE(handler_that_is_left_in_an_emit, DIRECTLY, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_an_emit, DIRECTLY, EMIT_AND_LEAVE, false)
CASE(handler_that_is_left_in_a_reserve, BY_HAND, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_a_reserve, BY_HAND, EMIT_AND_LEAVE, false)
CASE(handler_that_is_left_in_a_batch, AT_ONCE, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_a_batch, AT_ONCE, EMIT_AND_LEAVE, false)
CASE(handler_that_forks, DIRECTLY, FORK, false)
CASE(handlers_that_jump_out_of_two_emits_in_a_row, DIRECTLY, JUMP, true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handler_that_emits_once),
        cmocka_unit_test(handler_that_emits_much),
        cmocka_unit_test(handler_that_fills_the_ring),
        cmocka_unit_test(consumer_in_between),
        cmocka_unit_test(consumer_and_handler_in_between),
        cmocka_unit_test(handler_that_jumps_out),
        cmocka_unit_test(handler_that_emits_and_jumps_out),
        cmocka_unit_test(handler_that_takes_back_what_it_reserves),
        cmocka_unit_test(handler_that_is_left_in_an_emit),
        cmocka_unit_test(handler_that_emits_and_is_left_in_an_emit),
        cmocka_unit_test(handler_that_is_left_in_a_reserve),
        cmocka_unit_test(handler_that_emits_and_is_left_in_a_reserve),
        cmocka_unit_test(handler_that_is_left_in_a_batch),
        cmocka_unit_test(handler_that_emits_and_is_left_in_a_batch),
        cmocka_unit_test(handler_that_forks),
        cmocka_unit_test(handlers_that_jump_out_of_two_emits_in_a_row),
    };
    int failed = cmocka_run_group_tests_name("ring, step by step", tests, NULL, NULL);

    if (!failed && instructions)
        evidence_write("ledger-instructions",
                       "%llu interruptions, each behind another instruction or of another kind",
                       (unsigned long long)instructions);
    return failed;
}
