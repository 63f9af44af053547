/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two who decide at once: one is interrupted behind every single instruction by all that the other
 * does. Afterwards the switch says what the later word and the gate say, and no type has slipped
 * through between a rule that changes and a type that comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/atomic.h"
#include "registry/segment.h"
#include "step.h"

/* In private memory: what happens in a copy of the process stays there. */
static struct switches_shared memory;
static struct segment s = {.switches = &memory};
static struct glob_words said, draft;

static void begin_anew(void)
{
    memset(&memory, 0, sizeof(memory));
    memset(&said, 0, sizeof(said));
    switches_format(&s);
}

static bool flag_is(bool on, const char *what)
{
    if ((load_relaxed(switch_flag(&s, 0)) != 0) == on)
        return true;
    printf("    %s: the switch is %s\n", what, on ? "off" : "on");
    return false;
}

static void decide(uint64_t stamp, bool on)
{
    (void)switch_decide(&s, 0, (struct glob_verdict){.stamp = stamp, .on = on});
}

/* ---- what one does and what the other does ---- */

static void early_on(void *context)
{
    (void)context;
    decide(5, true);
}

static void late_off(void *context)
{
    (void)context;
    decide(6, false);
}

static void gate_shuts(void *context)
{
    (void)context;
    switches_gate_set(&s, SWITCH_GATE_SHUT);
}

static void gate_opens(void *context)
{
    (void)context;
    switches_gate_set(&s, SWITCH_GATE_OPEN);
}

static bool is_off(void *context)
{
    return flag_is(false, context);
}

static bool is_on(void *context)
{
    return flag_is(true, context);
}

static void step(void (*run)(void *), void (*interrupt)(void *), bool (*judge)(void *), char *name,
                 unsigned every)
{
    const struct step_plan plan = {
        .run = run, .interrupt = interrupt, .judge = judge, .context = name, .every = every};
    uint64_t failed = 0, instructions = step_through(&plan, &failed);

    print_message("%s: %llu instructions\n", name, (unsigned long long)instructions);
    assert_true(instructions > 10);
    assert_int_equal(failed, 0);
}

static int switch_that_is(bool on, uint32_t gate)
{
    begin_anew();
    assert_int_equal(switch_take(&s, 8, 6), 0);
    decide(2, on);
    switches_gate_set(&s, gate);
    return 0;
}

static void later_word_stands_whoever_is_interrupted(void **state)
{
    (void)state;
    if (!step_is_possible())
        skip();
    switch_that_is(false, SWITCH_GATE_OPEN);
    step(early_on, late_off, is_off, "early on, interrupted by late off", 1);
    switch_that_is(true, SWITCH_GATE_OPEN);
    step(late_off, early_on, is_off, "late off, interrupted by early on", 1);
}

static void gate_holds_whoever_is_interrupted(void **state)
{
    (void)state;
    if (!step_is_possible())
        skip();
    switch_that_is(false, SWITCH_GATE_OPEN);
    step(early_on, gate_shuts, is_off, "on, interrupted by the gate that shuts", 1);
    switch_that_is(false, SWITCH_GATE_SHUT);
    step(early_on, gate_opens, is_on, "on, interrupted by the gate that opens", 1);
    switch_that_is(false, SWITCH_GATE_OPEN);
    step(gate_shuts, early_on, is_off, "the gate that shuts, interrupted by on", 1);
    switch_that_is(false, SWITCH_GATE_SHUT);
    step(gate_opens, early_on, is_on, "the gate that opens, interrupted by on", 1);
}

/* ---- a type that comes while a rule changes ---- */

static uint32_t told; /* the type is in the arena: the drain can find its switch */

/* As tracer/event_switch.c does it. */
static void register_type(void *context)
{
    struct switch_rules rules;
    int n = -1;

    (void)context;
    store_release(&told, 1);
    do {
        switches_rules(&s, &rules);
        if (n < 0)
            n = switch_take(&s, 8, 6);
        (void)switch_decide(&s, (uint32_t)n, switch_verdict(&rules, "a:b"));
    } while (!switches_rules_hold(&s, &rules));
}

/* As drain/steer.c does it. */
static void switch_it_off(void *context)
{
    struct switch_rules rules;

    (void)context;
    if (glob_words_say(&said, &draft, "a:*", false, 1) < 0)
        return;
    switches_say(&s, &said, 0);
    if (!load_acquire(&told))
        return;
    switches_rules(&s, &rules);
    for (uint32_t n = 0; n < switches_taken(&s); n++)
        (void)switch_decide(&s, n, switch_verdict(&rules, "a:b"));
}

static void type_that_comes_while_a_rule_changes_does_not_slip_through(void **state)
{
    (void)state;
    if (!step_is_possible())
        skip();
    begin_anew();
    told = 0;
    step(register_type, switch_it_off, is_off, "a type comes, interrupted by a rule", 3);
    begin_anew();
    told = 0;
    step(switch_it_off, register_type, is_off, "a rule changes, interrupted by a type", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_word_stands_whoever_is_interrupted),
        cmocka_unit_test(gate_holds_whoever_is_interrupted),
        cmocka_unit_test(type_that_comes_while_a_rule_changes_does_not_slip_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
