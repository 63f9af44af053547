/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trigger_stage.h"

/* ---- the drain's own events ---- */

static void drop_is_a_moment(void **state)
{
    const char *expression = "drop";
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 4096});
    trigger_stage_set(&stage, &trigger_at_once, &expression, 1);
    producer_claim(&p, &stage, 0, false);
    while (producer_write(&p, 1))
        ;
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    assert_true(producer_write(&p, 2));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text, "trigger drop: adatrace:gap of thread producer/"));
    assert_non_null(strstr(trigger_heard.text, ": records 1, bytes 16, kind dropped"));
    stage_clear(&stage);
}

static void drop_of_threads_without_a_ring_is_one_as_well(void **state)
{
    const char *expression = "drop";
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    trigger_stage_set(&stage, &trigger_at_once, &expression, 1);
    drain_round(stage.drain);
    stage.segment.shared->unringed += 5;
    stage.segment.shared->unringed_bytes += 80;
    drain_tick(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_non_null(strstr(trigger_heard.text, "adatrace:gap of process "));
    assert_non_null(strstr(trigger_heard.text, ": records 5, bytes 80, kind dropped"));
    stage_clear(&stage);
}

/* A process of ours that ends so; 0 or more: its status. */
static pid_t child_begin(int status)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (status >= 0)
            _exit(status);
        raise(-status);
    }
    assert_true(pid > 0);
    return pid;
}

static unsigned moments_of_exit(const char *expression, int status)
{
    struct drain_attachment a = {.pidfd = -1, .is_child = true};
    struct stage stage;
    siginfo_t info;
    pid_t pid = child_begin(status);

    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    stage_set(&stage, &(struct stage_options){0});
    trigger_stage_set(&stage, &trigger_at_once, &expression, 1);
    a.pid = (uint32_t)pid;
    assert_int_equal(segment_create(&a.segment,
                                    &(struct segment_geometry){.slots = 4,
                                                               .ring_bytes = 4096,
                                                               .arena_bytes = 65536,
                                                               .clock = SEGMENT_CLOCK_MONOTONIC},
                                    NULL),
                     0);
    assert_int_equal(drain_attach(stage.drain, &a), 0);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    drain_child_status(stage.drain, (uint32_t)pid, status < 0 ? -status : status << 8);
    stage.drain->tick_ns = 0; /* where no pidfd tells of deaths, as under valgrind, it looks then */
    drain_round(stage.drain);
    drain_finish(stage.drain);
    stage_clear(&stage);
    return trigger_heard.moments;
}

static void end_of_a_process_is_a_moment_if_it_was_meant(void **state)
{
    (void)state;
    assert_int_equal(moments_of_exit("crash", -SIGTERM), 1);
    assert_non_null(strstr(trigger_heard.text, "trigger crash: adatrace:exit of process "));
    assert_non_null(strstr(trigger_heard.text, ": status 0, signal 15"));
    assert_int_equal(moments_of_exit("crash", 3), 0);
    assert_int_equal(moments_of_exit("failure", 3), 1);
    assert_non_null(strstr(trigger_heard.text, ": status 3, signal 0"));
    assert_int_equal(moments_of_exit("failure", -SIGTERM), 1);
    assert_int_equal(moments_of_exit("failure", 0), 0);
    assert_int_equal(moments_of_exit("adatrace:exit.status in (3, 4)", 4), 1);
    assert_int_equal(moments_of_exit("adatrace:exit", 0), 1);
}

