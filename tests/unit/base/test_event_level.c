/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event_level.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names_and_levels_belong_together(void **state)
{
    (void)state;
    for (int level = ADA_LEVEL_CRITICAL; level <= ADA_LEVEL_DEBUG; level++) {
        assert_int_equal(event_level_parse(event_level_name((uint32_t)level)), level);
        assert_non_null(strstr(EVENT_LEVEL_WORDS, event_level_name((uint32_t)level)));
        assert_non_null(strstr(EVENT_LEVEL_ACCEPTS, event_level_name((uint32_t)level)));
    }
    assert_string_equal(event_level_name(0), "critical");
    assert_string_equal(event_level_name(UINT32_MAX), "debug");
}

static void other_words_are_no_level(void **state)
{
    (void)state;
    assert_int_equal(event_level_parse(""), -EINVAL);
    assert_int_equal(event_level_parse("Info"), -EINVAL);
    assert_int_equal(event_level_parse("warn"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_levels_belong_together),
        cmocka_unit_test(other_words_are_no_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
