/* SPDX-License-Identifier: Apache-2.0 */
/* Which events are on: rules that change while they are read, switches that several decide. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "registry/segment.h"
#include "registry_fixture.h"

static struct segment s;

static int segment_new(void **state)
{
    (void)state;
    assert_int_equal(segment_create(&s, &fixture_small, NULL), 0);
    return 0;
}

static int segment_old(void **state)
{
    (void)state;
    segment_destroy(&s);
    return 0;
}

static struct glob_words words_of(const char *globs, bool on)
{
    static struct glob_words draft;
    struct glob_words words = {0};

    assert_true(glob_words_say(&words, &draft, globs, on, 1) >= 0);
    return words;
}

static bool is_on(int n)
{
    return load_relaxed(switch_flag(&s, (uint32_t)n)) != 0;
}

static struct glob_verdict verdict(uint64_t stamp, bool on)
{
    return (struct glob_verdict){.stamp = stamp, .on = on};
}

/* ---- rules ---- */

static void rules_are_what_was_set(void **state)
{
    struct glob_words said = words_of("a:c,!a:d", true);
    struct switch_rules rules;
    struct glob_verdict v;

    (void)state;
    assert_int_equal(switches_begin(&s, "a:*,!a:b", 3), 0);
    switches_rules(&s, &rules);
    assert_string_equal(rules.globs, "a:*,!a:b");
    assert_int_equal(switch_verdict(&rules, "a:a").on, 1);
    v = switch_verdict(&rules, "a:b");
    assert_int_equal(v.on, 0);
    assert_true(v.stamp > 0); /* nobody else said anything, but that decides */
    assert_true(switches_rules_hold(&s, &rules));
    switches_say(&s, &said, 0);
    assert_false(switches_rules_hold(&s, &rules));
    switches_rules(&s, &rules);
    assert_int_equal(switch_verdict(&rules, "a:b").on, 0);
    assert_int_equal(switch_verdict(&rules, "a:c").on, 1);
    assert_int_equal(switch_verdict(&rules, "a:d").on, 0);
    assert_true(switch_verdict(&rules, "a:c").stamp > v.stamp);
    /* The next session knows nothing of it. */
    assert_int_equal(switches_begin(&s, NULL, 4), 0);
    switches_rules(&s, &rules);
    assert_int_equal(switch_verdict(&rules, "a:d").on, 1);
    assert_int_equal(switch_verdict(&rules, "a:d").stamp, v.stamp);
}

static void globs_that_are_too_long_change_nothing(void **state)
{
    char longest[SEGMENT_GLOBS_BYTES + 1];
    struct switch_rules rules;

    (void)state;
    assert_int_equal(switches_begin(&s, "a:*", 4), 0);
    memset(longest, 'x', sizeof(longest));
    longest[SEGMENT_GLOBS_BYTES] = 0;
    assert_int_equal(switches_begin(&s, longest, 5), -ENAMETOOLONG);
    switches_rules(&s, &rules);
    assert_string_equal(rules.globs, "a:*");
    assert_true(switches_pass(&s, 4));
    assert_false(switches_pass(&s, 5));
    longest[SEGMENT_GLOBS_BYTES - 1] = 0;
    assert_int_equal(switches_begin(&s, longest, 5), 0);
    switches_rules(&s, &rules);
    assert_string_equal(rules.globs, longest);
}

static void rules_that_change_for_ever_read_as_everything_on(void **state)
{
    struct switch_rules rules;

    (void)state;
    assert_int_equal(switches_begin(&s, "a:*", 1), 0);
    s.switches->generation |= 1; /* its writer died in the middle */
    switches_rules(&s, &rules);
    assert_int_equal(rules.generation, 0);
    assert_int_equal(switch_verdict(&rules, "b:c").on, 1);
    assert_true(switches_rules_hold(&s, &rules)); /* nobody is to wait for them */
    /* The next one repairs it. */
    assert_int_equal(switches_begin(&s, "b:*", 2), 0);
    switches_rules(&s, &rules);
    assert_int_equal(rules.generation % 2, 0);
    assert_string_equal(rules.globs, "b:*");
}

static void rules_without_an_end_are_read_within_bounds(void **state)
{
    struct switch_rules rules;

    (void)state;
    memset(s.switches->globs, 'g', sizeof(s.switches->globs));
    memset(&s.switches->words, 0xff, sizeof(s.switches->words));
    switches_rules(&s, &rules);
    assert_int_equal(strlen(rules.globs), SEGMENT_GLOBS_BYTES - 1);
    (void)switch_verdict(&rules, "a:b");
    s.switches->taken = UINT32_MAX;
    assert_int_equal(switches_taken(&s), SEGMENT_SWITCHES);
    switches_gate_set(&s, 3);
}

