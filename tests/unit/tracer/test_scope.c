/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes in C: the end comes wherever the block is left, and only for a beginning. */
#include "tracer_fixture.h"

ADA_EVENT(scope, mark, (u32, n))

static void expect_begin(const char *name)
{
    assert_int_equal(event_phase(recording_expect(name)), ADA_PHASE_BEGIN);
}

static void expect_end(const char *name)
{
    assert_int_equal(event_phase(recording_expect(name)), ADA_PHASE_END);
}

static int leave_early(int how)
{
    for (int i = 0; i < 2; i++) {
        ADA_SCOPE(scope, round);
        if (how == 0)
            continue;
        if (how == 1)
            break;
        if (how == 2)
            return i;
        goto out;
    }
    return 2;
out:
    return 3;
}

static void scope_ends_however_the_block_is_left(void **state)
{
    const unsigned rounds[] = {2, 1, 1, 1};

    (void)state;
    recording_start(NULL);
    for (int how = 0; how < 4; how++) {
        (void)leave_early(how);
        ada_trace_scope_mark((uint32_t)how);
    }
    recording_stop();
    for (unsigned how = 0; how < 4; how++) {
        for (unsigned i = 0; i < rounds[how]; i++) {
            expect_begin("scope:round");
            expect_end("scope:round");
        }
        assert_int_equal(field_unsigned(recording_expect("scope:mark"), "n"), how);
    }
    recording_expect_end();
}

static void scopes_nest_and_end_in_reverse(void **state)
{
    (void)state;
    recording_start(NULL);
    {
        ADA_SCOPE(scope, outer);
        ADA_SCOPE(scope, inner);
        ada_trace_scope_mark(1);
    }
    recording_stop();
    expect_begin("scope:outer");
    expect_begin("scope:inner");
    recording_expect("scope:mark");
    expect_end("scope:inner");
    expect_end("scope:outer");
    recording_expect_end();
}

static void recurse(unsigned depth)
{
    ADA_SCOPE(scope, level);
    if (depth > 1)
        recurse(depth - 1);
}

static void recursion_opens_the_same_scope_again(void **state)
{
    (void)state;
    recording_start(NULL);
    recurse(20);
    recording_stop();
    for (unsigned i = 0; i < 20; i++)
        expect_begin("scope:level");
    for (unsigned i = 0; i < 20; i++)
        expect_end("scope:level");
    recording_expect_end();
}

static void scope_that_is_off_says_nothing(void **state)
{
    const struct ada_session_options options = {.events = "!scope:quiet"};

    (void)state;
    recording_start(&options);
    for (int i = 0; i < 3; i++) {
        ADA_SCOPE(scope, quiet);
        ada_trace_scope_mark(1);
    }
    recording_stop();
    for (int i = 0; i < 3; i++)
        recording_expect("scope:mark");
    recording_expect_end();
}

static void scope_switched_on_inside_has_no_end_without_beginning(void **state)
{
    const struct ada_session_options options = {.events = "!scope:late"};

    (void)state;
    recording_start(&options);
    for (int i = 0; i < 2; i++) {
        ADA_SCOPE(scope, late);
        if (i == 0)
            (void)ada_events_enable("scope:late");
    }
    recording_stop();
    expect_begin("scope:late");
    expect_end("scope:late");
    recording_expect_end();
}

static void scope_switched_off_inside_stays_open(void **state)
{
    (void)state;
    recording_start(NULL);
    {
        ADA_SCOPE(scope, cut);
        (void)ada_events_disable("scope:cut");
    }
    recording_stop();
    expect_begin("scope:cut");
    recording_expect_end();
}

static void scope_open_at_the_session_s_end_is_harmless(void **state)
{
    (void)state;
    recording_start(NULL);
    {
        ADA_SCOPE(scope, open);
        recording_stop();
        expect_begin("scope:open");
        recording_expect_end();
    }
    recording_start(NULL);
    recording_stop();
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_ends_however_the_block_is_left),
        cmocka_unit_test(scopes_nest_and_end_in_reverse),
        cmocka_unit_test(recursion_opens_the_same_scope_again),
        cmocka_unit_test(scope_that_is_off_says_nothing),
        cmocka_unit_test(scope_switched_on_inside_has_no_end_without_beginning),
        cmocka_unit_test(scope_switched_off_inside_stays_open),
        cmocka_unit_test(scope_open_at_the_session_s_end_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
