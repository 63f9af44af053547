/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggestion.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void distance_counts_single_edits(void **state)
{
    (void)state;
    assert_int_equal(suggestion_distance("", ""), 0);
    assert_int_equal(suggestion_distance("decode", "decode"), 0);
    assert_int_equal(suggestion_distance("decod", "decode"), 1);
    assert_int_equal(suggestion_distance("dceode", "decode"), 1);
    assert_int_equal(suggestion_distance("xyz", ""), 3);
    assert_int_equal(suggestion_distance("report", "record"), 2);
}

static void only_what_is_near_is_suggested(void **state)
{
    unsigned best = UINT_MAX;

    (void)state;
    assert_null(suggestion_consider("frobnicate", "decode", &best));
    assert_string_equal(suggestion_consider("repotr", "report", &best), "report");
    assert_null(suggestion_consider("repotr", "record", &best));
    best = UINT_MAX;
    assert_string_equal(suggestion_consider("ver", "verify", &best), "verify");
    best = UINT_MAX;
    assert_null(suggestion_consider("x", "y", &best));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_single_edits),
        cmocka_unit_test(only_what_is_near_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