static void what_was_said_before_keeps_its_place(void **state)
{
    struct glob_words said = words_of("a:*", true);
    static struct glob_words draft;
    struct switch_rules rules;
    uint64_t theirs;

    (void)state;
    switches_say(&s, &said, 0);
    theirs = switches_stamp(&s, 1); /* somebody else says something */
    assert_int_equal(glob_words_say(&said, &draft, "b:*", true, 2), 1);
    switches_say(&s, &said, 1); /* what is new of it */
    switches_rules(&s, &rules);
    assert_true(switch_verdict(&rules, "a:x").stamp < theirs);
    assert_true(switch_verdict(&rules, "b:x").stamp > theirs);
}

/* ---- rules while they are read ---- */

enum { CHANGES = 2000 };

struct reading {
    uint64_t read, torn, backwards;
    bool enough;
};

/* Words that belong together: both were said at once, and say the same. */
static bool is_whole(const struct switch_rules *rules)
{
    struct glob_verdict x = glob_words_find(&rules->words, "x:1"),
                        y = glob_words_find(&rules->words, "y:1");

    return !rules->words.count ||
           (rules->words.count == 2 && x.on == y.on && y.stamp == x.stamp + 1);
}

static void *rules_read(void *argument)
{
    struct reading *r = argument;
    struct switch_rules rules;
    uint32_t last = 0;

    while (!load_relaxed(&r->enough)) {
        switches_rules(&s, &rules);
        r->torn += !is_whole(&rules);
        if (!rules.generation)
            continue; /* they were being changed all the time */
        r->backwards += rules.generation < last;
        last = rules.generation;
        add_relaxed(&r->read, 1);
    }
    return NULL;
}

static void rules_read_while_they_change_are_never_of_two_halves(void **state)
{
    struct reading readings[2] = {{0}};
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rules_read, &readings[i]), 0);
    for (unsigned n = 0;
         n < CHANGES || !load_relaxed(&readings[0].read) || !load_relaxed(&readings[1].read); n++) {
        struct glob_words words;

        words = words_of("x:*,y:*", n % 2);
        switches_say(&s, &words, 0);
    }
    for (int i = 0; i < 2; i++) {
        store_relaxed(&readings[i].enough, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readings[i].torn, 0);
        assert_int_equal(readings[i].backwards, 0);
        assert_true(readings[i].read > 0);
    }
}

/* ---- switches ---- */

static void switch_nobody_decided_is_off(void **state)
{
    struct switch_view view;
    int n = switch_take(&s, 77, 6);

    (void)state;
    assert_int_equal(n, 0);
    assert_false(is_on(n));
    assert_true(switch_look(&s, 0, &view));
    assert_int_equal(view.type, 77);
    assert_int_equal(view.level, 6);
    assert_int_equal(view.decided.stamp, 0);
    assert_false(switch_look(&s, 1, &view));
    assert_int_equal(switches_taken(&s), 1);
}

static void later_decision_stands_in_whatever_order_they_come(void **state)
{
    int n = switch_take(&s, 8, 6);
    uint64_t early = switches_stamp(&s, 1), late = switches_stamp(&s, 1);

    (void)state;
    assert_true(early > 1); /* later than the session's */
    assert_true(switch_decide(&s, (uint32_t)n, verdict(1, true)));
    assert_true(is_on(n));
    assert_true(switch_decide(&s, (uint32_t)n, verdict(late, false)));
    assert_false(switch_decide(&s, (uint32_t)n, verdict(early, true)));
    assert_false(is_on(n));
    assert_false(switch_decide(&s, (uint32_t)n, verdict(late, true))); /* the same word again */
    assert_false(is_on(n));
}

static void gate_shuts_and_opens_without_forgetting(void **state)
{
    int debug = switch_take(&s, 8, 7), warning = switch_take(&s, 9, 4),
        unwanted = switch_take(&s, 10, 4);

    (void)state;
    switch_decide(&s, (uint32_t)debug, verdict(1, true));
    switch_decide(&s, (uint32_t)warning, verdict(1, true));
    switch_decide(&s, (uint32_t)unwanted, verdict(1, false));
    switches_gate_set(&s, switch_gate(4));
    assert_false(is_on(debug));
    assert_true(is_on(warning));
    switches_gate_set(&s, SWITCH_GATE_SHUT);
    assert_false(switches_pass(&s, 0));
    assert_false(is_on(warning));
    /* Decided meanwhile: it shows when the gate opens. */
    assert_false(switch_decide(&s, (uint32_t)unwanted, verdict(5, true)));
    assert_false(is_on(unwanted));
    switches_gate_set(&s, SWITCH_GATE_OPEN);
    assert_true(is_on(debug));
    assert_true(is_on(warning));
    assert_true(is_on(unwanted));
    assert_int_equal(switch_gate(UINT32_MAX), SWITCH_GATE_OPEN);
    assert_true(switches_pass(&s, 255));
}

