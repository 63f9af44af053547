/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program must not be able to tell that the agent is there: the same output, the same errors, the
 * same status, without the agent, with it and no collector, and traced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_run.h"

enum { WORDS = 5 };

struct scenario {
    char *words[WORDS]; /* the first one names a program of programs/ */
};

static void assert_same(const struct run *a, const struct run *b, const char *how)
{
    if (a->status != b->status || strcmp(a->out, b->out) != 0 || strcmp(a->err, b->err) != 0)
        print_message("plain: status %#x\n%s%s\n%s: status %#x\n%s%s\n", (unsigned)a->status,
                      a->out, a->err, how, (unsigned)b->status, b->out, b->err);
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->out, b->out);
    assert_string_equal(a->err, b->err);
}

/* Every record that was written was read, none was damaged or out of order. `jumps`: handlers were
 * left by siglongjmp(); what that does to the ring is the ring's own test. */
static void assert_whole(const struct agent_collector *collector, bool jumps)
{
    struct agent_collector_figures f = agent_collector_figures(collector);

    if (f.taken != f.written || f.damaged)
        print_message("taken %lu, written %lu, dropped %lu, damaged bytes %lu\n", f.taken,
                      f.written, f.dropped, f.damaged);
    if (!jumps) {
        assert_int_equal(f.taken, f.written);
        assert_int_equal(f.damaged, 0);
    }
    assert_int_equal(f.unknown, 0);
    assert_int_equal(f.unsorted, 0);
    assert_int_equal(f.arena_lost, 0);
}

static void compare(char *const words[], const char *preload,
                    const struct agent_collector_options *options)
{
    struct agent_collector *collector = agent_collector_start(options);
    struct run plain, preloaded, traced;

    assert_non_null(collector);
    plain = run_program(RUN_PLAIN, NULL, words, preload);
    preloaded = run_program(RUN_PRELOADED, NULL, words, preload);
    traced = run_program(RUN_TRACED, collector, words, preload);
    agent_collector_stop(collector);
    assert_same(&plain, &preloaded, "preloaded");
    assert_same(&plain, &traced, "traced");
    assert_whole(collector, words[1] && !strcmp(words[1], "jump"));
    assert_true(agent_collector_count(collector, "process:start") >= 1);
    agent_collector_free(collector);
    run_free(&plain);
    run_free(&preloaded);
    run_free(&traced);
}

static void program_behaves_as_if_untraced(void **state)
{
    const struct scenario *scenario = *state;
    struct scenario s = *scenario;

    s.words[0] = run_path(scenario->words[0]);
    compare(s.words, NULL, NULL);
}

/* The kernel's clock keeps every record on the slow path. */
static void program_behaves_as_if_untraced_on_the_slow_path(void **state)
{
    const struct agent_collector_options monotonic = {.monotonic = true};
    const struct scenario *scenario = *state;
    struct scenario s = *scenario;

    s.words[0] = run_path(scenario->words[0]);
    compare(s.words, NULL, &monotonic);
}

/* A ring of a page and no drain to speak of: nearly everything is dropped. */
static void program_behaves_as_if_untraced_when_records_are_dropped(void **state)
{
    const struct agent_collector_options small = {.ring_bytes = 4096, .slots = 2};
    const struct scenario *scenario = *state;
    struct scenario s = *scenario;

    s.words[0] = run_path(scenario->words[0]);
    compare(s.words, NULL, &small);
}

static const char *preload_path(const char *library)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", AGENT_PROGRAMS, library);
    return path;
}

static void library_that_allocates_before_us_is_served(void **state)
{
    char *words[] = {"true", NULL};

    (void)state;
    compare(words, preload_path("early_library.so"), NULL);
    compare(words, preload_path("early_first.so"), NULL);
}

static void profiler_of_the_program_still_gets_its_calls(void **state)
{
    char *words[] = {run_path("calls"), "12", NULL};

    (void)state;
    compare(words, preload_path("profiler_library.so"), NULL);
}

