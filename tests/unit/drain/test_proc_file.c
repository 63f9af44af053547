/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/proc_file.h"

static void words_are_quoted_as_a_shell_needs_them(void **state)
{
    static const char words[] = "./run\0-x\0two words\0\0it's\0$HOME";
    char *text = proc_words_quote(words, sizeof(words));

    (void)state;
    assert_string_equal(text, "./run -x 'two words' '' 'it'\\''s' '$HOME'");
    free(text);
}

static void facts_of_ourselves_are_right(void **state)
{
    struct proc_facts facts;

    (void)state;
    proc_facts_read((uint32_t)getpid(), &facts);
    assert_non_null(facts.executable);
    assert_non_null(strstr(facts.executable, "test_proc_file"));
    assert_non_null(strstr(facts.command, "test_proc_file"));
    assert_int_equal(facts.parent_pid, getppid());
    assert_true(facts.start_time > 0);
    assert_int_equal(facts.start_time, proc_start_time((uint32_t)getpid()));
    proc_facts_free(&facts);
}

static void stat_of_a_malicious_name_is_parsed(void **state)
{
    struct proc_facts facts;

    (void)state;
    prctl(PR_SET_NAME, ") 1 (x) S 9");
    proc_facts_read((uint32_t)getpid(), &facts);
    assert_int_equal(facts.parent_pid, getppid());
    proc_facts_free(&facts);
}

static void facts_of_nobody_are_empty(void **state)
{
    struct proc_facts facts;
    char name[32];

    (void)state;
    proc_facts_read(0x7fffffff, &facts);
    assert_null(facts.executable);
    assert_null(facts.command);
    assert_int_equal(facts.parent_pid, 0);
    proc_facts_free(&facts);
    proc_thread_name(0x7fffffff, 1, name, sizeof(name));
    assert_string_equal(name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_as_a_shell_needs_them),
        cmocka_unit_test(facts_of_ourselves_are_right),
        cmocka_unit_test(stat_of_a_malicious_name_is_parsed),
        cmocka_unit_test(facts_of_nobody_are_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
