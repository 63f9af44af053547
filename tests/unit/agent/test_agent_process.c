/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_run.h"

static struct agent_collector *run_to_end(const char *program, char *argument, int *status)
{
    char *words[] = {run_path(program), argument, NULL};
    struct agent_collector *c = agent_collector_start(NULL);
    struct run run;

    assert_non_null(c);
    run = run_program(RUN_TRACED, c, words, NULL);
    agent_collector_stop(c);
    *status = run.status;
    run_free(&run);
    return c;
}

static const struct seen_event *first(const struct agent_collector *c, const char *name)
{
    size_t at = 0;

    return agent_collector_next(c, name, &at);
}

static void start_says_who_begins(void **state)
{
    char *words[] = {run_path("calls"), "1", NULL};
    struct agent_collector *c = run_traced(words, NULL);
    const struct seen_event *start = first(c, "process:start");
    char text[512];

    (void)state;
    assert_non_null(start);
    assert_int_equal(seen_number(start, "pid"), start->pid);
    assert_int_equal(seen_number(start, "parent_pid"), getpid());
    assert_string_equal(seen_text(start, "executable", text, sizeof(text)), run_path("calls"));
    agent_collector_free(c);
}

static void check_ending(char *how, int status, bool told)
{
    int seen;
    struct agent_collector *c = run_to_end("endings", how, &seen);
    const struct seen_event *end = first(c, "process:exit");

    print_message("%s\n", how);
    assert_int_equal(agent_collector_count(c, "process:exit"), told);
    if (told) {
        assert_int_equal(seen_number(end, "status"), status);
        assert_int_equal(WEXITSTATUS(seen), status & 0xff);
    }
    agent_collector_free(c);
}

static void every_way_to_exit_is_told_with_its_status(void **state)
{
    (void)state;
    check_ending("return", 6, true);
    check_ending("exit", 300, true);
    check_ending("_exit", 3, true);
    check_ending("quick_exit", 4, true);
    check_ending("thread", 5, true);
    check_ending("abort", 0, false);
    check_ending("kill", 0, false);
}

static void events_of_exit_handlers_and_destructors_are_kept(void **state)
{
    int status;
    char how[] = "return";
    struct agent_collector *c = run_to_end("endings", how, &status);
    const struct seen_event *event;
    size_t at = 0, handlers = 0, destructors = 0;

    (void)state;
    while ((event = agent_collector_next(c, "memory:malloc", &at))) {
        handlers += seen_number(event, "size") == 111;
        destructors += seen_number(event, "size") == 222;
    }
    assert_int_equal(handlers, 1);
    assert_int_equal(destructors, 1);
    agent_collector_free(c);
}

/* Pairs of events of one process. */
static bool has_event(const struct agent_collector *c, const char *name, uint32_t pid)
{
    const struct seen_event *event;
    size_t at = 0;

    while ((event = agent_collector_next(c, name, &at)))
        if (event->pid == pid)
            return true;
    return false;
}

static void every_forked_child_is_a_process_of_its_own(void **state)
{
    struct agent_collector *c = run_traced((char *[]){run_path("children"), NULL}, NULL);
    uint32_t parent = first(c, "process:start")->pid;
    const struct seen_event *event;
    size_t at = 0, forks = 0;

    (void)state;
    while ((event = agent_collector_next(c, "process:start", &at)))
        assert_int_equal(seen_number(event, "pid"), event->pid);
    at = 0;
    while ((event = agent_collector_next(c, "process:fork", &at))) {
        uint32_t child = (uint32_t)seen_number(event, "child_pid");

        forks += event->pid == parent;
        assert_int_not_equal(child, event->pid);
        assert_true(has_event(c, "process:start", child));
    }
    assert_int_equal(forks, 18);
    agent_collector_free(c);
}

static void children_behind_libcs_back_are_found_out(void **state)
{
    struct agent_collector *c = run_traced((char *[]){run_path("children"), NULL}, NULL);
    const struct seen_event *event;
    size_t at = 0, found = 0;

    (void)state;
    while ((event = agent_collector_next(c, "process:exit", &at))) {
        uint64_t status = seen_number(event, "status");

        /* _Fork() and the raw clone: 6 and 7 */
        if (status != 6 && status != 7)
            continue;
        found++;
        assert_int_not_equal(event->pid, first(c, "process:start")->pid);
        assert_false(has_event(c, "process:start", event->pid));
        assert_true(has_event(c, "memory:malloc", event->pid));
    }
    assert_int_equal(found, 2);
    agent_collector_free(c);
}

/* A vfork child runs on its parent's ring: its end must not be taken for the parent's. */
static void failed_exec_of_a_vfork_child_is_not_the_parents_exit(void **state)
{
    struct agent_collector *c = run_traced((char *[]){run_path("children"), NULL}, NULL);
    uint32_t parent = first(c, "process:start")->pid;
    const struct seen_event *event;
    size_t at = 0, failed = 0;

    (void)state;
    while ((event = agent_collector_next(c, "process:exec_failed", &at)))
        if (event->pid == parent) {
            failed++;
            assert_int_not_equal(seen_number(event, "pid"), parent);
            assert_int_equal(seen_number(event, "error"), 2);
        }
    assert_int_equal(failed, 1);
    at = 0;
    while ((event = agent_collector_next(c, "process:exit", &at)))
        assert_int_not_equal(seen_number(event, "status"), 10);
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_says_who_begins),
        cmocka_unit_test(every_way_to_exit_is_told_with_its_status),
        cmocka_unit_test(events_of_exit_handlers_and_destructors_are_kept),
        cmocka_unit_test(every_forked_child_is_a_process_of_its_own),
        cmocka_unit_test(children_behind_libcs_back_are_found_out),
        cmocka_unit_test(failed_exec_of_a_vfork_child_is_not_the_parents_exit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
