/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "drain/drain_state.h"
#include "drain/trigger.h"
#include "fake_writer.h"
#include "producer.h"

enum { TYPE_COUNTER = 20, TYPE_BEGIN, TYPE_END, TYPE_ENTER, TYPE_EXIT, TYPE_QUERY };

/* ---- what the drain calls ---- */

static struct {
    unsigned moments, tells;
    struct trigger_moment last;
    char text[TRIGGER_TEXT_BYTES], told[TRIGGER_TEXT_BYTES];
    unsigned names; /* asked for */
} heard;

static void moment(void *context, struct drain *drain, const struct trigger_moment *m)
{
    (void)context;
    (void)drain;
    heard.moments++;
    heard.last = *m;
    strcpy(heard.text, m->text);
    assert_int_equal(m->number, heard.moments);
}

static void tell(void *context, const char *text)
{
    (void)context;
    heard.tells++;
    strcpy(heard.told, text);
}

/* Every function of the module at 0x1000 by its address. */
static const char *function_name(void *context, const struct drain_module *module, uint64_t address)
{
    (void)context;
    assert_int_equal(module->bias, 0x100000);
    heard.names++;
    return address == 0x1100 ? "json::parse(char const*)" : address == 0x1200 ? "print" : NULL;
}

static const struct trigger_options at_once = {.ticks_per_second = 1000000000,
                                               .before_ns = 5000000000,
                                               .moment = moment,
                                               .tell = tell,
                                               .function_name = function_name};

