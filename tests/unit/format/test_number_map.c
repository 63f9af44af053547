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

static void removed_keys_are_gone_and_all_others_stay(void **state)
{
    enum { KEYS = 64, STEPS = 200000 };
    struct number_map map = {0};
    bool is_there[KEYS] = {0};
    uint64_t random = 1;
    size_t used = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        uint64_t key = fixture_random(&random) % KEYS;

        if (fixture_random(&random) % 2) {
            used += !is_there[key];
            is_there[key] = true;
            assert_int_equal(number_map_set(&map, key << 40, (uint32_t)key), 0);
        } else {
            used -= is_there[key];
            is_there[key] = false;
            number_map_remove(&map, key << 40);
        }
        assert_int_equal(map.used, used);
        for (uint64_t k = 0; k < KEYS; k += 1 + (uint64_t)step % 7)
            assert_true(number_map_find(&map, k << 40) == (is_there[k] ? k : NUMBER_MAP_NONE));
    }
    number_map_free(&map);
    number_map_remove(&map, 1);
    assert_null(map.slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_map_finds_nothing),
        cmocka_unit_test(map_keeps_every_key_while_it_grows),
        cmocka_unit_test(setting_a_key_again_replaces_its_value),
        cmocka_unit_test(removed_keys_are_gone_and_all_others_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
