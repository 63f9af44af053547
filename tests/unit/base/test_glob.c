/* SPDX-License-Identifier: Apache-2.0 */
#include "base/glob.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool match(const char *pattern, const char *text)
{
    return glob_match(pattern, strlen(pattern), text);
}

static void glob_of_plain_text_matches_only_itself(void **state)
{
    (void)state;
    assert_true(match("libc:malloc", "libc:malloc"));
    assert_false(match("libc:malloc", "libc:mallo"));
    assert_false(match("libc:malloc", "libc:mallocs"));
    assert_true(match("", ""));
    assert_false(match("", "a"));
}

static void glob_question_mark_takes_exactly_one(void **state)
{
    (void)state;
    assert_true(match("a?c", "abc"));
    assert_false(match("a?c", "ac"));
    assert_false(match("a?", "a"));
}

static void glob_star_takes_any_run_also_none(void **state)
{
    (void)state;
    assert_true(match("*", ""));
    assert_true(match("libc:*", "libc:malloc"));
    assert_true(match("*:*alloc", "libc:malloc"));
    assert_true(match("**", "x"));
    assert_false(match("*:free", "libc:freed"));
}

static void glob_star_retries_after_a_false_start(void **state)
{
    (void)state;
    assert_true(match("*ab*abc", "ababab_ab_abc"));
    assert_true(match("*aab", "aaaab"));
    assert_false(match("*aab", "aaaba"));
}

static void glob_set_holds_members_and_ranges(void **state)
{
    (void)state;
    assert_true(match("[abc]", "b"));
    assert_true(match("q[0-9]", "q7"));
    assert_false(match("q[0-9]", "qx"));
    assert_false(match("[b-d]", "a"));
    assert_true(match("[a-]", "-"));
    assert_true(match("[]x]", "]"));
}

static void glob_set_inverted_holds_the_others(void **state)
{
    (void)state;
    assert_true(match("[!a-c]", "d"));
    assert_true(match("[^a-c]", "d"));
    assert_false(match("[!a-c]", "b"));
    assert_false(match("[!]]", "]"));
}

static void glob_set_not_closed_is_plain_text(void **state)
{
    (void)state;
    assert_true(match("[ab", "[ab"));
    assert_false(match("[ab", "a"));
}

static void glob_stops_at_the_given_length(void **state)
{
    (void)state;
    assert_true(glob_match("abc*", 3, "abc"));
    assert_false(glob_match("abc*", 3, "abcd"));
    assert_true(glob_match("x[ab]", 2, "x[")); /* the set is not closed within the length */
}

static void glob_worst_case_stays_polynomial(void **state)
{
    char pattern[65], text[2001];

    (void)state;
    for (size_t i = 0; i < 64; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[64] = 0;
    memset(text, 'a', 2000);
    text[2000] = 0;
    assert_true(match(pattern, text));
    memset(text, 'b', 2000);
    assert_false(match(pattern, text));
    /* An exponential matcher would not come back from this one. */
    memset(text, 'a', 2000);
    text[1999] = 'b';
    assert_false(match(pattern, text));
}

/* Every pattern and text of up to four characters out of a small alphabet, against fnmatch(3). */
static void glob_agrees_with_fnmatch_on_all_short_patterns(void **state)
{
    static const char alphabet[] = "ab*?[]!-";
    static const char letters[] = "ab-]";
    const unsigned base = sizeof(alphabet) - 1;
    char pattern[5], text[4];

    (void)state;
    for (unsigned p = 0; p < base * base * base * base; p++) {
        for (unsigned i = 0, rest = p; i < 4; i++, rest /= base)
            pattern[i] = alphabet[rest % base];
        pattern[4] = 0;
        for (unsigned t = 0; t < 64; t++) {
            text[0] = letters[t & 3];
            text[1] = letters[(t >> 2) & 3];
            text[2] = letters[t >> 4];
            text[3] = 0;
            if (match(pattern, text) != (fnmatch(pattern, text, FNM_NOESCAPE) == 0))
                fail_msg("pattern \"%s\", text \"%s\"", pattern, text);
        }
    }
}

static void glob_list_empty_selects_everything(void **state)
{
    (void)state;
    assert_true(glob_list_match(NULL, "libc:malloc"));
    assert_true(glob_list_match("", "libc:malloc"));
}

static void glob_list_selects_what_any_pattern_matches(void **state)
{
    (void)state;
    assert_true(glob_list_match("sql:*,libc:*", "libc:malloc"));
    assert_false(glob_list_match("sql:*,libc:f*", "libc:malloc"));
}

static void glob_list_negative_takes_out_again(void **state)
{
    (void)state;
    assert_false(glob_list_match("libc:*,!libc:free", "libc:free"));
    assert_true(glob_list_match("libc:*,!libc:free", "libc:malloc"));
}

static void glob_list_last_match_decides(void **state)
{
    (void)state;
    assert_true(glob_list_match("libc:*,!libc:f*,libc:free", "libc:free"));
    assert_false(glob_list_match("libc:free,!libc:*", "libc:free"));
}

static void glob_list_starting_negative_starts_from_everything(void **state)
{
    (void)state;
    assert_true(glob_list_match("!libc:*", "sql:query"));
    assert_false(glob_list_match("!libc:*", "libc:free"));
}

static void glob_list_ignores_empty_patterns(void **state)
{
    (void)state;
    assert_true(glob_list_match("sql:*,,libc:*", "libc:free"));
    assert_true(glob_list_match("libc:*,", "libc:free"));
    assert_false(glob_list_match(",sql:*", "libc:free"));
}

static void problems_of_lists_are_told_apart(void **state)
{
    static const char *const good[] = {"a:b", "*", "a?b", "!a:*,b:*", "[a-z:]", "a[:]b"};
    static const struct {
        const char *list, *said;
    } bad[] = {
        {"", "no pattern"},      {",", "empty pattern"},     {"a:b,,c:d", "empty pattern"},
        {"!", "empty pattern"},  {"a:b,!", "empty pattern"}, {"malloc", "matches no event"},
        {"a:b,c", "matches no"}, {"a:[b", "no ] closes"},    {"a: b", "space"},
        {"a:b\n", "space"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_null(glob_list_problem(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_non_null(glob_list_problem(bad[i].list));
        assert_non_null(strstr(glob_list_problem(bad[i].list), bad[i].said));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(glob_of_plain_text_matches_only_itself),
        cmocka_unit_test(glob_question_mark_takes_exactly_one),
        cmocka_unit_test(glob_star_takes_any_run_also_none),
        cmocka_unit_test(glob_star_retries_after_a_false_start),
        cmocka_unit_test(glob_set_holds_members_and_ranges),
        cmocka_unit_test(glob_set_inverted_holds_the_others),
        cmocka_unit_test(glob_set_not_closed_is_plain_text),
        cmocka_unit_test(glob_stops_at_the_given_length),
        cmocka_unit_test(glob_worst_case_stays_polynomial),
        cmocka_unit_test(glob_agrees_with_fnmatch_on_all_short_patterns),
        cmocka_unit_test(glob_list_empty_selects_everything),
        cmocka_unit_test(glob_list_selects_what_any_pattern_matches),
        cmocka_unit_test(glob_list_negative_takes_out_again),
        cmocka_unit_test(glob_list_last_match_decides),
        cmocka_unit_test(glob_list_starting_negative_starts_from_everything),
        cmocka_unit_test(glob_list_ignores_empty_patterns),
        cmocka_unit_test(problems_of_lists_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
