/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "trigger_stage.h"

/* ---- events ---- */

static void matching_event_is_a_moment(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t before = clock_monotonic_ns();

    (void)state;
    trigger_stage_with(&stage, &p, "test:number.number == 700", NULL);
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_string_equal(trigger_heard.last.expression, "test:number.number == 700");
    assert_non_null(strstr(trigger_heard.text,
                           "trigger test:number.number == 700: test:number of thread "
                           "producer/"));
    assert_non_null(strstr(trigger_heard.text, ": number 700"));
    assert_true(trigger_heard.last.ticks >= before &&
                trigger_heard.last.ticks <= clock_monotonic_ns());
    assert_int_equal(trigger_heard.last.from_ticks, trigger_heard.last.ticks - 5000000000);
    assert_int_equal(trigger_heard.last.to_ticks, trigger_heard.last.ticks);
    assert_true(fake_writer_log()->in_bulk > 900); /* they are still taken in runs */
    stage_clear(&stage);
}

static void record_alone_is_looked_at_like_one_in_a_run(void **state)
{
    static const char text[] = "UPDATE\033[31m\nstock";
    unsigned char payload[32];
    const uint32_t rows = 3, length = sizeof(text) - 1;
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "sql:query.text contains \"UPDATE\" && thread == \"producer\"",
                       NULL);
    trigger_types_tell(&stage);
    memcpy(payload, &rows, 4);
    memcpy(payload + 4, &length, 4);
    memcpy(payload + 8, text, length);
    assert_true(ring_write(&p.writer, TYPE_QUERY, payload, 8 + length));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text, ": text \"UPDATE.[31m.stock\", rows 3"));
    stage_clear(&stage);
}

/* Every kind of field, more of them than are shown, and a payload that is too short for them. */
static void values_are_shown_as_what_they_are(void **state)
{
    static const struct ada_label labels[] = {{"slow", 1}};
    static const struct ada_field fields[] = {
        {"half", NULL, 0, 1, ADA_KIND_FLOAT, 4},    {"whole", NULL, 0, 1, ADA_KIND_FLOAT, 8},
        {"yes", NULL, 0, 1, ADA_KIND_BOOL, 1},      {"no", NULL, 0, 1, ADA_KIND_BOOL, 1},
        {"speed", labels, 1, 1, ADA_KIND_ENUM, 1},  {"other", labels, 1, 1, ADA_KIND_ENUM, 1},
        {"many", NULL, 0, 2, ADA_KIND_UNSIGNED, 1}, {"name", NULL, 0, 1, ADA_KIND_STRING, 0},
        {"unseen", NULL, 0, 1, ADA_KIND_SIGNED, 1},
    };
    const struct schema schema = {.id = TYPE_ALL,
                                  .level = ADA_LEVEL_INFO,
                                  .field_count = 9,
                                  .provider = "all",
                                  .name = "kinds",
                                  .fields = fields};
    static const char name[] = "\xc2\x9b"
                               "31m \xc3\xa9\xc4\x9b \x9b\x7f";
    const uint32_t length = sizeof(name) - 1;
    const double whole = -0.25;
    const float half = 1.5F;
    unsigned char payload[64] = {0};
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "all:kinds.yes == true", NULL);
    trigger_type_tell(&stage, &schema);
    memcpy(payload, &half, 4);
    memcpy(payload + 4, &whole, 8);
    memcpy(payload + 12, "\1\0\1\2\7\7\0", 7);
    memcpy(payload + 19, &length, 4);
    memcpy(payload + 23, name, length);
    assert_true(ring_write(&p.writer, TYPE_ALL, payload, 23 + length));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text,
                           ": half 1.5, whole -0.25, yes true, no false, speed slow, other 2, "
                           "many 7..., name \"..31m \xc3\xa9\xc4\x9b ..\", ..."));
    stage_clear(&stage);
}

static void types_told_before_the_trigger_was_set_are_known(void **state)
{
    const char *expression = "test:number.number > 5";
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    producer_claim(&p, &stage, 0, false);
    drain_round(stage.drain);
    trigger_stage_set(&stage, &trigger_at_once, &expression, 1);
    assert_true(producer_write(&p, 6));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    /* And they can be taken away again. */
    drain_set_triggers(stage.drain, NULL);
    assert_true(producer_write(&p, 7));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    stage_clear(&stage);
}

static void type_that_is_not_as_the_trigger_says_is_told_once(void **state)
{
    struct stage stage, second;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "test:number.nmber > 5", NULL);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.tells, 1);
    assert_string_equal(trigger_heard.told,
                        "trigger test:number.nmber > 5: test:number has no field "
                        "`nmber`; did you mean `number`?");
    stage_add(&second, stage.drain, &(struct stage_options){.pid = (uint32_t)getppid()});
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.tells, 1);
    assert_int_equal(trigger_heard.moments, 0);
    stage_clear(&stage);
}

/* ---- counters ---- */

