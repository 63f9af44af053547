/* SPDX-License-Identifier: Apache-2.0 */
/* The fast way and the plain one give the same bytes, whatever the numbers, counts and masks. */
#include "format/byte_planes.h"

#include <stdlib.h>
#include <string.h>

#include "format_fixture.h"

enum { MANY = 1000 };

static uint64_t numbers[MANY];
static uint32_t narrow[MANY];
static unsigned char fast[8 * MANY + 16], plain[8 * MANY + 16];

static void numbers_make(uint64_t seed)
{
    for (unsigned i = 0; i < MANY; i++) {
        numbers[i] = fixture_random(&seed);
        narrow[i] = (uint32_t)numbers[i];
    }
}

static void twins_compare(const void *values, uint32_t count, unsigned mask, unsigned bytes)
{
    size_t size = (size_t)__builtin_popcount(mask) * count;

    memset(fast, 0xEE, sizeof(fast));
    memset(plain, 0xEE, sizeof(plain));
    assert_ptr_equal(planes_put(fast, values, count, mask, bytes), fast + size);
    assert_ptr_equal(planes_put_plainly(plain, values, count, mask, bytes), plain + size);
    assert_memory_equal(fast, plain, sizeof(fast)); /* nothing behind them either */
}

static void planes_of_every_mask_are_those_of_the_plain_twin(void **state)
{
    (void)state;
    numbers_make(1);
    for (unsigned mask = 0; mask < 256; mask++)
        twins_compare(numbers, 77, mask, 8);
    for (unsigned mask = 0; mask < 16; mask++)
        twins_compare(narrow, 77, mask, 4);
}

static void planes_of_every_count_are_those_of_the_plain_twin(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 100; count++) {
        numbers_make(count);
        twins_compare(numbers, count, 0xFF, 8);
        twins_compare(numbers, count, 0x2D, 8);
        twins_compare(narrow, count, 0xF, 4);
        twins_compare(narrow, count, 0xB, 4);
    }
    twins_compare(numbers + 1, MANY - 1, 0xFF, 8);
}

static void planes_stand_in_ascending_order(void **state)
{
    static const uint64_t values[] = {0x0807060504030201, 0x1817161514131211};
    static const unsigned char expected[] = {0x01, 0x11, 0x03, 0x13, 0x08, 0x18};
    unsigned char out[sizeof(expected)];

    (void)state;
    assert_ptr_equal(planes_put(out, values, 2, 0x85, 8), out + sizeof(out));
    assert_memory_equal(out, expected, sizeof(expected));
}

static void varying_tells_exactly_the_bytes_that_differ(void **state)
{
    uint64_t values[40];

    (void)state;
    for (unsigned b = 0; b < 8; b++) {
        for (unsigned i = 0; i < 40; i++)
            values[i] = UINT64_C(0x1122334455667788);
        assert_int_equal(planes_varying(values, 40), 0);
        values[39] ^= UINT64_C(1) << (8 * b);
        assert_int_equal(planes_varying(values, 40), 1u << b);
        assert_int_equal(planes_varying(values, 39), 0);
    }
    assert_int_equal(planes_of(UINT64_C(0xFF00000000000100)), 0x82);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_of_every_mask_are_those_of_the_plain_twin),
        cmocka_unit_test(planes_of_every_count_are_those_of_the_plain_twin),
        cmocka_unit_test(planes_stand_in_ascending_order),
        cmocka_unit_test(varying_tells_exactly_the_bytes_that_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
