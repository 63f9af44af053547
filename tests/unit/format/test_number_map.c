/* SPDX-License-Identifier: Apache-2.0 */
#include "format/number_map.h"

#include "format_fixture.h"

static void empty_map_finds_nothing(void **state)
{
    struct number_map map = {0};

    (void)state;
    assert_true(number_map_find(&map, 0) == NUMBER_MAP_NONE);
    number_map_free(&map);
}

static void map_keeps_every_key_while_it_grows(void **state)
{
    enum { KEYS = 100000 };
    struct number_map map = {0};
    uint64_t random = 1;

    (void)state;
    for (uint32_t i = 0; i < KEYS; i++) /* neighbours, multiples of a page, and anything */
        assert_int_equal(number_map_set(&map,
                                        i % 3 == 0   ? i
                                        : i % 3 == 1 ? (uint64_t)i << 40
                                                     : fixture_random(&random) | 1ull << 63,
                                        i),
                         0);
    random = 1;
    for (uint32_t i = 0; i < KEYS; i++)
        assert_int_equal(number_map_find(&map, i % 3 == 0   ? i
                                               : i % 3 == 1 ? (uint64_t)i << 40
                                                            : fixture_random(&random) | 1ull << 63),
                         i);
    assert_true(number_map_find(&map, 1) == NUMBER_MAP_NONE);
    assert_int_equal(map.used, KEYS);
    number_map_free(&map);
}

static void setting_a_key_again_replaces_its_value(void **state)
{
    struct number_map map = {0};

    (void)state;
    assert_int_equal(number_map_set(&map, 7, 1), 0);
    assert_int_equal(number_map_set(&map, 7, 2), 0);
    assert_int_equal(number_map_find(&map, 7), 2);
    assert_int_equal(map.used, 1);
    number_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_finds_nothing),
        cmocka_unit_test(map_keeps_every_key_while_it_grows),
        cmocka_unit_test(setting_a_key_again_replaces_its_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
