/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An emit interrupted behind every single instruction: by handlers that emit, that fill the ring,
 * that jump out and never come back, and by the consumer. Every kind of ring state that the slow
 * path knows, every policy that a test can wait for.
 */
#include <stdio.h>

#include "step.h"
#include "step_scene.h"
#include "tests/helpers/evidence.h"

enum {
#ifdef ADATRACE_COVERAGE /* each is a process, which writes its counts */
    EVERY = 499,         /* instructions */
    FIRST_EVERY = 499,   /* where pairs of them are tried */
    SECOND_EVERY = 199,
#else
    EVERY = 1,
    FIRST_EVERY = 23,
    SECOND_EVERY = 7,
#endif
};

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
    HOLD(s, ring_untold(ring) == 0); /* the last emit had room */
    if (s->f.reader.policy == RING_OVERWRITE)
        return; /* gap records can be overwritten themselves */
    HOLD(s, l->gap_records == ring->dropped);
    /* Who is left between giving the left one up and counting it leaves its bytes among the others.
     */
    HOLD(s, stats.written_bytes == l->bytes ||
                (s->state == LEFT && scene_jumps(s) && known == s->finished + s->left_later &&
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
    if (s->action == JUMP_TWICE)
        s->left_later += scene_leave(s, SMALL);
    for (int i = 0; i < 3; i++)
        (void)scene_emit(s, 48);
    scene_drain(s);
    HOLD(s, scene_emit(s, SMALL));
    scene_drain(s);
    ledger_judge(s);
    if (s->wrong)
        printf("    wrong: %s\n", s->wrong);
    return !s->wrong;
}

static bool judge_second(void *context)
{
    const struct step_plan plan = {
        scene_interrupted_emit, scene_interrupt, judge, context, true, SECOND_EVERY};
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
    struct step_plan plan = {scene_interrupted_emit,
                             scene_interrupt,
                             s.twice ? judge_second : judge,
                             &s,
                             scene_jumps(&s),
                             s.twice ? FIRST_EVERY : EVERY};
    uint64_t failed = t->failed;

    scene_set_up(&s, policy, fast);
    t->instructions += step_through(&plan, &t->failed);
    if (t->failed != failed)
        print_message("ring %s, %s, policy %s, %s path, %s; handler %s: %llu failed\n",
                      room_names[s.room], state_names[s.state],
                      policy == RING_DROP ? "drop" : "overwrite", fast ? "fast" : "slow",
                      way_names[s.way], action_names[s.action],
                      (unsigned long long)(t->failed - failed));
    scene_drain(&s);
    fixture_close(&s.f);
}

/* What happens at the first call only, in the libraries, is not what is stepped through. */
static void warm_up(void)
{
    for (unsigned state = 0; state < STATES; state++) {
        struct scene s = {.state = state};

        scene_set_up(&s, RING_DROP, false);
        scene_interrupted_emit(&s);
        scene_drain(&s);
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
            for (; s.room < (state >= LEFT ? BASE : ROOMS); s.room++)
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
CASE(handler_that_fills_the_ring_and_jumps_out, DIRECTLY, FILL_AND_JUMP, false)
CASE(handlers_that_jump_out_of_an_emit_and_of_the_next, DIRECTLY, JUMP_TWICE, false)
CASE(handlers_that_jump_out_of_a_batch_and_of_the_next_emit, AT_ONCE, JUMP_TWICE, false)
CASE(handler_that_takes_back_what_it_reserves, DIRECTLY, TAKE_BACK, false)
CASE(handler_that_is_left_in_an_emit, DIRECTLY, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_an_emit, DIRECTLY, EMIT_AND_LEAVE, false)
CASE(handler_that_is_left_between_emits_in_an_emit, DIRECTLY, LEAVE_BETWEEN, false)
CASE(handler_that_is_left_in_a_reserve, BY_HAND, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_a_reserve, BY_HAND, EMIT_AND_LEAVE, false)
CASE(handler_that_is_left_between_emits_in_a_reserve, BY_HAND, LEAVE_BETWEEN, false)
CASE(handler_that_is_left_in_a_batch, AT_ONCE, LEAVE, false)
CASE(handler_that_emits_and_is_left_in_a_batch, AT_ONCE, EMIT_AND_LEAVE, false)
CASE(handler_that_is_left_between_emits_in_a_batch, AT_ONCE, LEAVE_BETWEEN, false)
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
        cmocka_unit_test(handler_that_fills_the_ring_and_jumps_out),
        cmocka_unit_test(handlers_that_jump_out_of_an_emit_and_of_the_next),
        cmocka_unit_test(handlers_that_jump_out_of_a_batch_and_of_the_next_emit),
        cmocka_unit_test(handler_that_takes_back_what_it_reserves),
        cmocka_unit_test(handler_that_is_left_in_an_emit),
        cmocka_unit_test(handler_that_emits_and_is_left_in_an_emit),
        cmocka_unit_test(handler_that_is_left_between_emits_in_an_emit),
        cmocka_unit_test(handler_that_is_left_in_a_reserve),
        cmocka_unit_test(handler_that_emits_and_is_left_in_a_reserve),
        cmocka_unit_test(handler_that_is_left_between_emits_in_a_reserve),
        cmocka_unit_test(handler_that_is_left_in_a_batch),
        cmocka_unit_test(handler_that_emits_and_is_left_in_a_batch),
        cmocka_unit_test(handler_that_is_left_between_emits_in_a_batch),
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
