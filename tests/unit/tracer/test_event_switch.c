/* SPDX-License-Identifier: Apache-2.0 */
/* Switching event types by glob while running. */
#include "tracer_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ADA_EVENT(water, tap, (u32, n))
ADA_EVENT(water, drain, (u32, n))
ADA_EVENT(fire, spark, (u32, n))
ADA_EVENT_LEVEL(ADA_LEVEL_DEBUG, fire, smoke, (u32, n))
ADA_EVENT_LEVEL(ADA_LEVEL_WARNING, fire, alarm, (u32, n))

static uint32_t round_number;

static void emit_all(void)
{
    round_number++;
    ada_trace_water_tap(round_number);
    ada_trace_water_drain(round_number);
    ada_trace_fire_spark(round_number);
    ada_trace_fire_smoke(round_number);
    ada_trace_fire_alarm(round_number);
}

static void expect_round(const char *name, uint32_t number)
{
    assert_int_equal(field_unsigned(recording_expect(name), "n"), number);
}

/* What the program says stays for later sessions. */
static int everything_switched_on(void **state)
{
    (void)state;
    round_number = 0;
    (void)ada_events_enable("*");
    return 0;
}

static int nothing_said(void **state)
{
    (void)state;
    round_number = 0;
    return 0;
}

static void session_s_globs_select(void **state)
{
    const struct ada_session_options options = {.events = "water:*,!water:drain,*:alarm"};

    (void)state;
    recording_start(&options);
    emit_all();
    recording_stop();
    expect_round("water:tap", 1);
    expect_round("fire:alarm", 1);
    recording_expect_end();
}

static void program_s_word_is_stronger_than_the_session_s(void **state)
{
    const struct ada_session_options options = {.events = "water:*"};

    (void)state;
    (void)ada_events_disable("water:tap");
    (void)ada_events_enable("fire:spark");
    recording_start(&options);
    emit_all();
    recording_stop();
    expect_round("water:drain", 1);
    expect_round("fire:spark", 1);
    recording_expect_end();
}

static void session_s_level_leaves_the_less_important_out(void **state)
{
    const struct ada_session_options options = {.level = ADA_LEVEL_WARNING};

    (void)state;
    recording_start(&options);
    emit_all();
    recording_stop();
    expect_round("fire:alarm", 1);
    recording_expect_end();
}

static void switch_while_running_holds_from_the_next_event_on(void **state)
{
    (void)state;
    recording_start(NULL);
    assert_int_equal(ada_events_disable("*"), 5);
    emit_all();
    assert_int_equal(ada_events_enable("water:*"), 2);
    emit_all();
    assert_int_equal(ada_events_disable("water:t?p"), 1);
    emit_all();
    assert_int_equal(ada_events_enable("*:s[a-n]*,fire:spark"), 2);
    emit_all();
    recording_stop();
    expect_round("water:tap", 2);
    expect_round("water:drain", 2);
    expect_round("water:drain", 3);
    expect_round("water:drain", 4);
    expect_round("fire:spark", 4);
    expect_round("fire:smoke", 4);
    recording_expect_end();
}

static void last_glob_that_matches_decides(void **state)
{
    (void)state;
    recording_start(NULL);
    (void)ada_events_disable("fire:*");
    assert_int_equal(ada_events_enable("fire:*,!fire:smoke"), 2);
    assert_int_equal(ada_events_disable("!fire:smoke,water:*"), 3);
    emit_all();
    recording_stop();
    expect_round("fire:spark", 1);
    expect_round("fire:smoke", 1);
    expect_round("fire:alarm", 1);
    recording_expect_end();
}

static void switch_that_changes_nothing_says_so(void **state)
{
    (void)state;
    recording_start(NULL);
    assert_int_equal(ada_events_enable("*"), 0);
    assert_int_equal(ada_events_disable("nobody:*"), 0);
    assert_int_equal(ada_events_disable(""), 0);
    assert_int_equal(ada_events_enable(NULL), -EINVAL);
    emit_all();
    recording_stop();
    for (int i = 0; i < 5; i++)
        assert_non_null(recording_next());
    recording_expect_end();
}

