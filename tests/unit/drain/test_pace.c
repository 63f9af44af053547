/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "drain/pace.h"

#define MS UINT64_C(1000000)

/* A machine: what a megabyte of content costs, packed and as it is, in a step of ten milliseconds.
 */
struct machine {
    uint64_t pack_ns, write_ns; /* of a megabyte: content packed, bytes written */
    uint64_t ratio;             /* bytes of content that become one byte when packed */
    struct pace_costs costs;
    uint64_t now_ns;
};

static int machine_step(struct machine *m, struct pace *pace, unsigned fill_percent)
{
    uint64_t content = 1 << 20, out = pace->level ? content / m->ratio : content;

    m->now_ns += 10 * MS;
    m->costs.blocks += 10;
    m->costs.content_bytes += content;
    m->costs.file_bytes += out;
    m->costs.pack_ns += pace->level ? m->pack_ns : 0;
    m->costs.write_ns += m->write_ns / content * out + 10 * 1500;
    return pace_turn(pace, fill_percent, m->now_ns, &m->costs);
}

static const struct machine quick_disk = {.pack_ns = 2 << 20, .write_ns = 1 << 20, .ratio = 4};
static const struct machine slow_disk = {.pack_ns = 2 << 20, .write_ns = 5 << 20, .ratio = 4};

static void pace_while_calm_keeps_the_wanted_level(void **state)
{
    struct machine m = quick_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 3);
    for (int i = 0; i < 500; i++)
        assert_int_equal(machine_step(&m, &pace, 5), 3);
}

static void pace_under_pressure_falls_step_by_step_to_stored_blocks(void **state)
{
    struct machine m = quick_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 3);
    assert_int_equal(machine_step(&m, &pace, 60), 1);
    m.now_ns -= 9 * MS;
    assert_int_equal(machine_step(&m, &pace, 60), 1); /* a step takes a moment to show */
    m.now_ns += 2 * MS;
    assert_int_equal(machine_step(&m, &pace, 60), -3);
    assert_int_equal(machine_step(&m, &pace, 60), -7);
    assert_int_equal(machine_step(&m, &pace, 60), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(machine_step(&m, &pace, 60), 0);
}

static void pace_in_a_burst_falls_to_the_fastest_at_once(void **state)
{
    struct machine m = quick_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 9);
    assert_int_equal(machine_step(&m, &pace, 90), -7);
    assert_int_equal(machine_step(&m, &pace, 90), 0);
}

static void pace_stores_nothing_where_writing_costs_more_than_packing(void **state)
{
    struct machine m = slow_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 1);
    machine_step(&m, &pace, 60);
    for (int i = 0; i < 300; i++)
        assert_int_equal(machine_step(&m, &pace, 99), -7);
}

static void pace_takes_storing_back_where_the_disk_is_slower_than_it_looked(void **state)
{
    struct machine m = quick_disk;
    struct pace pace;
    int tries = 0, stored = 0;

    (void)state;
    pace_init(&pace, 1);
    machine_step(&m, &pace, 99);
    for (int i = 0; i < 2000; i++) { /* twenty seconds */
        int before = pace.level;

        m.write_ns = before ? quick_disk.write_ns : slow_disk.write_ns;
        tries += machine_step(&m, &pace, 99) == 0 && before != 0;
        stored += before == 0;
    }
    assert_in_range(tries, 3, 6); /* after one second, two, four, eight */
    assert_int_equal(stored, tries);
    assert_int_equal(pace.level, -7);
}

static void pace_after_a_calm_while_climbs_back(void **state)
{
    static const int levels[] = {-7, -3, 1, 3};
    struct machine m = quick_disk;
    struct pace pace;
    int level = 0, steps = 0;

    (void)state;
    pace_init(&pace, 3);
    for (int i = 0; i < 10; i++)
        level = machine_step(&m, &pace, 80);
    assert_int_equal(level, 0);
    for (int i = 0; i < 49; i++)
        assert_int_equal(machine_step(&m, &pace, 5), 0);
    for (int i = 0; i < 1000; i++) {
        int next = machine_step(&m, &pace, 5);

        if (next == level)
            continue;
        assert_int_equal(next, levels[steps++]);
        level = next;
    }
    assert_int_equal(steps, 4);
}

static void pace_climbs_only_while_it_stays_calm(void **state)
{
    struct machine m = quick_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 1);
    assert_int_equal(machine_step(&m, &pace, 60), -3);
    for (int i = 0; i < 300; i++)
        assert_int_equal(machine_step(&m, &pace, i % 40 ? 5 : 30), -3);
}

static void pace_never_passes_the_wanted_level(void **state)
{
    static const int levels[] = {-7, -5, 1, 2, 19};
    struct pace pace;

    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        struct machine m = slow_disk;

        pace_init(&pace, levels[n]);
        for (int i = 0; i < 20; i++)
            assert_true(machine_step(&m, &pace, 60) <= levels[n]);
        for (int i = 0; i < 500; i++)
            assert_true(machine_step(&m, &pace, 0) <= levels[n]);
        assert_int_equal(pace.level, levels[n]);
    }
}

static void pace_of_stored_blocks_stays_stored(void **state)
{
    struct machine m = slow_disk;
    struct pace pace;

    (void)state;
    pace_init(&pace, 0);
    assert_int_equal(machine_step(&m, &pace, 99), 0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(machine_step(&m, &pace, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_while_calm_keeps_the_wanted_level),
        cmocka_unit_test(pace_under_pressure_falls_step_by_step_to_stored_blocks),
        cmocka_unit_test(pace_in_a_burst_falls_to_the_fastest_at_once),
        cmocka_unit_test(pace_stores_nothing_where_writing_costs_more_than_packing),
        cmocka_unit_test(pace_takes_storing_back_where_the_disk_is_slower_than_it_looked),
        cmocka_unit_test(pace_after_a_calm_while_climbs_back),
        cmocka_unit_test(pace_climbs_only_while_it_stays_calm),
        cmocka_unit_test(pace_never_passes_the_wanted_level),
        cmocka_unit_test(pace_of_stored_blocks_stays_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