static void session_in_a_used_segment_begins_undecided(void **state)
{
    int n = switch_take(&s, 8, 6);
    struct switch_view view;

    (void)state;
    switch_decide(&s, (uint32_t)n, verdict(switches_stamp(&s, 1), true));
    assert_int_equal(switches_begin(&s, "", 7), 0);
    assert_true(switch_look(&s, (uint32_t)n, &view));
    assert_int_equal(view.decided.stamp, 0);
    assert_int_equal(view.type, 8);
    assert_false(is_on(n));
    assert_true(switch_decide(&s, (uint32_t)n, verdict(1, true)));
}

static void switches_end_where_the_table_ends(void **state)
{
    (void)state;
    for (int n = 0; n < SEGMENT_SWITCHES; n++)
        assert_int_equal(switch_take(&s, ADA_RECORD_TYPES - 1, 255), n);
    assert_int_equal(switch_take(&s, 8, 6), -ENOSPC);
    assert_int_equal(switch_take(&s, 8, 6), -ENOSPC);
    assert_int_equal(switches_taken(&s), SEGMENT_SWITCHES);
    switch_decide(&s, SEGMENT_SWITCHES - 1, verdict(1, true));
    assert_true(is_on(SEGMENT_SWITCHES - 1));
}

/* ---- many who decide at once ---- */

enum { DECIDERS = 3, ROUNDS = 30000, ROUNDS_MIN = 100, PATIENCE_S = 10 };

static uint32_t round_number, deciders_done, last_round = ROUNDS;

/* Both wait for the other without a system call, so that they set out together. */
static void *decide_each_round(void *argument)
{
    (void)argument;
    for (uint32_t round = 1; round <= load_acquire(&last_round); round++) {
        uint64_t stamp;

        while (load_acquire(&round_number) < round)
            sched_yield();
        stamp = switches_stamp(&s, 1);
        switch_decide(&s, 0, verdict(stamp, (stamp ^ stamp >> 1) & 1));
        add_acq_rel(&deciders_done, 1);
    }
    return NULL;
}

/* Whoever comes last, the byte says what word and gate say. */
static void byte_agrees_with_the_last_word_however_many_decide(void **state)
{
    uint64_t started_ns = clock_monotonic_ns();
    pthread_t threads[DECIDERS];
    struct switch_view view;

    (void)state;
    assert_int_equal(switch_take(&s, 8, 6), 0);
    for (int i = 0; i < DECIDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decide_each_round, NULL), 0);
    for (uint32_t round = 1; round <= last_round; round++) {
        /* Every round needs all of them to run: on a busy machine fewer rounds have to do. */
        if (round >= ROUNDS_MIN &&
            clock_monotonic_ns() - started_ns > PATIENCE_S * UINT64_C(1000000000))
            store_release(&last_round, round);
        store_release(&round_number, round);
        switches_gate_set(&s, round % 4 ? SWITCH_GATE_OPEN : SWITCH_GATE_SHUT);
        while (load_acquire(&deciders_done) < round * DECIDERS)
            sched_yield();
        assert_true(switch_look(&s, 0, &view));
        assert_int_equal(view.decided.stamp, load_relaxed(&s.switches->stamp) - 1);
        assert_int_equal(view.is_on, view.decided.on && switches_pass(&s, 6));
    }
    for (int i = 0; i < DECIDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#define IN_A_SEGMENT(test) cmocka_unit_test_setup_teardown(test, segment_new, segment_old)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_SEGMENT(rules_are_what_was_set),
        IN_A_SEGMENT(globs_that_are_too_long_change_nothing),
        IN_A_SEGMENT(rules_that_change_for_ever_read_as_everything_on),
        IN_A_SEGMENT(rules_without_an_end_are_read_within_bounds),
        IN_A_SEGMENT(what_was_said_before_keeps_its_place),
        IN_A_SEGMENT(rules_read_while_they_change_are_never_of_two_halves),
        IN_A_SEGMENT(switch_nobody_decided_is_off),
        IN_A_SEGMENT(later_decision_stands_in_whatever_order_they_come),
        IN_A_SEGMENT(gate_shuts_and_opens_without_forgetting),
        IN_A_SEGMENT(session_in_a_used_segment_begins_undecided),
        IN_A_SEGMENT(switches_end_where_the_table_ends),
        IN_A_SEGMENT(byte_agrees_with_the_last_word_however_many_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