static void triggers_set(struct stage *stage, const struct trigger_options *options,
                         const char *const *expressions, unsigned count)
{
    struct triggers *triggers;
    struct expression_error error;

    memset(&heard, 0, sizeof(heard));
    assert_int_equal(triggers_create(&triggers, options), 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(triggers_add(triggers, expressions[i], &error), 0);
    drain_set_triggers(stage->drain, triggers);
}

/* A stage with one producer and one trigger. */
static void stage_with(struct stage *stage, struct producer *p, const char *expression,
                       const struct trigger_options *options)
{
    stage_set(stage, &(struct stage_options){.ring_bytes = 65536});
    triggers_set(stage, options ? options : &at_once, &expression, 1);
    producer_claim(p, stage, 0, false);
}

/* ---- types of the tests ---- */

static void type_tell(struct stage *stage, const struct schema *schema)
{
    unsigned char bytes[1024];
    int size = schema_encode(schema, bytes, sizeof(bytes));

    assert_true(size > 0);
    assert_int_equal(arena_append(&stage->segment, ARENA_TYPE, bytes, (size_t)size, NULL, 0), 0);
}

static void types_tell(struct stage *stage)
{
    static const struct ada_field value = {"value", NULL, 0, 1, ADA_KIND_SIGNED, 8};
    static const struct ada_field call[] = {{"address", NULL, 0, 1, ADA_KIND_CODE, 6},
                                            {"frame", NULL, 0, 1, ADA_KIND_UNSIGNED, 2}};
    static const struct ada_field query[] = {{"text", NULL, 0, 1, ADA_KIND_STRING, 0},
                                             {"rows", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}};
    const struct schema schemas[] = {
        {TYPE_COUNTER, ADA_PHASE_COUNTER, ADA_LEVEL_INFO, 1, 0, "mem", "used", NULL, NULL, &value},
        {TYPE_BEGIN, ADA_PHASE_BEGIN, ADA_LEVEL_INFO, 0, 0, "app", "parse", NULL, NULL, NULL},
        {TYPE_END, ADA_PHASE_END, ADA_LEVEL_INFO, 0, 0, "app", "parse", NULL, NULL, NULL},
        {TYPE_ENTER, ADA_PHASE_FUNCTION_ENTER, ADA_LEVEL_INFO, 2, 0, "function", "enter", NULL,
         NULL, call},
        {TYPE_EXIT, ADA_PHASE_FUNCTION_EXIT, ADA_LEVEL_INFO, 1, 0, "function", "exit", NULL, NULL,
         call},
        {TYPE_QUERY, ADA_PHASE_INSTANT, ADA_LEVEL_INFO, 2, 0, "sql", "query", NULL, NULL, query},
    };

    for (size_t i = 0; i < sizeof(schemas) / sizeof(*schemas); i++)
        type_tell(stage, &schemas[i]);
}

static void module_tell(struct stage *stage)
{
    struct arena_map map = {.base = 0x101000, .end = 0x102000, .bias = 0x100000, .pid = stage->pid};

    assert_int_equal(arena_append(&stage->segment, ARENA_MAP, &map, sizeof(map), "/bin/shop", 10),
                     0);
}

/* As the agent lays them out: 48 bits of the address, then the frame tag. */
static void call_write(struct producer *p, uint32_t type, uint64_t address, uint16_t frame)
{
    const uint64_t payload = address | (uint64_t)frame << 48;

    assert_true(ring_write(&p->writer, type, &payload, type == TYPE_ENTER ? 8 : 6));
}

/* ---- events ---- */

static void matching_event_is_a_moment(void **state)
{
    struct stage stage;
    struct producer p;
    uint64_t before = clock_monotonic_ns();

    (void)state;
    stage_with(&stage, &p, "test:number.number == 700", NULL);
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_string_equal(heard.last.expression, "test:number.number == 700");
    assert_non_null(strstr(heard.text, "trigger test:number.number == 700: test:number of thread "
                                       "producer/"));
    assert_non_null(strstr(heard.text, ": number 700"));
    assert_true(heard.last.ticks >= before && heard.last.ticks <= clock_monotonic_ns());
    assert_int_equal(heard.last.from_ticks, heard.last.ticks - 5000000000);
    assert_int_equal(heard.last.to_ticks, heard.last.ticks);
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
    stage_with(&stage, &p, "sql:query.text contains \"UPDATE\" && thread == \"producer\"", NULL);
    types_tell(&stage);
    memcpy(payload, &rows, 4);
    memcpy(payload + 4, &length, 4);
    memcpy(payload + 8, text, length);
    assert_true(ring_write(&p.writer, TYPE_QUERY, payload, 8 + length));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_non_null(strstr(heard.text, ": text \"UPDATE.[31m.stock\", rows 3"));
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
    triggers_set(&stage, &at_once, &expression, 1);
    assert_true(producer_write(&p, 6));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    /* And they can be taken away again. */
    drain_set_triggers(stage.drain, NULL);
    assert_true(producer_write(&p, 7));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    stage_clear(&stage);
}

static void type_that_is_not_as_the_trigger_says_is_told_once(void **state)
{
    struct stage stage, second;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "test:number.nmber > 5", NULL);
    drain_round(stage.drain);
    assert_int_equal(heard.tells, 1);
    assert_string_equal(heard.told, "trigger test:number.nmber > 5: test:number has no field "
                                    "`nmber`; did you mean `number`?");
    stage_add(&second, stage.drain, &(struct stage_options){.pid = (uint32_t)getppid()});
    drain_round(stage.drain);
    assert_int_equal(heard.tells, 1);
    assert_int_equal(heard.moments, 0);
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
    stage_with(&stage, &p, "mem:used.value > 100", NULL);
    types_tell(&stage);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        assert_true(ring_write(&p.writer, TYPE_COUNTER, &values[i], 8));
        drain_round(stage.drain);
        assert_int_equal(heard.moments, moments[i]);
    }
    stage_clear(&stage);
}

/* ---- slow() ---- */

static void scope_is_timed_from_begin_to_end(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(parse) >= 0s && !(slow(parse) > 1h)", NULL);
    types_tell(&stage);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0)); /* of a scope that began before us */
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_non_null(strstr(heard.text, "app:parse of thread producer/"));
    assert_non_null(strstr(heard.text, ", after "));
    assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 2);
    assert_true(ring_write(&p.writer, TYPE_END, "", 0)); /* one too many */
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 2);
    stage_clear(&stage);
}

static void scope_that_is_fast_is_no_moment(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(app:parse) > 1h", NULL);
    types_tell(&stage);
    for (int i = 0; i < 200; i++) {
        assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    }
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    stage_clear(&stage);
}

