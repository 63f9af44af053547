/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/bootstrap_heap.h"

static void block_is_aligned_zeroed_and_known(void **state)
{
    unsigned char *a = bootstrap_allocate(100, 1), *b = bootstrap_allocate(1, 1);

    (void)state;
    assert_non_null(a);
    assert_int_equal((uintptr_t)a % BOOTSTRAP_ALIGNMENT, 0);
    assert_int_equal((uintptr_t)b % BOOTSTRAP_ALIGNMENT, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(a[i], 0);
    memset(a, 1, 100);
    assert_true(b >= a + 100);
    assert_true(bootstrap_owns(a) && bootstrap_owns(b));
    assert_int_equal(bootstrap_size(a), 100);
    assert_int_equal(bootstrap_size(b), 1);
}

static void alignment_is_as_asked_for(void **state)
{
    (void)state;
    for (size_t alignment = 16; alignment <= 4096; alignment *= 2) {
        void *p = bootstrap_allocate(24, alignment);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignment, 0);
        assert_int_equal(bootstrap_size(p), 24);
    }
}

static void empty_block_has_an_address_of_its_own(void **state)
{
    void *a = bootstrap_allocate(0, 1), *b = bootstrap_allocate(0, 1);

    (void)state;
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    for (int i = 0; i < 5000; i++) /* over the end of the static part, too */
        assert_true(bootstrap_owns(bootstrap_allocate(0, 1)));
}

static void others_memory_is_not_known(void **state)
{
    uintptr_t base = (uintptr_t)bootstrap_memory; /* as numbers: the compiler knows the array */
    int local = 0;

    (void)state;
    assert_false(bootstrap_owns(&local));
    assert_false(bootstrap_owns(NULL));
    assert_false(bootstrap_owns((const void *)(base - 1)));
    assert_false(bootstrap_owns((const void *)(base + BOOTSTRAP_BYTES)));
}

static void full_memory_continues_in_mappings(void **state)
{
    unsigned char *last = NULL;
    int saved = errno = 77;

    (void)state;
    for (int i = 0; i < 3000; i++) { /* 3 MB: the static part and several mappings */
        unsigned char *p = bootstrap_allocate(1000, 1);

        assert_non_null(p);
        assert_true(bootstrap_owns(p));
        assert_int_equal(bootstrap_size(p), 1000);
        memset(p, i, 1000);
        if (last)
            assert_int_equal(last[999], (i - 1) & 0xff);
        last = p;
    }
    assert_non_null(bootstrap_chunks);
    assert_int_equal(errno, saved);
}

static void large_block_gets_a_mapping_of_its_own(void **state)
{
    unsigned char *p = bootstrap_allocate(10 << 20, 4096);

    (void)state;
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 4096, 0);
    p[(10 << 20) - 1] = 1;
    assert_true(bootstrap_owns(p + (10 << 20) - 1));
}

static void impossible_size_is_refused(void **state)
{
    (void)state;
    assert_null(bootstrap_allocate(SIZE_MAX, 1));
    assert_null(bootstrap_allocate(SIZE_MAX / 2, 4096));
    assert_null(bootstrap_allocate((size_t)1 << 60, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_is_aligned_zeroed_and_known),
        cmocka_unit_test(alignment_is_as_asked_for),
        cmocka_unit_test(empty_block_has_an_address_of_its_own),
        cmocka_unit_test(others_memory_is_not_known),
        cmocka_unit_test(full_memory_continues_in_mappings),
        cmocka_unit_test(large_block_gets_a_mapping_of_its_own),
        cmocka_unit_test(impossible_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