static void signal_is_a_moment(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    trigger_stage_with(&stage, &p, "signal", NULL);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    triggers_signal(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    stage_clear(&stage);
}

/* ---- before, after, how often ---- */

static void moment_waits_for_what_follows(void **state)
{
    struct trigger_options options = trigger_at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.after_ns = UINT64_C(3600000000000);
    options.cool_down_ns = 1;
    trigger_stage_with(&stage, &p, "test:number.number > 5", &options);
    for (uint64_t i = 0; i < 9; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 0);
    /* The end of the recording does not wait. */
    drain_finish(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    assert_true(trigger_heard.last.is_last);
    assert_int_equal(trigger_heard.last.others, 2);
    assert_true(trigger_heard.last.to_ticks > trigger_heard.last.ticks);
    stage_clear(&stage);
}

static void cool_down_counts_what_it_passes_over(void **state)
{
    struct trigger_options options = trigger_at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.cool_down_ns = UINT64_C(3600000000000);
    trigger_stage_with(&stage, &p, "test:number.number > 5", &options);
    assert_true(producer_write(&p, 6));
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    for (uint64_t i = 0; i < 9; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    drain_finish(stage.drain);
    assert_int_equal(trigger_heard.moments, 1);
    stage_clear(&stage);
}

static void no_more_moments_than_were_asked_for(void **state)
{
    struct trigger_options options = trigger_at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.moments_max = 3;
    trigger_stage_with(&stage, &p, "test:number.number > 5", &options);
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(producer_write(&p, i));
        drain_round(stage.drain);
        assert_int_equal(trigger_heard.last.is_last, trigger_heard.moments == 3);
    }
    assert_int_equal(trigger_heard.moments, 3);
    assert_non_null(strstr(trigger_heard.text, "number 8"));
    stage_clear(&stage);
}

static void several_triggers_look_at_the_same_events(void **state)
{
    static const char *const expressions[] = {"test:number.number == 5", "test:number.number == 6",
                                              "slow(parse) > 1h", "slow(print) >= 0s"};
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    trigger_stage_set(&stage, &trigger_at_once, expressions, 4);
    producer_claim(&p, &stage, 0, false);
    trigger_types_tell(&stage);
    trigger_module_tell(&stage);
    for (uint64_t i = 0; i < 7; i++) {
        assert_true(producer_write(&p, i));
        drain_round(stage.drain);
    }
    assert_int_equal(trigger_heard.moments, 2);
    assert_string_equal(trigger_heard.last.expression, expressions[1]);
    trigger_call_write(&p, TYPE_ENTER, 0x101100, 100);
    trigger_call_write(&p, TYPE_ENTER, 0x101200, 90);
    trigger_call_write(&p, TYPE_EXIT, 0x101200, 0);
    trigger_call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(trigger_heard.moments, 3);
    assert_string_equal(trigger_heard.last.expression, expressions[3]);
    stage_clear(&stage);
}

static void there_are_limits_to_how_many(void **state)
{
    struct expression_error error;
    struct triggers *triggers;
    struct stage stage;

    (void)state;
    assert_int_equal(triggers_check("crash", &error), 0);
    assert_int_equal(triggers_check("a:b.c >", &error), -EINVAL);
    assert_int_equal(error.at, 7);
    assert_int_equal(triggers_check("adatrace:exit.state == 1", &error), -EINVAL);
    stage_set(&stage, &(struct stage_options){0});
    assert_int_equal(triggers_create(&triggers, &trigger_at_once), 0);
    for (unsigned i = 0; i < TRIGGERS_MAX; i++)
        assert_int_equal(triggers_add(triggers, "slow(a) > 1s || slow(b) > 1s", &error), 0);
    assert_int_equal(triggers_add(triggers, "drop", &error), -ENOSPC);
    drain_set_triggers(stage.drain, triggers);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drop_is_a_moment),
        cmocka_unit_test(drop_of_threads_without_a_ring_is_one_as_well),
        cmocka_unit_test(end_of_a_process_is_a_moment_if_it_was_meant),
        cmocka_unit_test(signal_is_a_moment),
        cmocka_unit_test(moment_waits_for_what_follows),
        cmocka_unit_test(cool_down_counts_what_it_passes_over),
        cmocka_unit_test(no_more_moments_than_were_asked_for),
        cmocka_unit_test(several_triggers_look_at_the_same_events),
        cmocka_unit_test(there_are_limits_to_how_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