static void switch_before_the_session_holds_in_it(void **state)
{
    (void)state;
    assert_int_equal(ada_events_disable("fire:*"), 0); /* nothing is on yet that could change */
    recording_start(NULL);
    emit_all();
    recording_stop();
    expect_round("water:tap", 1);
    expect_round("water:drain", 1);
    recording_expect_end();
}

static void type_registered_later_obeys_earlier_globs(void **state)
{
    static struct ada_event early = {.provider = "late", .name = "wanted"};
    static struct ada_event late = {.provider = "late", .name = "unwanted"};

    (void)state;
    recording_start(NULL);
    (void)ada_events_disable("late:*");
    (void)ada_events_enable("late:wanted");
    for (int i = 0; i < 2; i++) {
        ADA_SCOPE(late, scope);
        ADA_PRINTF(late, line, "%d", i);
    }
    assert_int_equal(ada_event_register(&early), 0);
    assert_int_equal(ada_event_register(&late), 0);
    assert_int_equal(ada_emit(&late, NULL, 0), 0);
    assert_int_equal(ada_emit(&early, NULL, 0), 1);
    recording_stop();
    recording_expect("late:wanted");
    recording_expect_end();
    ada_event_unregister(&early);
    ada_event_unregister(&late);
}

static void list_that_is_too_long_changes_nothing(void **state)
{
    char *globs = malloc(9000);

    (void)state;
    assert_non_null(globs);
    strcpy(globs, "water:*");
    for (int i = 0; i < 1000; i++)
        snprintf(globs + strlen(globs), 10, ",x%d:y", i);
    recording_start(NULL);
    assert_int_equal(ada_events_disable(globs), -ENAMETOOLONG);
    assert_int_equal(ada_events_disable("nobody:*"), 0); /* nor later */
    emit_all();
    recording_stop();
    expect_round("water:tap", 1);
    free(globs);
}

static void a_switch_can_be_thrown_any_number_of_times(void **state)
{
    (void)state;
    recording_start(NULL);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(ada_events_disable("water:tap"), 1);
        assert_int_equal(ada_events_disable("fire:*"), 3);
        assert_int_equal(ada_events_enable("water:tap,fire:spark"), 2);
        assert_int_equal(ada_events_enable("fire:smoke,fire:alarm"), 2);
    }
    emit_all();
    recording_stop();
    for (int i = 0; i < 5; i++)
        assert_non_null(recording_next());
    recording_expect_end();
}

static void bad_types_are_refused(void **state)
{
    static struct ada_event nameless = {.provider = "bad", .name = ""};
    static struct ada_event no_provider = {.name = "x"};
    static const struct ada_field wide = {
        .name = "w", .kind = ADA_KIND_UNSIGNED, .width = 3, .count = 1};
    static struct ada_event odd_width = {
        .provider = "bad", .name = "width", .fields = &wide, .field_count = 1};

    (void)state;
    recording_start(NULL);
    assert_int_equal(ada_event_register(&nameless), -EINVAL);
    assert_int_equal(ada_event_register(&no_provider), -EINVAL);
    odd_width.field_count = 33;
    assert_int_equal(ada_event_register(&odd_width), -EINVAL);
    assert_int_equal(ada_emit(&nameless, NULL, 0), 0);
    recording_stop();
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(session_s_globs_select, nothing_said),
        cmocka_unit_test_setup(program_s_word_is_stronger_than_the_session_s, nothing_said),
        cmocka_unit_test_setup(session_s_level_leaves_the_less_important_out,
                               everything_switched_on),
        cmocka_unit_test_setup(switch_while_running_holds_from_the_next_event_on,
                               everything_switched_on),
        cmocka_unit_test_setup(last_glob_that_matches_decides, everything_switched_on),
        cmocka_unit_test_setup(switch_that_changes_nothing_says_so, everything_switched_on),
        cmocka_unit_test_setup(switch_before_the_session_holds_in_it, everything_switched_on),
        cmocka_unit_test_setup(type_registered_later_obeys_earlier_globs, everything_switched_on),
        cmocka_unit_test_setup(list_that_is_too_long_changes_nothing, everything_switched_on),
        cmocka_unit_test_setup(a_switch_can_be_thrown_any_number_of_times, everything_switched_on),
        cmocka_unit_test_setup(bad_types_are_refused, everything_switched_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
