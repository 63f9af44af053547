/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <adatrace/emit.h>

#include "agent/exec_environment.h"

/* The source uses only its address, to tell threads apart. */
__thread struct ada_writer *ada_self;

#define AGENT "/opt/lib/libadatrace-agent.so"

static const char *entry(const struct exec_environment *e, const char *name)
{
    for (char *const *at = e->entries; at && *at; at++)
        if (!strncmp(*at, name, strlen(name)) && (*at)[strlen(name)] == '=')
            return *at + strlen(name) + 1;
    return NULL;
}

static size_t count(const struct exec_environment *e)
{
    size_t n = 0;

    while (e->entries && e->entries[n])
        n++;
    return n;
}

static char whole_preload[] = "LD_PRELOAD=/a.so:" AGENT, whole_session[] = "ADATRACE_SESSION=/s",
            other[] = "A=1";
static char *whole[] = {other, whole_preload, whole_session, NULL};

static void whole_environment_is_passed_as_it_is(void **state)
{
    struct exec_environment e;

    (void)state;
    exec_environment_init(&e, whole, true, true);
    assert_ptr_equal(e.entries, whole);
    exec_environment_fini(&e);
}

static void what_is_missing_is_added(void **state)
{
    char *bare[] = {other, NULL};
    struct exec_environment e;

    (void)state;
    exec_environment_init(&e, bare, true, true);
    assert_int_equal(count(&e), 3);
    assert_string_equal(entry(&e, "A"), "1");
    assert_non_null(entry(&e, "LD_PRELOAD"));
    assert_string_equal(entry(&e, "ADATRACE_SESSION"), "/run/session");
    exec_environment_fini(&e);
    exec_environment_init(&e, NULL, true, true);
    assert_int_equal(count(&e), 2);
    exec_environment_fini(&e);
}

static void nothing_is_added_where_nothing_is_recorded(void **state)
{
    char *bare[] = {other, NULL};
    struct exec_environment e;

    (void)state;
    exec_environment_init(&e, bare, true, false);
    assert_ptr_equal(e.entries, bare);
    exec_environment_fini(&e);
}

static void agent_comes_before_what_is_preloaded_too(void **state)
{
    char mine[] = "LD_PRELOAD=/mine.so /more.so", *given[] = {mine, NULL};
    struct exec_environment e;
    const char *value;

    (void)state;
    exec_environment_init(&e, given, true, true);
    value = entry(&e, "LD_PRELOAD");
    assert_non_null(value);
    assert_string_equal(strchr(value, ':'), ":/mine.so /more.so");
    assert_int_equal(count(&e), 2);
    assert_string_equal(mine, "LD_PRELOAD=/mine.so /more.so");
    exec_environment_fini(&e);
}

static void empty_preload_leaves_no_colon(void **state)
{
    char empty[] = "LD_PRELOAD=", *given[] = {empty, NULL};
    struct exec_environment e;

    (void)state;
    exec_environment_init(&e, given, true, true);
    assert_null(strchr(entry(&e, "LD_PRELOAD"), ':'));
    exec_environment_fini(&e);
}

static void unfit_program_does_not_see_the_agent(void **state)
{
    static const struct {
        const char *given, *left;
    } cases[] = {
        {AGENT, NULL},
        {AGENT ":" AGENT, NULL},
        {"/a.so:" AGENT, "/a.so"},
        {AGENT " /b.so", "/b.so"},
        {"/a.so:" AGENT ":/b.so", "/a.so:/b.so"},
        {"/a.so:/b.so", "/a.so:/b.so"},
        {"/a/not-libadatrace-agent.so", "/a/not-libadatrace-agent.so"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char preload[256], *given[] = {preload, other, whole_session, NULL};
        struct exec_environment e;

        snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", cases[i].given);
        exec_environment_init(&e, given, false, true);
        if (cases[i].left)
            assert_string_equal(entry(&e, "LD_PRELOAD"), cases[i].left);
        else
            assert_null(entry(&e, "LD_PRELOAD"));
        assert_string_equal(entry(&e, "A"), "1");
        assert_string_equal(entry(&e, "ADATRACE_SESSION"), "/s");
        exec_environment_fini(&e);
    }
}

static char **make_large(size_t entries)
{
    char **large = calloc(entries + 1, sizeof(*large));

    for (size_t i = 0; i < entries; i++) {
        large[i] = malloc(48);
        snprintf(large[i], 48, "V%zu=%zu", i, i);
    }
    return large;
}

static void free_large(char **large)
{
    for (size_t i = 0; large[i]; i++)
        free(large[i]);
    free(large);
}

static void large_environment_is_copied_whole(void **state)
{
    char **large = make_large(5000);
    struct exec_environment e;

    (void)state;
    errno = 77;
    exec_environment_init(&e, large, true, true);
    assert_int_equal(errno, 77);
    assert_int_equal(count(&e), 5002);
    assert_string_equal(entry(&e, "V4999"), "4999");
    exec_environment_fini(&e);
    free_large(large);
}

static void memory_is_used_again(void **state)
{
    char **large = make_large(1000);
    struct exec_environment first, second, third;

    (void)state;
    exec_environment_init(&first, large, true, true);
    exec_environment_init(&second, large, true, true); /* a handler in the middle */
    assert_ptr_not_equal(first.entries, second.entries);
    exec_environment_fini(&second);
    exec_environment_init(&third, large, true, true);
    assert_ptr_equal(second.entries, third.entries);
    exec_environment_fini(&third);
    exec_environment_fini(&first);
    free_large(large);
}

/* Its success is the only sign that a vfork child gives: one more piece would be lost every time.
 */
static void piece_of_a_vfork_child_is_free_again(void **state)
{
    char **large = make_large(1000);
    const void *entries[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        static struct exec_environment e;
        pid_t child = vfork();

        if (!child) {
            exec_environment_init(&e, large, true, true);
            _exit(0); /* as exec: without exec_environment_fini() */
        }
        waitpid(child, NULL, 0);
        entries[i] = e.entries;
    }
    assert_ptr_equal(entries[0], entries[1]);
    free_large(large);
}

static int set_up(void **state)
{
    (void)state;
    setenv("LD_PRELOAD", AGENT, 1);
    setenv("ADATRACE_SESSION", "/run/session", 1);
    exec_environment_prepare();
    unsetenv("LD_PRELOAD");
    unsetenv("ADATRACE_SESSION");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_environment_is_passed_as_it_is),
        cmocka_unit_test(what_is_missing_is_added),
        cmocka_unit_test(nothing_is_added_where_nothing_is_recorded),
        cmocka_unit_test(agent_comes_before_what_is_preloaded_too),
        cmocka_unit_test(empty_preload_leaves_no_colon),
        cmocka_unit_test(unfit_program_does_not_see_the_agent),
        cmocka_unit_test(large_environment_is_copied_whole),
        cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(piece_of_a_vfork_child_is_free_again),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
