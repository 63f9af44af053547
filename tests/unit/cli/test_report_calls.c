/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_calls.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MAIN, OUTER, INNER, OTHER, FUNCTIONS };

static struct calls calls;
static struct calls_thread *thread;

static int set_up(void **state)
{
    (void)state;
    if (calls_init(&calls, 1))
        return -1;
    thread = &calls.threads[0];
    for (int i = 0; i < FUNCTIONS; i++)
        (void)calls_id_make(&calls);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    calls_fini(&calls);
    return 0;
}

/* Frames are given as depth below an imagined stack pointer of 1000. */
static void enter(uint64_t ticks, uint32_t function, int depth)
{
    calls_enter(&calls, thread, function + 0x1000, function, (uint16_t)(1000 - depth), 0, ticks);
}

static void leave(uint64_t ticks, uint32_t function)
{
    calls_exit(&calls, thread, function + 0x1000, ticks);
}

static void check(uint32_t function, uint64_t count, uint64_t total, uint64_t self,
                  uint64_t unfinished)
{
    const struct call_stats *stats = &calls.stats[function];

    assert_int_equal(stats->calls, count);
    assert_int_equal(stats->total_ticks, total);
    assert_int_equal(stats->self_ticks, self);
    assert_int_equal(stats->unfinished, unfinished);
}

static void finish(uint64_t ticks)
{
    calls_finish(&calls, thread, ticks);
    assert_false(calls.failed);
    assert_int_equal(thread->stack.count, 0);
    assert_int_equal(thread->stack.presumed, 0);
}

static void self_is_total_without_callees(void **state)
{
    (void)state;
    enter(0, MAIN, 0);
    enter(10, OUTER, 5);
    enter(20, INNER, 9);
    leave(50, INNER);
    enter(60, INNER, 9);
    leave(65, INNER);
    leave(80, OUTER);
    leave(100, MAIN);
    finish(100);
    check(MAIN, 1, 100, 30, 0);
    check(OUTER, 1, 70, 35, 0);
    check(INNER, 2, 35, 35, 0);
    assert_int_equal(calls.stats[INNER].min_ticks, 5);
    assert_int_equal(calls.stats[INNER].max_ticks, 30);
}

static void recursion_counts_its_outermost_call_only(void **state)
{
    (void)state;
    enter(0, OUTER, 0);
    enter(10, OUTER, 5);
    enter(20, OUTER, 10);
    leave(30, OUTER);
    leave(40, OUTER);
    leave(50, OUTER);
    finish(50);
    check(OUTER, 3, 50, 50, 0);
    assert_int_equal(calls.stats[OUTER].sum_ticks, 50 + 30 + 10);
}

static void longjmp_ends_what_it_left_when_the_next_call_enters(void **state)
{
    (void)state;
    enter(0, MAIN, 0);
    enter(10, OUTER, 5);
    enter(20, INNER, 9);
    /* longjmp back into main, which calls something with a smaller frame */
    enter(30, OTHER, 3);
    leave(40, OTHER);
    leave(100, MAIN);
    finish(100);
    check(INNER, 1, 10, 10, 1);
    check(OUTER, 1, 20, 10, 1);
    check(OTHER, 1, 10, 10, 0);
    check(MAIN, 1, 100, 70, 0);
}

static void exceptions_in_a_loop_end_every_round(void **state)
{
    enum { ROUNDS = 1000 };

    (void)state;
    enter(0, MAIN, 0);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        enter(10 + round * 10, OUTER, 5);
        enter(12 + round * 10, INNER, 9);
    }
    leave(10 + ROUNDS * 10, MAIN);
    finish(10 + ROUNDS * 10);
    assert_int_equal(calls.stats[OUTER].calls, ROUNDS);
    assert_int_equal(calls.stats[INNER].calls, ROUNDS);
    assert_int_equal(calls.stats[OUTER].total_ticks, ROUNDS * 10);
    assert_int_equal(calls.stats[OUTER].self_ticks, ROUNDS * 2);
    assert_int_equal(calls.stats[INNER].total_ticks, ROUNDS * 8);
    assert_int_equal(calls.stats[MAIN].self_ticks, 10);
    assert_int_equal(calls.stats[OUTER].max_ticks, 10);
}

