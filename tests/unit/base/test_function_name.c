/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/function_name.h"

static void names_are_matched_as_people_mean_them(void **state)
{
    static const struct {
        const char *glob, *name;
        int fits;
    } rows[] = {
        {"parse", "parse", 1},
        {"parse", "parse2", 0},
        {"parse*", "parse2", 1},
        {"parse", "parse(char const*)", 1},
        {"parse", "json::parse(char const*)", 1},
        {"json::parse", "json::parse(char const*)", 1},
        {"json::*", "json::parse(char const*)", 1},
        {"xml::parse", "json::parse(char const*)", 0},
        {"json::parse(char const*)", "json::parse(char const*)", 1},
        {"json::parse(int)", "json::parse(char const*)", 0},
        {"sort<*>", "void std::sort<std::pair<int, a::b> >(int*)", 1},
        {"*sort<*>*", "void std::sort<std::pair<int, a::b> >(int*)", 1},
        {"operator()", "app::compare::operator()(int, int) const", 1},
        {"run", "(anonymous namespace)::run(int)", 1},
        {"", "parse", 0},
        {"*", "", 1},
        {"(", "(", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (function_name_fits(rows[i].glob, rows[i].name) != (rows[i].fits != 0))
            fail_msg("%s, %s", rows[i].glob, rows[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_matched_as_people_mean_them)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
