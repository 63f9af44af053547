/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs that steer a session make of words: each refusal says why, and has changed
 * nothing; each change says what is in force now.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control_house.h"
#include "drain/drain_stats.h"

enum { WORDS = 3 };

static struct house house;

/* Pairs of an answer as they are printed: "a=1 b=2". */
static const char *pairs_print(const struct session_answer *a, char *text, size_t size)
{
    size_t used = 0;
    char separator = '=';

    assert_true(a->bytes < size);
    assert_true(!a->bytes || !a->body[a->bytes - 1]);
    for (; used < a->bytes; used++) {
        text[used] = a->body[used];
        if (text[used])
            continue;
        text[used] = separator;
        separator = separator == '=' ? ' ' : '=';
    }
    text[used ? used - 1 : 0] = 0;
    return text;
}

struct request {
    const char *verb, *words[WORDS];
    int status;
    const char *answer; /* its pairs, or a part of why not */
};

static void request_check(const struct request *r)
{
    struct session_answer answer;
    unsigned count = 0;
    char text[256];

    while (count < WORDS && r->words[count])
        count++;
    house_ask(&house, r->verb, count, r->words, &answer);
    if (answer.status != r->status)
        fail_msg("%s %s: %d %s", r->verb, r->words[0], answer.status, answer.body);
    if (r->status < 0 && !strstr(answer.body, r->answer))
        fail_msg("%s %s: %s", r->verb, r->words[0], answer.body);
    if (r->status >= 0)
        assert_string_equal(pairs_print(&answer, text, sizeof(text)), r->answer);
    session_answer_free(&answer);
}

static void requests_check(const struct request *requests, size_t count)
{
    for (size_t n = 0; n < count; n++)
        request_check(&requests[n]);
}

#define CHECK(requests) requests_check(requests, sizeof(requests) / sizeof(*(requests)))

static void values_in_force_are_told(void **state)
{
    static const struct request all[] = {
        {"set", {"policy=block"}, 0, "policy=block:1s"},
        {"set", {"policy=block:10ms"}, 0, "policy=block:10ms"},
        {"set", {"policy=drop"}, 0, "policy=drop"},
        {"set", {"ring=5000"}, 0, "ring=8K"},
        {"set", {"ring=1G"}, 0, "ring=1G"},
        {"set", {"level=-7"}, 0, "level=-7"},
        {"set", {"level=19"}, 0, "level=19"},
        {"set", {"level=auto"}, 0, "level=auto (1)"},
        {"set", {"wait=spin"}, 0, "wait=spin"},
        {"set", {"wait=sleep:5ms"}, 0, "wait=sleep:5ms"},
        {"set", {"min-level=warning"}, 0, "min-level=warning"},
        {"set", {"wait=yield", "level=3", "policy=drop"}, 0, "policy=drop level=3 wait=yield"},
    };

    (void)state;
    CHECK(all);
}

static void values_that_are_none_are_refused_with_what_is_expected(void **state)
{
    static const struct request all[] = {
        {"set", {"policy=wait"}, -EINVAL, "drop, block, or block:TIMEOUT"},
        {"set", {"policy=block:"}, -EINVAL, "policy=block:: drop"},
        {"set", {"policy=block:soon"}, -EINVAL, "policy=block:soon: drop"},
        {"set", {"policy=block:-1s"}, -EINVAL, "policy=block:-1s: drop"},
        {"set", {"ring=3K"}, -EINVAL, "ring=3K: a size from 4K to 1G"},
        {"set", {"ring=2G"}, -EINVAL, "ring=2G: a size from 4K to 1G"},
        {"set", {"ring=wide"}, -EINVAL, "ring=wide: a size"},
        {"set", {"level="}, -EINVAL, "level=: a whole number from -7 to 19"},
        {"set", {"level=3x"}, -EINVAL, "level=3x: a whole number"},
        {"set", {"level=-8"}, -EINVAL, "level=-8: a whole number"},
        {"set", {"level=20"}, -EINVAL, "level=20: a whole number"},
        {"set", {"level=4294967297"}, -EINVAL, "level=4294967297: a whole number"},
        {"set", {"wait=never"}, -EINVAL, "spin, yield, sleep, block"},
        {"set", {"wait=spin:1ms"}, -EINVAL, "wait=spin:1ms: spin"},
        {"set", {"wait=sleep:2s"}, -EINVAL, "from 1us to 1s"},
        {"set", {"min-level=loud"}, -EINVAL, "critical, error, warning"},
    };

    (void)state;
    CHECK(all);
}

static void keys_that_are_none_are_refused(void **state)
{
    static const struct request all[] = {
        {"set", {"policy"}, -EINVAL, "'policy' has no value: KEY=VALUE is expected"},
        {"set", {"polcy=drop"}, -EINVAL, "'polcy' cannot be set; did you mean 'policy'?"},
        {"set", {"colour=red"}, -EINVAL, "'colour' cannot be set; policy, ring"},
        {"set", {"=red"}, -EINVAL, "'' cannot be set"},
        {"set", {"level=3", "level=4"}, -EINVAL, "'level' is given twice"},
        {"set",
         {"a-key-that-is-longer-than-any-of-ours-and-than-what-is-shown-of-it-in-answers=1"},
         -EINVAL,
         "'a-key-that-is-longer-than-any-of-ours-and-than-what-is-shown-of' cannot be set"},
    };

    (void)state;
    CHECK(all);
}

