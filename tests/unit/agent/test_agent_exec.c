/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent_run.h"

/* What the program says that was executed with an environment of this kind. */
static char *executed(const char *kind, const char *program, size_t *starts)
{
    struct agent_collector *c = agent_collector_start(NULL);
    char path[512], *words[] = {run_path("exec_environments"), (char *)(uintptr_t)kind,
                                program ? strcpy(path, run_path(program)) : NULL, NULL};
    struct run run;

    assert_non_null(c);
    words[0] = run_path("exec_environments");
    run = run_program(RUN_TRACED, c, words, NULL);
    agent_collector_stop(c);
    assert_int_equal(run.status, 0);
    *starts = agent_collector_count(c, "process:start");
    agent_collector_free(c);
    free(run.err);
    return run.out;
}

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        print_message("%s", text);
    assert_non_null(strstr(text, what));
}

static void empty_environment_is_repaired(void **state)
{
    size_t starts;
    char *said = executed("empty", NULL, &starts);

    (void)state;
    assert_says(said, "0 others, 1 preload, 1 session\n");
    assert_says(said, "preload " AGENT_LIBRARY "\n");
    assert_int_equal(starts, 2);
    free(said);
}

static void environment_that_is_whole_is_passed_as_it_is(void **state)
{
    size_t starts;
    char *said = executed("same", NULL, &starts);

    (void)state;
    assert_says(said, "1 preload, 1 session\n");
    assert_int_equal(starts, 2);
    free(said);
}

static void preload_of_the_programs_own_comes_behind_the_agent(void **state)
{
    size_t starts;
    char *said = executed("mine", NULL, &starts);

    (void)state;
    assert_says(said, "preload " AGENT_LIBRARY ":/no/such/mine.so\n");
    assert_int_equal(starts, 2);
    free(said);
}

/* Another recording inside ours: its agent and its session are its own. */
static void other_recordings_environment_is_left_alone(void **state)
{
    size_t starts;
    char *said = executed("other", NULL, &starts);

    (void)state;
    assert_says(said, "0 others, 1 preload, 1 session\n");
    assert_says(said, "preload /opt/libadatrace-agent.so\nsession /other\n");
    assert_int_equal(starts, 1);
    free(said);
}

static void large_environment_is_repaired(void **state)
{
    size_t starts;
    char *said = executed("large", NULL, &starts);

    (void)state;
    assert_says(said, "1500 others, 1 preload, 1 session\n");
    assert_int_equal(starts, 2);
    free(said);
}

static void every_execution_is_told(void **state)
{
    struct agent_collector *c = run_traced((char *[]){run_path("children"), NULL}, NULL);
    const struct seen_event *event;
    size_t at = 0, found = 0;
    char text[512];

    (void)state;
    while ((event = agent_collector_next(c, "process:exec", &at))) {
        const char *path = seen_text(event, "path", text, sizeof(text));

        assert_true(*path == '/' || !strcmp(path, "no-such-program"));
        found += strlen(path) >= 5 && !strcmp(path + strlen(path) - 5, "/echo");
    }
    /* vfork, v, vp, vpe, ve twice, l, lp, le, fexecve, veat */
    assert_int_equal(found, 11);
    at = found = 0;
    while ((event = agent_collector_next(c, "process:spawn", &at))) {
        assert_int_equal(seen_number(event, "error") != 0, seen_number(event, "child_pid") == 0);
        found += seen_number(event, "error") == 0;
    }
    assert_int_equal(found, 3);
    agent_collector_free(c);
}

static void every_executed_program_is_followed(void **state)
{
    struct agent_collector *c = run_traced((char *[]){run_path("children"), NULL}, NULL);
    const struct seen_event *event;
    size_t at = 0, echoes = 0;
    char text[512];

    (void)state;
    while ((event = agent_collector_next(c, "process:start", &at)))
        echoes += strstr(seen_text(event, "executable", text, sizeof(text)), "/echo") != NULL;
    assert_int_equal(echoes, 11 + 3);
    agent_collector_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_environment_is_repaired),
        cmocka_unit_test(environment_that_is_whole_is_passed_as_it_is),
        cmocka_unit_test(preload_of_the_programs_own_comes_behind_the_agent),
        cmocka_unit_test(other_recordings_environment_is_left_alone),
        cmocka_unit_test(large_environment_is_repaired),
        cmocka_unit_test(every_execution_is_told),
        cmocka_unit_test(every_executed_program_is_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
