/* SPDX-License-Identifier: Apache-2.0 */
#include "format/dictionary.h"

#include <stdlib.h>

#include "format_fixture.h"

enum { MANY = 20000 };

static struct dictionary *dictionary;
static uint64_t values[MANY];
static uint16_t indexes[MANY];

static int dictionary_make(void **state)
{
    (void)state;
    dictionary = calloc(1, sizeof(*dictionary));
    return dictionary ? dictionary_init(dictionary) : -1;
}

static int dictionary_drop(void **state)
{
    (void)state;
    dictionary_fini(dictionary);
    free(dictionary);
    return 0;
}

/* `distinct` values, each of them at least once, in any order; as far apart as addresses are, or as
 * near as indexes. */
static void values_make(uint32_t distinct, uint64_t factor)
{
    uint64_t random = distinct;

    for (uint32_t i = 0; i < MANY; i++)
        values[i] = (i < distinct ? i : fixture_random(&random) % distinct) * factor;
    for (uint32_t i = MANY; i > 1; i--) {
        uint32_t other = (uint32_t)(fixture_random(&random) % i);
        uint64_t value = values[i - 1];

        values[i - 1] = values[other];
        values[other] = value;
    }
}

static uint32_t index_at(uint32_t i, unsigned width)
{
    return width == 1 ? ((const uint8_t *)indexes)[i] : indexes[i];
}

static void entries_check(uint32_t distinct, unsigned width)
{
    const struct dictionary *d = dictionary;
    uint32_t seen = 0;

    dictionary_find_last(dictionary, indexes, MANY, width);
    assert_int_equal(d->count, distinct);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t entry = index_at(i, width);

        assert_true(entry < d->count);
        assert_int_equal(d->values[entry], values[i]);
        assert_in_range(i, d->first[entry], d->last[entry]);
        if (entry == seen) { /* in order of appearance */
            assert_int_equal(d->first[entry], i);
            seen++;
        }
        assert_true(entry < seen);
    }
    for (uint32_t entry = 0; entry < d->count; entry++)
        assert_int_equal(index_at(d->last[entry], width), entry);
}

static void small_dictionary_numbers_what_it_holds(void **state)
{
    static const uint32_t distinct[] = {1, 2, 3, 100, 255, 256};
    static const uint64_t factors[] = {1, 48, UINT64_C(0x100000000), UINT64_C(0x9E3779B97F4A7C15)};

    (void)state;
    for (unsigned n = 0; n < 6; n++)
        for (unsigned f = 0; f < 4; f++) {
            values_make(distinct[n], factors[f]);
            assert_true(dictionary_build_small(dictionary, values, MANY, (uint8_t *)indexes));
            entries_check(distinct[n], 1);
        }
}

static void large_dictionary_numbers_what_it_holds(void **state)
{
    static const uint32_t distinct[] = {1, 257, 4095, 4096};

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        values_make(distinct[n], 48);
        assert_true(dictionary_build_large(dictionary, values, MANY, indexes));
        entries_check(distinct[n], 2);
    }
}

static void more_than_the_limit_is_no_dictionary(void **state)
{
    (void)state;
    values_make(257, 48);
    assert_false(dictionary_build_small(dictionary, values, MANY, (uint8_t *)indexes));
    assert_int_equal(dictionary->count, 0);
    values_make(4097, 48);
    assert_false(dictionary_build_large(dictionary, values, MANY, indexes));
    assert_int_equal(dictionary->count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_dictionary_numbers_what_it_holds),
        cmocka_unit_test(large_dictionary_numbers_what_it_holds),
        cmocka_unit_test(more_than_the_limit_is_no_dictionary),
    };

    return cmocka_run_group_tests(tests, dictionary_make, dictionary_drop);
}