static void counter_is_met_when_it_crosses_the_limit(void **state)
{
    static const int64_t values[] = {90, 101, 150, 200, 99, 100, 101, 102};
    static const unsigned moments[] = {0, 1, 1, 1, 1, 1, 2, 2};
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "mem:used.value > 100", NULL);
    trigger_types_tell(&stage);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        assert_true(ring_write(&p.writer, TYPE_COUNTER, &values[i], 8));
        drain_round(stage.drain);
        assert_int_equal(trigger_heard.moments, moments[i]);
    }
    stage_clear(&stage);
}

/* ---- slow() ---- */

static void scope_is_timed_from_begin_to_end(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(parse) >= 0s && !(slow(parse) > 1h)", NULL);
    trigger_types_tell(&stage);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0)); /* of a scope that began before us */
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text, "app:parse of thread producer/"));
    assert_non_null(strstr(trigger_heard.text, ", after "));
    assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 2);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0)); /* one too many */
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 2);
    stage_clear(&stage);
}

static void scope_that_is_fast_is_no_moment(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(app:parse) > 1h", NULL);
    trigger_types_tell(&stage);
    for (int i = 0; i < 200; i++) {
        assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    }
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    stage_clear(&stage);
}

static void scopes_deeper_than_there_is_room_for_are_passed_over(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    trigger_types_tell(&stage);
    for (int i = 0; i < 100; i++)
        assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    for (int i = 0; i < 36; i++)
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    for (int i = 0; i < 64; i++)
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments + trigger_heard.last.others, 64);
    stage_clear(&stage);
}

static void function_is_found_by_its_name(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(json::parse) >= 0s", NULL);
    trigger_types_tell(&stage);
    trigger_module_tell(&stage);
    for (int i = 0; i < 10; i++) {
        trigger_call_write(&p, TYPE_ENTER, 0x101200, 100);
        trigger_call_write(&p, TYPE_EXIT, 0x101200, 0);
    }
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    trigger_call_write(&p, TYPE_ENTER, 0x101100, 100);
    trigger_call_write(&p, TYPE_ENTER, 0x101200, 90);
    trigger_call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text, "address 0x101100"));
    assert_int_equal(trigger_heard.names, 2); /* each address once */
    stage_clear(&stage);
}

static void functions_without_number_are_asked_for_once_each(void **state)
{
    enum { FUNCTIONS = 1500, TIMES = 2 };
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(nobody) >= 0s", NULL);
    trigger_types_tell(&stage);
    trigger_module_tell(&stage);
    for (unsigned i = 0; i < TIMES * FUNCTIONS; i++) {
        trigger_call_write(&p, TYPE_ENTER, 0x101000 + i % FUNCTIONS, 100);
        trigger_call_write(&p, TYPE_EXIT, 0x101000 + i % FUNCTIONS, 0);
        trigger_call_write(&p, TYPE_ENTER, 0, 100); /* of no function */
        drain_round(stage.drain);
    }
    assert_int_equal(trigger_heard.names, FUNCTIONS);
    assert_int_equal(trigger_heard.moments, 0);
    stage_clear(&stage);
}

static void function_before_its_module_is_told_is_asked_for_again(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    trigger_types_tell(&stage);
    trigger_call_write(&p, TYPE_ENTER, 0x101100, 100);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.names, 0);
    trigger_module_tell(&stage);
    drain_round(stage.drain);
    trigger_call_write(&p, TYPE_ENTER, 0x101100, 90);
    trigger_call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    stage_clear(&stage);
}

/* longjmp(3) leaves entries without exits: the next one of the same, not below, tells. */
static void entries_without_an_exit_do_not_pile_up(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    trigger_types_tell(&stage);
    trigger_module_tell(&stage);
    for (int i = 0; i < 1000; i++)
        trigger_call_write(&p, TYPE_ENTER, 0x101100, 100);
    trigger_call_write(&p, TYPE_EXIT, 0x101100, 0);
    trigger_call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_event_is_a_moment),
        cmocka_unit_test(record_alone_is_looked_at_like_one_in_a_run),
        cmocka_unit_test(values_are_shown_as_what_they_are),
        cmocka_unit_test(types_told_before_the_trigger_was_set_are_known),
        cmocka_unit_test(type_that_is_not_as_the_trigger_says_is_told_once),
        cmocka_unit_test(counter_is_met_when_it_crosses_the_limit),
        cmocka_unit_test(scope_is_timed_from_begin_to_end),
        cmocka_unit_test(scope_that_is_fast_is_no_moment),
        cmocka_unit_test(scopes_deeper_than_there_is_room_for_are_passed_over),
        cmocka_unit_test(function_is_found_by_its_name),
        cmocka_unit_test(functions_without_number_are_asked_for_once_each),
        cmocka_unit_test(function_before_its_module_is_told_is_asked_for_again),
        cmocka_unit_test(entries_without_an_exit_do_not_pile_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
