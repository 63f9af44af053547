/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our tests use of cmocka, for a C library that has none in Debian (musl). Same names, same
 * meaning; a failed assertion leaves its test by longjmp, from any function but not from another
 * thread. One program, one file: everything is static.
 */
#ifndef ADATRACE_TESTS_MUSL_CMOCKA_H
#define ADATRACE_TESTS_MUSL_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state), (*teardown)(void **state);
};

#define cmocka_unit_test(f) \
    {                       \
#f, f, NULL, NULL   \
    }
#define cmocka_unit_test_setup(f, setup) \
    {                                    \
#f, f, setup, NULL               \
    }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
    {                                                       \
#f, f, setup, teardown                              \
    }
#define cmocka_run_group_tests(tests, setup, teardown) \
    cmocka_run((tests), sizeof(tests) / sizeof(*(tests)), (setup), (teardown))
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    cmocka_run_group_tests(tests, setup, teardown)

/* One for the program, which may have several source files. */
__attribute__((weak)) jmp_buf cmocka_place;

__attribute__((unused, noreturn)) static void cmocka_leave(int how)
{
    longjmp(cmocka_place, how);
}

__attribute__((unused, noreturn)) static void cmocka_fail(const char *file, int line,
                                                          const char *what, uint64_t a, uint64_t b)
{
    printf("[   LINE   ] --- %s:%d: error: %s (%#llx, %#llx)\n", file, line, what,
           (unsigned long long)a, (unsigned long long)b);
    cmocka_leave(1);
}

#define CMOCKA_BITS(v) ((uint64_t)(v))
#define cmocka_check(good, what, a, b) \
    ((good) ? (void)0 : cmocka_fail(__FILE__, __LINE__, what, (a), (b)))

#define assert_true(c)  cmocka_check((c), #c, 0, 0)
#define assert_false(c) cmocka_check(!(c), "not " #c, 0, 0)
#define assert_int_equal(a, b)                                                    \
    do {                                                                          \
        uint64_t cmocka_a = CMOCKA_BITS(a), cmocka_b = CMOCKA_BITS(b);            \
        cmocka_check(cmocka_a == cmocka_b, #a " is not " #b, cmocka_a, cmocka_b); \
    } while (0)
#define assert_int_not_equal(a, b) assert_true(CMOCKA_BITS(a) != CMOCKA_BITS(b))
#define assert_in_range(v, least, most)                                               \
    do {                                                                              \
        uint64_t cmocka_v = CMOCKA_BITS(v);                                           \
        cmocka_check(cmocka_v >= CMOCKA_BITS(least) && cmocka_v <= CMOCKA_BITS(most), \
                     #v " is out of range", cmocka_v, CMOCKA_BITS(most));             \
    } while (0)
#define assert_null(p)               assert_true((p) == NULL)
#define assert_non_null(p)           assert_true((p) != NULL)
#define assert_ptr_equal(a, b)       assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b)   assert_true((const void *)(a) != (const void *)(b))
#define assert_string_equal(a, b)    assert_true(strcmp((const char *)(a), (const char *)(b)) == 0)
#define assert_memory_equal(a, b, n) assert_true(memcmp((a), (b), (n)) == 0)
#define print_message(...)           printf(__VA_ARGS__)
#define fail_msg(...)                (printf(__VA_ARGS__), cmocka_fail(__FILE__, __LINE__, "failed", 0, 0))
#define fail()                       cmocka_fail(__FILE__, __LINE__, "failed", 0, 0)
#define skip()                       cmocka_leave(2)

__attribute__((unused)) static int cmocka_one(const struct CMUnitTest *t)
{
    void *state = NULL;
    int how;

    printf("[ RUN      ] %s\n", t->name);
    fflush(stdout);
    how = setjmp(cmocka_place);
    if (!how) {
        if (t->setup && t->setup(&state))
            cmocka_leave(1);
        t->test(&state);
    }
    if (t->teardown)
        (void)t->teardown(&state);
    printf("%s %s\n",
           how == 1   ? "[  FAILED  ]"
           : how == 2 ? "[  SKIPPED ]"
                      : "[       OK ]",
           t->name);
    return how == 1;
}

__attribute__((unused)) static int cmocka_run(const struct CMUnitTest *tests, size_t count,
                                              int (*setup)(void **), int (*teardown)(void **))
{
    void *state = NULL;
    int failed = setup ? setup(&state) : 0;

    for (size_t i = 0; i < count && !(setup && failed && !i); i++)
        failed += cmocka_one(&tests[i]);
    if (teardown)
        (void)teardown(&state);
    return failed;
}

#endif