static void scopes_deeper_than_there_is_room_for_are_passed_over(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    types_tell(&stage);
    for (int i = 0; i < 100; i++)
        assert_true(ring_write(&p.writer, TYPE_BEGIN, "", 0));
    for (int i = 0; i < 36; i++)
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    for (int i = 0; i < 64; i++)
        assert_true(ring_write(&p.writer, TYPE_END, "", 0));
    drain_round(stage.drain);
    assert_int_equal(heard.moments + heard.last.others, 64);
    stage_clear(&stage);
}

static void function_is_found_by_its_name(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(json::parse) >= 0s", NULL);
    types_tell(&stage);
    module_tell(&stage);
    for (int i = 0; i < 10; i++) {
        call_write(&p, TYPE_ENTER, 0x101200, 100);
        call_write(&p, TYPE_EXIT, 0x101200, 0);
    }
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    call_write(&p, TYPE_ENTER, 0x101100, 100);
    call_write(&p, TYPE_ENTER, 0x101200, 90);
    call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_non_null(strstr(heard.text, "address 0x101100"));
    assert_int_equal(heard.names, 2); /* each address once */
    stage_clear(&stage);
}

static void function_before_its_module_is_told_is_asked_for_again(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    types_tell(&stage);
    call_write(&p, TYPE_ENTER, 0x101100, 100);
    drain_round(stage.drain);
    assert_int_equal(heard.names, 0);
    module_tell(&stage);
    drain_round(stage.drain);
    call_write(&p, TYPE_ENTER, 0x101100, 90);
    call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    stage_clear(&stage);
}

/* longjmp(3) leaves entries without exits: the next one of the same, not below, tells. */
static void entries_without_an_exit_do_not_pile_up(void **state)
{
    struct stage stage;
    struct producer p;

    (void)state;
    stage_with(&stage, &p, "slow(parse) >= 0s", NULL);
    types_tell(&stage);
    module_tell(&stage);
    for (int i = 0; i < 1000; i++)
        call_write(&p, TYPE_ENTER, 0x101100, 100);
    call_write(&p, TYPE_EXIT, 0x101100, 0);
    call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    stage_clear(&stage);
}

/* ---- the drain's own events ---- */

static void drop_is_a_moment(void **state)
{
    const char *expression = "drop";
    struct stage stage;
    struct producer p;

    (void)state;
    stage_set(&stage, &(struct stage_options){.ring_bytes = 4096});
    triggers_set(&stage, &at_once, &expression, 1);
    producer_claim(&p, &stage, 0, false);
    while (producer_write(&p, 1))
        ;
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    assert_true(producer_write(&p, 2));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_non_null(strstr(heard.text, "trigger drop: adatrace:gap of thread producer/"));
    assert_non_null(strstr(heard.text, ": records 1, bytes 16, kind dropped"));
    stage_clear(&stage);
}

