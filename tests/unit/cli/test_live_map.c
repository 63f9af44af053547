/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPACES = 3, KEYS = 1000, STEPS = 200000 };

/* Random puts and removes against a plain array. */
static void map_agrees_with_an_array(void **state)
{
    static uint64_t model[SPACES][KEYS]; /* 0: not there */
    struct live_map map;
    size_t count = 0;

    (void)state;
    srand(11);
    assert_int_equal(live_map_init(&map), 0);
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint64_t space = (uint64_t)rand() % SPACES, index = (uint64_t)rand() % KEYS;
        uint64_t key = index << 4; /* as addresses are */
        struct live_entry *entry = live_map_find(&map, space, key);

        assert_int_equal(entry ? entry->value : 0, model[space][index]);
        if (rand() % 2) {
            count += !entry;
            entry = live_map_put(&map, space, key);
            assert_non_null(entry);
            entry->value = model[space][index] = step;
        } else if (entry) {
            live_map_remove(&map, entry);
            model[space][index] = 0;
            count--;
        }
        assert_int_equal(map.count, count);
    }
    for (uint64_t space = 0; space < SPACES; space++)
        for (uint64_t index = 0; index < KEYS; index++) {
            const struct live_entry *entry = live_map_find(&map, space, index << 4);

            assert_int_equal(entry ? entry->value : 0, model[space][index]);
        }
    live_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(map_agrees_with_an_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
