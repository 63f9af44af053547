/* SPDX-License-Identifier: Apache-2.0 */
/* What was said of globs, and which word is the last. */
#include "base/glob_words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct glob_words words, draft;

static int nothing_said(void **state)
{
    (void)state;
    memset(&words, 0, sizeof(words));
    return 0;
}

static int say(const char *globs, bool on, uint64_t stamp)
{
    return glob_words_say(&words, &draft, globs, on, stamp);
}

static void expect(const char *name, uint64_t stamp, bool on)
{
    struct glob_verdict v = glob_words_find(&words, name);

    assert_int_equal(v.stamp, stamp);
    assert_int_equal(v.on, on);
}

static void last_word_about_a_name_counts(void **state)
{
    (void)state;
    assert_int_equal(say("sql:*,!sql:debug", true, 5), 2);
    expect("sql:query", 5, true);
    expect("sql:debug", 6, false);
    expect("net:send", 0, false);
    assert_int_equal(say("sql:d*", true, 7), 1);
    expect("sql:debug", 7, true);
    assert_int_equal(say("*", false, 8), 1);
    expect("sql:debug", 8, false);
    expect("net:send", 8, false);
    assert_int_equal(words.count, 4);
}

static void word_about_the_same_glob_takes_the_place_of_the_earlier_one(void **state)
{
    (void)state;
    for (uint64_t stamp = 1; stamp < 100000; stamp++)
        assert_int_equal(say("a:*", stamp % 2, stamp), 1);
    expect("a:b", 99999, true);
    assert_int_equal(words.count, 1);
    assert_int_equal(say("!a:*", true, 100000), 1);
    expect("a:b", 100000, false);
    assert_int_equal(words.count, 1);
    assert_int_equal(say("a:*,b:*,a:*", true, 100001), 3); /* twice in one list */
    expect("a:b", 100003, true);
    assert_int_equal(words.count, 2);
}

static void empty_globs_say_nothing(void **state)
{
    static const char *const lists[] = {"", ",", ",,,", "!", "!,!"};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        assert_int_equal(glob_words_count(lists[i]), 0);
        assert_int_equal(say(lists[i], true, 1), 0);
    }
    assert_int_equal(words.bytes, 0);
    assert_int_equal(glob_words_count(",a,,!b,"), 2);
    assert_int_equal(say(",a,,!b,", true, 1), 2);
    expect("a", 1, true);
    expect("b", 2, false);
}

static void list_that_does_not_fit_changes_nothing(void **state)
{
    char *globs = malloc(2 * GLOB_WORDS_BYTES);
    size_t at = 0;
    int n = 0;

    (void)state;
    assert_non_null(globs);
    assert_int_equal(say("first:*", true, 1), 1);
    while (at < GLOB_WORDS_BYTES)
        at += (size_t)sprintf(globs + at, "name%d:*,", n++);
    draft = words;
    assert_int_equal(say(globs, false, 2), -ENAMETOOLONG);
    expect("first:x", 1, true);
    expect("name0:x", 0, false);
    /* One that fills it goes in any number of times. */
    globs[GLOB_WORDS_BYTES / 2] = 0;
    for (uint64_t stamp = 2; stamp < 20000; stamp += 1000)
        assert_true(say(globs, true, stamp) > 100);
    expect("first:x", 1, true);
    expect("name0:x", 19002, true);
    memset(globs, 'x', GLOB_WORDS_BYTES);
    globs[GLOB_WORDS_BYTES] = 0;
    assert_int_equal(say(globs, true, 30000), -ENAMETOOLONG);
    free(globs);
}

static void restamped_words_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(say("a:*", true, 0), 1);
    assert_int_equal(say("a:b", false, 0), 1);
    assert_int_equal(say("*:b", true, 0), 1);
    glob_words_restamp(&words, 40);
    expect("a:a", 40, true);
    expect("a:b", 42, true);
    expect("c:b", 42, true);
}

static void words_said_since_are_said_again_elsewhere(void **state)
{
    static struct glob_words there;

    (void)state;
    memset(&there, 0, sizeof(there));
    assert_int_equal(say("a:*,b:*,!c:*", true, 1), 3);
    assert_int_equal(glob_words_say(&there, &draft, "c:*", true, 50), 1);
    assert_int_equal(glob_words_repeat(&there, &words, 1, 60), 0);
    assert_int_equal(there.count, 2);
    assert_int_equal(glob_words_find(&there, "a:x").stamp, 0);
    assert_int_equal(glob_words_find(&there, "b:x").stamp, 60);
    assert_int_equal(glob_words_find(&there, "c:x").stamp, 61);
    assert_false(glob_words_find(&there, "c:x").on);
    there.bytes = GLOB_WORDS_BYTES - 4;
    assert_int_equal(glob_words_repeat(&there, &words, 0, 70), -ENAMETOOLONG);
}

static void later_verdict_is_the_one_with_the_larger_stamp(void **state)
{
    const struct glob_verdict early = {.stamp = 3, .on = true}, late = {.stamp = 4};

    (void)state;
    assert_int_equal(glob_verdict_later(early, late).stamp, 4);
    assert_int_equal(glob_verdict_later(late, early).stamp, 4);
}

/* Out of memory that somebody scribbles on. */
static void bytes_of_any_kind_are_read_within_their_bounds(void **state)
{
    struct glob_words *list = malloc(sizeof(*list)); /* where valgrind sees its end */

    (void)state;
    assert_non_null(list);
    srand(1);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(list->entries); i++)
            list->entries[i] = (unsigned char)(round % 3 ? rand() : round % 2 ? 'x' : 0);
        list->bytes = round % 4 ? (uint32_t)rand() : UINT32_MAX;
        list->count = (uint32_t)rand();
        (void)glob_words_find(list, "some:name");
        glob_words_restamp(list, 7);
    }
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(last_word_about_a_name_counts, nothing_said),
        cmocka_unit_test_setup(word_about_the_same_glob_takes_the_place_of_the_earlier_one,
                               nothing_said),
        cmocka_unit_test_setup(empty_globs_say_nothing, nothing_said),
        cmocka_unit_test_setup(list_that_does_not_fit_changes_nothing, nothing_said),
        cmocka_unit_test_setup(restamped_words_keep_their_order, nothing_said),
        cmocka_unit_test_setup(words_said_since_are_said_again_elsewhere, nothing_said),
        cmocka_unit_test(later_verdict_is_the_one_with_the_larger_stamp),
        cmocka_unit_test(bytes_of_any_kind_are_read_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