/* Neither the first value nor what stood behind the bad one. */
static void refused_request_changes_nothing(void **state)
{
    static const struct request all[] = {
        {"set", {"level=5", "ring=64K", "policy=block"}, 0, "policy=block:1s ring=64K level=5"},
        {"set", {"level=9", "ring=4K", "policy=overwrite"}, -EINVAL, "laid out differently"},
        {"set", {"level=9", "wait=never", "ring=4K"}, -EINVAL, "wait=never"},
    };
    struct session_answer answer;
    struct stats_picture picture;

    (void)state;
    CHECK(all);
    house_ask(&house, "stats", 0, NULL, &answer);
    assert_int_equal(answer.status, 0);
    assert_int_equal(stats_picture_view(&picture, answer.body, answer.bytes), 0);
    assert_int_equal(picture.session->level_wanted, 5);
    session_answer_free(&answer);
}

static void patterns_are_looked_at_before_they_are_said(void **state)
{
    static char wide[4000], wider[200];
    const struct request all[] = {
        {"disable", {"test:*"}, 0, "matching=0 changed=0"},
        {"enable", {"test:*", "other:*"}, 0, "matching=0 changed=0"},
        {"enable", {"sql"}, -EINVAL, "'sql' matches no event: names are PROVIDER:EVENT"},
        {"disable", {"a:*", "a:[b"}, -EINVAL, "'a:[b' has a [ that no ] closes"},
        {"disable", {""}, -EINVAL, "'' is no pattern"},
        {"disable", {wide, wider}, -EINVAL, "that is too long: patterns may have 4095 bytes"},
    };

    (void)state;
    memset(wide, 'a', sizeof(wide) - 1);
    memset(wider, 'b', sizeof(wider) - 1);
    wide[1] = wider[1] = ':';
    CHECK(all);
}

/* What has been said is kept for processes to come, and that has an end. */
static void patterns_without_end_are_refused(void **state)
{
    static char wide[4000];
    const char *word = wide;
    struct session_answer answer;
    int status = 0;

    (void)state;
    for (unsigned n = 0; n < 1000 && status == 0; n++) {
        int used = snprintf(wide, sizeof(wide), "p%u:", n);

        memset(wide + used, 'a', sizeof(wide) - 1 - (size_t)used);
        house_ask(&house, "disable", 1, &word, &answer);
        status = answer.status;
        if (status)
            assert_non_null(strstr(answer.body, "a few wide ones, such as '*', do as well"));
        session_answer_free(&answer);
    }
    assert_int_equal(status, -EINVAL);
    word = "*";
    house_ask(&house, "disable", 1, &word, &answer);
    assert_int_equal(answer.status, 0);
    session_answer_free(&answer);
}

static void pause_tells_whether_it_was_so_already(void **state)
{
    static const struct request all[] = {
        {"resume", {NULL}, 0, "changed=0"},
        {"pause", {NULL}, 0, "changed=1"},
        {"pause", {NULL}, 0, "changed=0"},
        {"resume", {NULL}, 0, "changed=1"},
        {"pause", {"now"}, -EINVAL, "'pause' takes 0 to 0 words, not 1"},
        {"set", {NULL}, -EINVAL, "'set' takes 1 to"},
    };

    (void)state;
    CHECK(all);
}

static void session_that_nobody_may_end_says_so(void **state)
{
    static const struct request stop = {
        "stop", {NULL}, -ENOTSUP, "this session cannot be ended from outside"};

    (void)state;
    request_check(&stop);
    house_is_well(&house);
}

static void session_without_files_says_so(void **state)
{
    static const struct request all[] = {
        {"rotate", {NULL}, -ENOTSUP, "this session writes no file that could be left"},
        {"snapshot", {"", "0", "0"}, -ENOTSUP, "this session takes no snapshots"},
    };

    (void)state;
    CHECK(all);
}

static void session_that_has_ended_says_so(void **state)
{
    static const struct request all[] = {
        {"set", {"level=3"}, -ESHUTDOWN, "the session is ending"},
        {"pause", {NULL}, -ESHUTDOWN, "the session is ending"},
        {"enable", {"*"}, -ESHUTDOWN, "the session is ending"},
        {"subscribe", {NULL}, -ESHUTDOWN, "the session is ending"},
        {"stats", {NULL}, -ESHUTDOWN, "the session is ending"},
    };

    (void)state;
    drain_stop(house.drain);
    CHECK(all);
}

static int house_begin(void **state)
{
    (void)state;
    house_open(&house, NULL);
    return 0;
}

static int house_end(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_begin, house_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(values_in_force_are_told),
        IN_HOUSE(values_that_are_none_are_refused_with_what_is_expected),
        IN_HOUSE(keys_that_are_none_are_refused),
        IN_HOUSE(refused_request_changes_nothing),
        IN_HOUSE(patterns_are_looked_at_before_they_are_said),
        IN_HOUSE(patterns_without_end_are_refused),
        IN_HOUSE(pause_tells_whether_it_was_so_already),
        IN_HOUSE(session_that_nobody_may_end_says_so),
        IN_HOUSE(session_without_files_says_so),
        IN_HOUSE(session_that_has_ended_says_so),
    };

    return cmocka_run_group_tests(tests, house_runtime_folder, house_runtime_folder_remove);
}
