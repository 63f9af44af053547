/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent_run.h"

static void every_thread_starts_and_ends_once(void **state)
{
    const struct agent_collector_options options = {.slots = 256, .ring_bytes = 64 * 1024};
    char *words[] = {run_path("many_threads"), "300", "40", NULL};
    struct agent_collector *c = run_traced(words, &options);
    struct agent_collector_figures f = agent_collector_figures(c);

    (void)state;
    if (!f.unringed) {
        assert_int_equal(agent_collector_count(c, "thread:start"), 340);
        assert_int_equal(agent_collector_count(c, "thread:end"), 340);
    }
    assert_int_equal(f.taken, f.written);
    agent_collector_free(c);
}

static void start_says_who_made_it_and_what_it_runs(void **state)
{
    char *words[] = {run_path("many_threads"), "10", "1", NULL};
    struct agent_collector *c = run_traced(words, NULL);
    const struct seen_event *event;
    uint64_t routines[11], other = 0;
    size_t at = 0, same = 0;

    (void)state;
    for (int i = 0; i < 11; i++) {
        event = agent_collector_next(c, "thread:start", &at);
        assert_non_null(event);
        assert_int_equal(seen_number(event, "tid"), event->tid);
        assert_int_equal(seen_number(event, "creator_tid"), event->pid);
        routines[i] = seen_number(event, "routine");
        assert_true(routines[i]);
    }
    /* Ten run one, the last one another; rings are not read in the order in which they begin. */
    for (int i = 0; i < 11; i++) {
        same += routines[i] == routines[0];
        other = routines[i] == routines[0] ? other : routines[i];
    }
    assert_true(same == 10 || same == 1);
    for (int i = 0; i < 11; i++)
        assert_true(routines[i] == routines[0] || routines[i] == other);
    agent_collector_free(c);
}

static void every_way_to_end_is_told(void **state)
{
    char *words[] = {run_path("thread_ends"), NULL};
    struct agent_collector *c = run_traced(words, NULL);

    (void)state;
    /* return, exit, cancel, asynchronous, thrd_create */
    assert_int_equal(agent_collector_count(c, "thread:start"), 5);
    assert_int_equal(agent_collector_count(c, "thread:end"), 5 + 1); /* and main's pthread_exit */
    agent_collector_free(c);
}

static void end_comes_after_the_programs_destructors(void **state)
{
    char *words[] = {run_path("thread_ends"), NULL};
    struct agent_collector *c = run_traced(words, NULL);
    const struct seen_event *events;
    size_t count = agent_collector_events(c, &events), ended = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (!seen_is(&events[i], "thread:end"))
            continue;
        ended++;
        for (size_t j = i + 1; j < count; j++)
            if (events[j].tid == events[i].tid && seen_is(&events[j], "memory:malloc"))
                assert_int_not_equal(seen_number(&events[j], "size"), 10);
    }
    assert_int_equal(ended, 6);
    agent_collector_free(c);
}

static void names_are_told_of_the_right_thread(void **state)
{
    char *words[] = {run_path("names"), NULL};
    struct agent_collector *c = run_traced(words, NULL);
    static const char *const expected[] = {"the main one", "by prctl", "by another"};
    const struct seen_event *event;
    uint32_t main_tid = 0, other = 0;
    size_t at = 0, n = 0;
    char text[64];

    (void)state;
    while ((event = agent_collector_next(c, "thread:name", &at))) {
        uint32_t tid = (uint32_t)seen_number(event, "tid");

        assert_true(n < 3);
        for (n = 0; n < 3; n++)
            if (!strcmp(seen_text(event, "name", text, sizeof(text)), expected[n]))
                break;
        assert_true(n < 3);
        if (n == 0)
            main_tid = tid;
        else if (!other)
            other = tid;
        else
            assert_int_equal(tid, other);
        n = 0;
    }
    assert_int_equal(agent_collector_count(c, "thread:name"), 3);
    assert_true(main_tid && other && main_tid != other);
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_thread_starts_and_ends_once),
        cmocka_unit_test(start_says_who_made_it_and_what_it_runs),
        cmocka_unit_test(every_way_to_end_is_told),
        cmocka_unit_test(end_comes_after_the_programs_destructors),
        cmocka_unit_test(names_are_told_of_the_right_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