static void plugin_is_opened_and_closed(void **state)
{
    char library[512], *words[] = {run_path("plugins"), library, NULL};

    (void)state;
    snprintf(library, sizeof(library), "%s", preload_path("plugin.so"));
    compare(words, NULL, NULL);
}

static void static_program_runs_unharmed(void **state)
{
    char program[512], *words[] = {run_path("exec_environments"), "run", program, "10", NULL};

    (void)state;
    snprintf(program, sizeof(program), "%s", preload_path("static_calls"));
    compare(words, NULL, NULL);
}

/* A root that holds a program and its libraries, but not the agent. */
static void program_in_another_root_runs_unharmed(void **state)
{
    char root[] = "/tmp/ada-root-XXXXXX", command[512];
    char *words[] = {run_path("change_root"), root, "/usr/bin/true", NULL};

    (void)state;
    if (geteuid())
        skip();
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof(command),
             "cp -L --parents /usr/bin/true $(ldd /usr/bin/true | grep -o '/[^ ]*') %s", root);
    assert_int_equal(system(command), 0);
    compare(words, NULL, NULL);
    snprintf(command, sizeof(command), "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

#define SCENARIO(...)   \
    {                   \
        {               \
            __VA_ARGS__ \
        }               \
    }

static struct scenario scenarios[] = {
    SCENARIO("close_all"),
    SCENARIO("children"),
    SCENARIO("sandbox", "list"),
    SCENARIO("sandbox", "strict"),
    SCENARIO("small_stacks"),
    SCENARIO("interrupted"),
    SCENARIO("interrupted", "jump"),
    SCENARIO("thread_ends"),
    SCENARIO("many_threads", "500", "60"),
    SCENARIO("many_threads", "10", "200"),
    SCENARIO("names"),
    SCENARIO("coroutines"),
    SCENARIO("exceptions"),
    SCENARIO("own_allocator"),
    SCENARIO("allocations"),
    SCENARIO("errno_kept"),
    SCENARIO("calls", "20"),
    SCENARIO("endings", "return"),
    SCENARIO("endings", "exit"),
    SCENARIO("endings", "_exit"),
    SCENARIO("endings", "quick_exit"),
    SCENARIO("endings", "thread"),
    SCENARIO("endings", "abort"),
    SCENARIO("endings", "kill"),
    SCENARIO("endings", "segv"),
};

enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]), OTHERS = 5 };

static void add(struct CMUnitTest *test, const char *name, CMUnitTestFunction function, void *state)
{
    *test = (struct CMUnitTest){.name = name, .test_func = function, .initial_state = state};
}

static char *name_of(const struct scenario *s, const char *how)
{
    static char names[3 * SCENARIOS][160];
    static int next;
    char *name = names[next++];

    snprintf(name, sizeof(names[0]), "%s %s%s%s", s->words[0], s->words[1] ? s->words[1] : "",
             s->words[1] ? " " : "", how);
    return name;
}

int main(void)
{
    struct CMUnitTest tests[3 * SCENARIOS + OTHERS];
    size_t n = 0;

    for (size_t i = 0; i < SCENARIOS; i++) {
        struct scenario *s = &scenarios[i];

        add(&tests[n++], name_of(s, "behaves as if untraced"), program_behaves_as_if_untraced, s);
        add(&tests[n++], name_of(s, "behaves so on the slow path"),
            program_behaves_as_if_untraced_on_the_slow_path, s);
        add(&tests[n++], name_of(s, "behaves so when records are dropped"),
            program_behaves_as_if_untraced_when_records_are_dropped, s);
    }
#define ADD(function) add(&tests[n++], #function, function, NULL)
    ADD(library_that_allocates_before_us_is_served);
    ADD(profiler_of_the_program_still_gets_its_calls);
    ADD(plugin_is_opened_and_closed);
    ADD(static_program_runs_unharmed);
    ADD(program_in_another_root_runs_unharmed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