static void inlined_function_is_a_callee_although_it_has_no_frame(void **state)
{
    (void)state;
    enter(0, OUTER, 5);
    enter(10, INNER, 5);
    leave(30, INNER);
    enter(40, OTHER, 9);
    leave(50, OTHER);
    leave(100, OUTER);
    finish(100);
    check(OUTER, 1, 100, 70, 0);
    check(INNER, 1, 20, 20, 0);
    check(OTHER, 1, 10, 10, 0);
}

static void function_that_inlines_and_is_left_by_longjmp_ends_at_the_jump(void **state)
{
    (void)state;
    enter(0, MAIN, 0);
    enter(10, OUTER, 5);
    enter(20, INNER, 5); /* inlined into outer */
    leave(30, INNER);
    enter(60, OTHER, 3); /* called from main: outer was left */
    leave(70, OTHER);
    leave(100, MAIN);
    finish(100);
    check(OUTER, 1, 50, 40, 1);
    check(INNER, 1, 10, 10, 0);
    check(MAIN, 1, 100, 40, 0);
}

static void inlined_recursion_counts_once(void **state)
{
    (void)state;
    enter(0, OUTER, 5);
    enter(10, OUTER, 5);
    enter(20, OUTER, 5);
    leave(30, OUTER);
    leave(40, OUTER);
    enter(50, OUTER, 5);
    leave(60, OUTER);
    leave(100, OUTER);
    finish(100);
    check(OUTER, 4, 100, 100, 0);
}

static void handler_on_another_stack_ends_nothing(void **state)
{
    (void)state;
    enter(0, MAIN, 10);
    enter(10, OUTER, 15);
    enter(20, OTHER, 0); /* as if far above */
    leave(30, OTHER);
    leave(50, OUTER);
    leave(100, MAIN);
    finish(100);
    check(MAIN, 1, 100, 60, 0);
    check(OUTER, 1, 40, 30, 0);
    check(OTHER, 1, 10, 10, 0);
}

static void tags_compare_around_the_wrap(void **state)
{
    (void)state;
    calls_enter(&calls, thread, 1, MAIN, 3, 0, 0);
    calls_enter(&calls, thread, 2, OUTER, 0xfffe, 0, 10); /* deeper, across zero */
    calls_enter(&calls, thread, 3, INNER, 1, 0, 20);      /* above outer, below main */
    calls_exit(&calls, thread, 3, 30);
    calls_exit(&calls, thread, 1, 40);
    finish(40);
    check(MAIN, 1, 40, 20, 0);
    check(OUTER, 1, 10, 10, 1);
    check(INNER, 1, 10, 10, 0);
}

static void exit_without_an_enter_is_counted_apart(void **state)
{
    (void)state;
    leave(5, INNER);
    enter(10, MAIN, 0);
    leave(15, INNER);
    leave(20, MAIN);
    finish(20);
    check(MAIN, 1, 10, 10, 0);
    check(INNER, 0, 0, 0, 0);
    assert_int_equal(calls.unmatched, 2);
}

static void what_is_open_at_the_end_ends_there(void **state)
{
    (void)state;
    enter(0, MAIN, 0);
    enter(10, OUTER, 5);
    finish(100);
    check(MAIN, 1, 100, 10, 1);
    check(OUTER, 1, 90, 90, 1);
}

static void deep_recursion_grows_the_stack(void **state)
{
    enum { DEPTH = 100000 };

    (void)state;
    for (uint64_t i = 0; i < DEPTH; i++)
        enter(i, OUTER, (int)i + 1);
    for (uint64_t i = 0; i < DEPTH; i++)
        leave(DEPTH + i, OUTER);
    finish(2 * DEPTH);
    check(OUTER, DEPTH, 2 * DEPTH - 1, 2 * DEPTH - 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(self_is_total_without_callees),
        TEST(recursion_counts_its_outermost_call_only),
        TEST(longjmp_ends_what_it_left_when_the_next_call_enters),
        TEST(exceptions_in_a_loop_end_every_round),
        TEST(inlined_function_is_a_callee_although_it_has_no_frame),
        TEST(function_that_inlines_and_is_left_by_longjmp_ends_at_the_jump),
        TEST(inlined_recursion_counts_once),
        TEST(handler_on_another_stack_ends_nothing),
        TEST(tags_compare_around_the_wrap),
        TEST(exit_without_an_enter_is_counted_apart),
        TEST(what_is_open_at_the_end_ends_there),
        TEST(deep_recursion_grows_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
