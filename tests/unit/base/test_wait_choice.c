/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait_choice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void wait_choice_is_printed_as_it_was_read(void **state)
{
    static const char *const words[] = {"sleep",     "spin",      "yield",   "block",
                                        "sleep:1ms", "block:1us", "block:1s"};
    struct wait_choice choice;
    char text[WAIT_CHOICE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        assert_int_equal(wait_choice_parse(words[i], &choice), 0);
        assert_string_equal(wait_choice_print(text, &choice), words[i]);
    }
    assert_int_equal(wait_choice_parse("block:0.01s", &choice), 0);
    assert_int_equal(choice.strategy, WAIT_BLOCK);
    assert_int_equal(choice.longest_ns, 10000000);
}

static void wait_choice_that_is_none_is_refused_and_changes_nothing(void **state)
{
    static const struct {
        const char *word;
        int error;
    } words[] = {
        {"", -EINVAL},         {"sleepy", -EINVAL},    {"spin:1ms", -EINVAL},
        {"yield:1s", -EINVAL}, {"block:", -EINVAL},    {"block:soon", -EINVAL},
        {"sleep:0", -ERANGE},  {"block:999", -ERANGE}, {"block:1001ms", -ERANGE},
        {"slee", -EINVAL},
    };
    struct wait_choice choice = {.strategy = WAIT_YIELD};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        assert_int_equal(wait_choice_parse(words[i].word, &choice), words[i].error);
    assert_int_equal(choice.strategy, WAIT_YIELD);
    assert_int_equal(choice.longest_ns, 0);
}

static void wait_choice_from_an_api_is_checked(void **state)
{
    (void)state;
    assert_int_equal(wait_choice_check(&(struct wait_choice){.strategy = WAIT_BLOCK}), 0);
    assert_int_equal(wait_choice_check(&(struct wait_choice){.strategy = (enum wait_strategy)4}),
                     -EINVAL);
    assert_int_equal(wait_choice_check(&(struct wait_choice){WAIT_SPIN, 1000000}), -EINVAL);
    assert_int_equal(wait_choice_check(&(struct wait_choice){WAIT_SLEEP, 10}), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_choice_is_printed_as_it_was_read),
        cmocka_unit_test(wait_choice_that_is_none_is_refused_and_changes_nothing),
        cmocka_unit_test(wait_choice_from_an_api_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
