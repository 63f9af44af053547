/* SPDX-License-Identifier: Apache-2.0 */
/* Spans are paired by name, process and id; those of the same id lie within each other. */
#include "cli/report_spans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES = 2, ENDS = 0, BEGINS = 1 };

static struct report_spans spans;
static uint64_t now;

static int spans_start(void **state)
{
    (void)state;
    now = 0;
    return report_spans_init(&spans, NAMES);
}

static int spans_drop(void **state)
{
    (void)state;
    report_spans_fini(&spans);
    return 0;
}

/* Something of this name and id, so many ticks after the last. */
static void add(unsigned kind, uint32_t name, uint64_t id, uint64_t later)
{
    const struct timeline_entry entry = {
        .ticks = now += later, .key = id, .value = name, .space = 1, .kind = kind & 1};

    assert_int_equal(timeline_add(&spans.timeline, &entry), 0);
}

static void begun_again_with_the_same_id_keeps_the_first(void **state)
{
    (void)state;
    add(BEGINS, 0, 7, 0);
    add(BEGINS, 0, 7, 10);
    add(ENDS, 0, 7, 5); /* took 5 */
    add(ENDS, 0, 7, 5); /* took 20 */
    assert_int_equal(report_spans_finish(&spans), 0);
    assert_int_equal(spans.stats[0].calls, 2);
    assert_int_equal(spans.stats[0].nested, 1);
    assert_int_equal(spans.stats[0].min_ticks, 5);
    assert_int_equal(spans.stats[0].max_ticks, 20);
    assert_int_equal(spans.stats[0].total_ticks, 25);
    assert_int_equal(spans.stats[0].unfinished, 0);
    assert_int_equal(spans.unmatched, 0);
}

static void other_names_and_ids_are_other_spans(void **state)
{
    (void)state;
    add(BEGINS, 0, 7, 0);
    add(BEGINS, 0, 8, 1);
    add(BEGINS, 1, 7, 1);
    add(ENDS, 0, 7, 10);
    add(ENDS, 1, 8, 1);
    assert_int_equal(report_spans_finish(&spans), 0);
    assert_int_equal(spans.stats[0].calls, 1);
    assert_int_equal(spans.stats[0].total_ticks, 12);
    assert_int_equal(spans.stats[0].nested, 0);
    assert_int_equal(spans.stats[0].unfinished, 1);
    assert_int_equal(spans.stats[1].unfinished, 1);
    assert_int_equal(spans.unmatched, 1);
}

static void every_span_left_open_is_unfinished(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        add(BEGINS, 1, 3, 1);
    add(ENDS, 1, 3, 1);
    assert_int_equal(report_spans_finish(&spans), 0);
    assert_int_equal(spans.stats[1].calls, 1);
    assert_int_equal(spans.stats[1].nested, 4);
    assert_int_equal(spans.stats[1].unfinished, 4);
    assert_int_equal(spans.stats[1].total_ticks, 1);
}

/* Against a plain stack for each id: places are given back and used again. */
static void deep_nests_of_many_ids_are_followed(void **state)
{
    enum { IDS = 50, STEPS = 20000, DEPTH = 300 };
    static uint64_t open[IDS][DEPTH];
    unsigned depth[IDS] = {0};
    uint64_t total = 0, calls = 0, nested = 0, left = 0;

    (void)state;
    srand(11);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned id = (unsigned)rand() % IDS;
        bool begins = depth[id] == 0 || (depth[id] < DEPTH && rand() % 2);

        add(begins ? BEGINS : ENDS, 0, id, (uint64_t)rand() % 4);
        if (begins) {
            nested += depth[id] > 0;
            open[id][depth[id]++] = now;
        } else {
            total += now - open[id][--depth[id]];
            calls++;
        }
    }
    for (unsigned id = 0; id < IDS; id++)
        left += depth[id];
    assert_int_equal(report_spans_finish(&spans), 0);
    assert_int_equal(spans.stats[0].calls, calls);
    assert_int_equal(spans.stats[0].total_ticks, total);
    assert_int_equal(spans.stats[0].nested, nested);
    assert_int_equal(spans.stats[0].unfinished, left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(begun_again_with_the_same_id_keeps_the_first, spans_start,
                                        spans_drop),
        cmocka_unit_test_setup_teardown(other_names_and_ids_are_other_spans, spans_start,
                                        spans_drop),
        cmocka_unit_test_setup_teardown(every_span_left_open_is_unfinished, spans_start,
                                        spans_drop),
        cmocka_unit_test_setup_teardown(deep_nests_of_many_ids_are_followed, spans_start,
                                        spans_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