static void drop_of_threads_without_a_ring_is_one_as_well(void **state)
{
    const char *expression = "drop";
    struct stage stage;

    (void)state;
    stage_set(&stage, &(struct stage_options){0});
    triggers_set(&stage, &at_once, &expression, 1);
    drain_round(stage.drain);
    stage.segment.shared->unringed += 5;
    stage.segment.shared->unringed_bytes += 80;
    drain_tick(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_non_null(strstr(heard.text, "adatrace:gap of process "));
    assert_non_null(strstr(heard.text, ": records 5, bytes 80, kind dropped"));
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
    triggers_set(&stage, &at_once, &expression, 1);
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
    assert_int_equal(heard.moments, 0);
    drain_child_status(stage.drain, (uint32_t)pid, status < 0 ? -status : status << 8);
    stage.drain->tick_ns = 0; /* where no pidfd tells of deaths, as under valgrind, it looks then */
    drain_round(stage.drain);
    drain_finish(stage.drain);
    stage_clear(&stage);
    return heard.moments;
}

static void end_of_a_process_is_a_moment_if_it_was_meant(void **state)
{
    (void)state;
    assert_int_equal(moments_of_exit("crash", -SIGTERM), 1);
    assert_non_null(strstr(heard.text, "trigger crash: adatrace:exit of process "));
    assert_non_null(strstr(heard.text, ": status 0, signal 15"));
    assert_int_equal(moments_of_exit("crash", 3), 0);
    assert_int_equal(moments_of_exit("failure", 3), 1);
    assert_non_null(strstr(heard.text, ": status 3, signal 0"));
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
    stage_with(&stage, &p, "signal", NULL);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    triggers_signal(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    stage_clear(&stage);
}

/* ---- before, after, how often ---- */

static void moment_waits_for_what_follows(void **state)
{
    struct trigger_options options = at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.after_ns = UINT64_C(3600000000000);
    options.cool_down_ns = 1;
    stage_with(&stage, &p, "test:number.number > 5", &options);
    for (uint64_t i = 0; i < 9; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 0);
    /* The end of the recording does not wait. */
    drain_finish(stage.drain);
    assert_int_equal(heard.moments, 1);
    assert_true(heard.last.is_last);
    assert_int_equal(heard.last.others, 2);
    assert_true(heard.last.to_ticks > heard.last.ticks);
    stage_clear(&stage);
}

static void cool_down_counts_what_it_passes_over(void **state)
{
    struct trigger_options options = at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.cool_down_ns = UINT64_C(3600000000000);
    stage_with(&stage, &p, "test:number.number > 5", &options);
    assert_true(producer_write(&p, 6));
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 1);
    for (uint64_t i = 0; i < 9; i++)
        assert_true(producer_write(&p, i));
    drain_round(stage.drain);
    drain_finish(stage.drain);
    assert_int_equal(heard.moments, 1);
    stage_clear(&stage);
}

static void no_more_moments_than_were_asked_for(void **state)
{
    struct trigger_options options = at_once;
    struct stage stage;
    struct producer p;

    (void)state;
    options.moments_max = 3;
    stage_with(&stage, &p, "test:number.number > 5", &options);
    for (uint64_t i = 0; i < 20; i++) {
        assert_true(producer_write(&p, i));
        drain_round(stage.drain);
        assert_int_equal(heard.last.is_last, heard.moments == 3);
    }
    assert_int_equal(heard.moments, 3);
    assert_non_null(strstr(heard.text, "number 8"));
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
    triggers_set(&stage, &at_once, expressions, 4);
    producer_claim(&p, &stage, 0, false);
    types_tell(&stage);
    module_tell(&stage);
    for (uint64_t i = 0; i < 7; i++) {
        assert_true(producer_write(&p, i));
        drain_round(stage.drain);
    }
    assert_int_equal(heard.moments, 2);
    assert_string_equal(heard.last.expression, expressions[1]);
    call_write(&p, TYPE_ENTER, 0x101100, 100);
    call_write(&p, TYPE_ENTER, 0x101200, 90);
    call_write(&p, TYPE_EXIT, 0x101200, 0);
    call_write(&p, TYPE_EXIT, 0x101100, 0);
    drain_round(stage.drain);
    assert_int_equal(heard.moments, 3);
    assert_string_equal(heard.last.expression, expressions[3]);
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
    assert_int_equal(triggers_create(&triggers, &at_once), 0);
    for (unsigned i = 0; i < TRIGGERS_MAX; i++)
        assert_int_equal(triggers_add(triggers, "slow(a) > 1s || slow(b) > 1s", &error), 0);
    assert_int_equal(triggers_add(triggers, "drop", &error), -ENOSPC);
    drain_set_triggers(stage.drain, triggers);
    stage_clear(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_event_is_a_moment),
        cmocka_unit_test(record_alone_is_looked_at_like_one_in_a_run),
        cmocka_unit_test(types_told_before_the_trigger_was_set_are_known),
        cmocka_unit_test(type_that_is_not_as_the_trigger_says_is_told_once),
        cmocka_unit_test(counter_is_met_when_it_crosses_the_limit),
        cmocka_unit_test(scope_is_timed_from_begin_to_end),
        cmocka_unit_test(scope_that_is_fast_is_no_moment),
        cmocka_unit_test(scopes_deeper_than_there_is_room_for_are_passed_over),
        cmocka_unit_test(function_is_found_by_its_name),
        cmocka_unit_test(function_before_its_module_is_told_is_asked_for_again),
        cmocka_unit_test(entries_without_an_exit_do_not_pile_up),
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
