/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of losses: never that there are none where nobody can know. */
#include "cli/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A thousand records, all there. */
static struct summary whole(void)
{
    return (struct summary){
        .condition = {.ended = true, .data_blocks = 10, .records = 1000},
        .counts = {.threads = 1, .stored = 1000, .written = 1000},
        .complete = true,
    };
}

static void expect(const struct summary *summary, const char *words)
{
    char text[SUMMARY_LOSS_MAX];

    assert_string_equal(summary_loss_text(summary, text), words);
}

static void whole_trace_has_lost_nothing(void **state)
{
    struct summary summary = whole();

    (void)state;
    expect(&summary, "nothing lost");
    assert_int_equal(summary_missing(&summary), 0);
    assert_false(summary_is_vague(&summary));
}

static void what_was_lost_while_recording_is_counted(void **state)
{
    struct summary summary = whole();

    (void)state;
    summary.complete = false;
    summary.counts.dropped = 1;
    expect(&summary, "1 record lost (0.1 %)");
    summary.counts.dropped = 3000;
    summary.counts.overwritten = summary.counts.let_go = 1234;
    expect(&summary, "3,000 records lost (75.0 %), 1,234 older ones let go");
    assert_int_equal(summary_missing(&summary), 3000);
}

static void records_of_damaged_blocks_are_missing_and_no_others(void **state)
{
    struct summary summary = whole();

    (void)state;
    summary.complete = false;
    summary.condition.damaged_blocks = summary.condition.damaged_data_blocks = 1;
    summary.condition.damaged_records = 100;
    summary.condition.records = 900;
    expect(&summary, "100 records in damaged blocks");
    assert_int_equal(summary_missing(&summary), 100);
    assert_false(summary_is_vague(&summary));
    summary.condition.undescribed_records = 7;
    expect(&summary, "100 records in damaged blocks, 7 records of events that nothing describes");
    assert_int_equal(summary_missing(&summary), 107);
}

static void block_without_a_header_is_counted_by_the_ledgers(void **state)
{
    struct summary summary = whole();

    (void)state;
    summary.complete = false;
    summary.condition.damaged_blocks = 1; /* which nobody knows what it held */
    summary.condition.records = 900;
    expect(&summary, "100 records in damaged blocks, what else was lost is not known");
    assert_true(summary_is_vague(&summary));
}

static void losses_of_what_was_cut_off_are_not_known(void **state)
{
    struct summary summary = whole();

    (void)state;
    summary.complete = false;
    summary.condition.ended = false;
    expect(&summary, "losses not known");
    assert_true(summary_is_vague(&summary));
    summary.counts.dropped = 1000;
    expect(&summary, "1,000 records lost (50.0 %), what else was lost is not known");
}

static void ledgers_that_do_not_add_up_are_no_reason_to_say_nothing_lost(void **state)
{
    struct summary summary = whole();

    (void)state;
    summary.complete = false;
    summary.counts.written = 1005;
    expect(&summary, "losses not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_trace_has_lost_nothing),
        cmocka_unit_test(what_was_lost_while_recording_is_counted),
        cmocka_unit_test(records_of_damaged_blocks_are_missing_and_no_others),
        cmocka_unit_test(block_without_a_header_is_counted_by_the_ledgers),
        cmocka_unit_test(losses_of_what_was_cut_off_are_not_known),
        cmocka_unit_test(ledgers_that_do_not_add_up_are_no_reason_to_say_nothing_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
