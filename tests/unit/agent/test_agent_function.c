/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent_run.h"

static struct agent_collector *run(const char *program, char *argument)
{
    const struct agent_collector_options options = {.ring_bytes = 8 << 20, .slots = 16};
    char *words[] = {run_path(program), argument, NULL};

    return run_traced(words, &options);
}

/* fib(n) is called 2 * fib(n + 1) - 1 times. */
static void every_call_is_told_once(void **state)
{
    char n[] = "20";
    struct agent_collector *c = run("calls", n);

    (void)state;
    assert_int_equal(agent_collector_figures(c).dropped, 0);
    assert_int_equal(agent_collector_count(c, "function:enter"), 21891);
    assert_int_equal(agent_collector_count(c, "function:exit"), 21891);
    agent_collector_free(c);
}

static void entries_and_exits_nest(void **state)
{
    char n[] = "15";
    struct agent_collector *c = run("calls", n);
    const struct seen_event *events;
    size_t count = agent_collector_events(c, &events);
    uint64_t function = 0, frames[32] = {0};
    int depth = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (seen_is(&events[i], "function:enter")) {
            uint64_t frame = seen_number(&events[i], "frame");

            assert_true(!function || function == seen_number(&events[i], "function"));
            function = seen_number(&events[i], "function");
            /* Deeper frames are lower, by the same few granules of 16 bytes. */
            if (depth)
                assert_in_range((uint16_t)(frames[depth - 1] - frame), 1, 15);
            if (frames[depth])
                assert_int_equal(frames[depth], frame);
            frames[depth++] = frame;
        } else if (seen_is(&events[i], "function:exit")) {
            assert_int_equal(seen_number(&events[i], "function"), function);
            depth--;
        }
        assert_in_range(depth, 0, 31);
    }
    assert_int_equal(depth, 0);
    assert_true(function);
    agent_collector_free(c);
}

static void calls_of_an_opened_library_are_told(void **state)
{
    char library[512];
    struct agent_collector *c;

    (void)state;
    strcpy(library, run_path("plugin.so"));
    c = run("plugins", library);
    /* main, and five calls of plugin_add */
    assert_int_equal(agent_collector_count(c, "function:enter"), 6);
    agent_collector_free(c);
}

static void exceptions_and_coroutines_lose_nothing(void **state)
{
    struct agent_collector *c = run("coroutines", NULL);
    struct agent_collector_figures f = agent_collector_figures(c);

    (void)state;
    assert_int_equal(f.dropped, 0);
    /* main, 8 bodies, 8 * (1000 + 0 + 1 + 2 + 3 + 4 deeper ones, two hundred times) */
    assert_int_equal(agent_collector_count(c, "function:enter"), 1 + 8 + 8 * (1000 + 200 * 10));
    agent_collector_free(c);
    c = run("exceptions", NULL);
    assert_int_equal(agent_collector_figures(c).dropped, 0);
#ifndef __clang__ /* gcc tells the exits of frames that an exception leaves, clang does not */
    assert_int_equal(agent_collector_count(c, "function:enter"),
                     agent_collector_count(c, "function:exit"));
#endif
    agent_collector_free(c);
}

static void handlers_are_nested_not_lost(void **state)
{
    struct agent_collector *c = run("interrupted", NULL);
    struct agent_collector_figures f = agent_collector_figures(c);

    (void)state;
    assert_int_equal(f.unsorted, 0);
    assert_int_equal(f.taken, f.written);
    assert_int_equal(
        agent_collector_count(c, "function:enter") + agent_collector_count(c, "function:exit") +
            agent_collector_count(c, "memory:malloc") + agent_collector_count(c, "memory:free"),
        f.taken -
            (agent_collector_count(c, "process:start") + agent_collector_count(c, "process:exit")));
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_is_told_once),
        cmocka_unit_test(entries_and_exits_nest),
        cmocka_unit_test(calls_of_an_opened_library_are_told),
        cmocka_unit_test(exceptions_and_coroutines_lose_nothing),
        cmocka_unit_test(handlers_are_nested_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
