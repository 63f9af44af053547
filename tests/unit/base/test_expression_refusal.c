/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "expression_answer.h"

static const struct expression_binding binding = {.ticks_per_second = 3000000000};

/* ---- refusals ---- */

struct refusal {
    const char *text;
    int answer; /* -1: by the type, -2: by itself */
    uint32_t at, length;
    const char *message;
};

static void refusals_name_the_place_and_help(void **state)
{
    static const struct refusal rows[] = {
        {"", -2, 0, 1, "the expression is empty"},
        {"   ", -2, 3, 1, "the expression is empty"},
        {"id >", -2, 4, 1, "something is missing at the end"},
        {"id > 5 &&", -2, 9, 1, "something is missing at the end"},
        {"id = 5", -2, 3, 1, "write == to compare"},
        {"a:b & c:d", -2, 4, 1, "write && for and"},
        {"a:b | c:d", -2, 4, 1, "write || for or"},
        {"(a:b", -2, 0, 1, "the ) for this ( is missing"},
        {"(a:b c:d)", -2, 5, 1, "here a ) or an operator is missing"},
        {"a:b)", -2, 3, 1, "there is no ( for this )"},
        {"a:b c:d", -2, 4, 1, "in front of this an operator is missing, such as && or =="},
        {"id > 20 ms", -2, 8, 2, "a unit stands right behind its number, without a space"},
        {"id > 20m", -2, 7, 1, "write M (1,048,576), ms or min"},
        {"id > 20parsecs", -2, 7, 7, "no unit is called so; there are"},
        {"id > 0xg", -2, 5, 3, "digits are missing here"},
        {"id > 0x1g", -2, 8, 1, "this is no hexadecimal digit"},
        {"id > 18446744073709551616", -2, 5, 20, "this number is larger than any field can hold"},
        {"id > 99999999999999G", -2, 5, 15, "this number is larger than any field can hold"},
        {"id > -9223372036854775809", -2, 5, 20, "this number is smaller than any field can hold"},
        {"1 < id < 5", -2, 7, 1, "comparisons do not chain; write `a < x && x < b`"},
        {"customer == \"Ann", -2, 12, 4, "the \" that ends this text is missing"},
        {"customer == \"\\q\"", -2, 13, 2, "this escape is not known; there are"},
        {"customer contains 5", -2, 18, 1, "this has to be a text in quotes"},
        {"customer matches A*", -2, 19, 1, "something is missing at the end"},
        {"5 contains \"x\"", -2, 0, 1, "only texts can be searched, and this is none"},
        {"order.id > 5", -2, 0, 5, "an event is written provider:name, as in `*:order`"},
        {"shop: > 5", -2, 4, 1, "an event is written provider:name"},
        {"shop:order. > 5", -2, 12, 1, "behind the point stands the name of a field"},
        {"* > 5", -2, 0, 1, "a value is missing in front; an event is written provider:name"},
        {"fast(parse) > 5", -2, 0, 4, "there is no function fast(); the only one is slow(name)"},
        {"slow() > 5", -2, 5, 1, "slow() wants the name of a function or a scope"},
        {"slow(parse > 5", -2, 14, 1, "the ) of slow() is missing"},
        {"slow(parse)", -2, 0, 11, "say how slow, as in slow(parse) > 20ms"},
        {"5", -2, 0, 1, "this is a number, no condition; compare it with something"},
        {"\"a\" && a:b", -2, 0, 3, "this is a text, no condition; compare it with something"},
        {"pid", -2, 0, 3, "this is a number, no condition; compare it with something"},
        {"a:b && thread", -2, 7, 6, "this is a text, no condition; compare it with something"},
        {"thread == 5", -2, 10, 1, "`thread` is a name; the number of a thread is `tid`"},
        {"process == 5", -2, 11, 1, "`process` is a name; the number of a process is `pid`"},
        {"pid == \"x\"", -2, 7, 3, "a text cannot be compared with a number"},
        {"a:b == 5", -2, 0, 3, "a condition cannot be compared; put && or || between conditions"},
        {"(id == 5) == (id == 6)", -2, 4, 2, "a condition cannot be compared"},
        {"id + \"a\" == 5", -2, 5, 3, "there is no reckoning with this: it is no number"},
        {"level == waring", -2, 9, 6, "no level is called so; did you mean `warning`?"},
        {"level == high", -2, 9, 4, "the levels are critical, error, warning, notice, info"},
        {"id in 5", -2, 6, 1, "behind `in` stands a list: (1, 2, 3)"},
        {"id in (5 6)", -2, 9, 1, "here a comma or the ) of the list is missing"},
        {"id in ()", -2, 7, 1, "here a value or a condition is missing"},
        {"sizes[x] == 5", -2, 6, 1, "which element? A number from 0 on is expected"},
        {"sizes[1 == 5", -2, 8, 2, "the ] is missing"},
        {"`order` && a:b", -2, 0, 7, "between backquotes stands an event, written provider:name"},
        {"id == 5 ? 1", -2, 8, 1, "? has no meaning here"},
        {"id == 5;", -2, 7, 1, "; has no meaning here"},
        {"id == \001", -2, 6, 1, "this character has no meaning here"},
        {"shop:order.latency > 5", -1, 11, 7,
         "shop:order has no field `latency`; did you mean `latency_us`?"},
        {"shop:order.xyz > 5", -1, 11, 3,
         "shop:order has no field `xyz`; it has id, customer, latency_us"},
        {"shop:order.state == payd", -1, 20, 4,
         "`state` has no label `payd`; did you mean `paid`?"},
        {"shop:order.state == zzzzzz", -1, 20, 6, "`state` has no label `zzzzzz`; one is new"},
        {"shop:order.customer > 5", -1, 11, 8,
         "`customer` is a text and cannot be compared with a number"},
        {"shop:order.id == \"x\"", -1, 11, 2,
         "`id` is a number and cannot be compared with a text"},
        {"shop:order.id contains \"x\"", -1, 11, 2, "`id` is a number; only texts can be searched"},
        {"shop:order.customer", -1, 11, 8,
         "`customer` is a text, no condition; compare it with something"},
        {"shop:order.sizes > 5", -1, 11, 5, "`sizes` has 3 elements; write sizes[0] to sizes[2]"},
        {"shop:order.sizes[3] > 5", -1, 11, 5,
         "`sizes` has 3 elements; write sizes[0] to sizes[2]"},
        {"shop:order.id[1] > 5", -1, 11, 2, "`id` is no array"},
    };
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = expression_order_event(payload);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression_error error = {0};
        int got = expression_answer(rows[i].text, &events_type_order, &event, &error);

        if (got != rows[i].answer || error.at != rows[i].at || error.length != rows[i].length ||
            strncmp(error.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: %d, %u+%u '%s'", rows[i].text, got, error.at, error.length,
                     error.message);
    }
}

static void caret_stands_below_the_place(void **state)
{
    static const struct {
        const char *text, *shown;
        uint32_t at, length;
    } rows[] = {
        {"a = 5", "  a = 5\n    ^\n", 2, 1},
        {"shop:order.latency > 5", "  shop:order.latency > 5\n             ^~~~~~~\n", 11, 7},
        {"a >", "  a >\n     ^\n", 3, 1},
        {"\xc3\xa4\tx = \n5", "  \xc3\xa4 x =  5\n      ^\n", 5, 1},
        {"a == 99999", "  a == 99999\n       ^~~~~\n", 5, 1000},
    };
    char shown[EXPRESSION_SHOWN_MAX], text[1000];
    struct expression_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        error = (struct expression_error){.at = rows[i].at, .length = rows[i].length};
        assert_string_equal(expression_error_show(&error, rows[i].text, shown), rows[i].shown);
    }
    memset(text, 'a', sizeof(text));
    text[500] = 'b';
    text[sizeof(text) - 1] = 0;
    error = (struct expression_error){.at = 500, .length = 400};
    expression_error_show(&error, text, shown);
    assert_memory_equal(shown, "  ...aaa", 8);
    assert_int_equal(strchr(shown, '^') - strchr(shown, '\n') - 1, strchr(shown, 'b') - shown);
    /* Bytes in front that only ever continue a character, and so are no columns. */
    memset(text, 0x80, 300);
    error = (struct expression_error){.at = 300, .length = 699};
    expression_error_show(&error, text, shown);
    assert_true(strlen(shown) < EXPRESSION_SHOWN_MAX);
    assert_non_null(strstr(shown, "aaa"));
}

/* ---- all types ---- */

static void names_that_mean_nothing_anywhere_are_told(void **state)
{
    static const struct {
        const char *text, *message; /* NULL: all is well */
    } rows[] = {
        {"shop:order && sql:query", NULL},
        {"state == paid && latency_us > 5", NULL},
        {"rows > 5 || id > 5", NULL},
        {"slow(parse) > 5", NULL},
        {"slow(function) > 5", NULL}, /* addresses have no names here */
        {"shop:ordr", "no event is called `shop:ordr`; did you mean `shop:order`?"},
        {"web:*", "no event is called `web:*`"},
        {"latency > 5", "no event has a field `latency`; did you mean `latency_us`?"},
        {"sop:order.id > 5", "no event is called `sop:order`; did you mean `shop:order`?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression *expression;
        struct expression_program *program;
        struct expression_error error;
        bool unmet;

        assert_int_equal(expression_parse(&expression, rows[i].text, &error), 0);
        for (const struct schema *const *type = events_types; *type; type++) {
            assert_int_equal(expression_bind(expression, *type, &binding, &program, &error), 0);
            expression_program_free(program);
        }
        unmet = expression_unmet(expression, &error);
        assert_int_equal(unmet, rows[i].message != NULL);
        if (unmet)
            assert_string_equal(error.message, rows[i].message);
        expression_free(expression);
    }
}

static void types_that_cannot_fit_have_no_program(void **state)
{
    static const char *const texts[] = {
        "shop:order.latency_us > 5",   "shop:* && thread == \"a\"",
        "latency_us > 5 && time > 1s", "level < info",
        "name matches \"ord*\"",       "!(sql:*) && !app:* && !function:*",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct expression *expression;
        struct expression_error error;
        struct expression_program *program;

        assert_int_equal(expression_parse(&expression, texts[i], &error), 0);
        program = expression_bound(expression, &events_type_order);
        assert_non_null(program);
        expression_program_free(program);
        assert_null(expression_bound(expression, &events_type_query));
        assert_null(expression_bound(expression, &events_type_scope_end));
        assert_null(expression_bound(expression, &events_type_exit));
        expression_free(expression);
    }
}

static void program_tells_what_it_needs(void **state)
{
    static const struct {
        const char *text;
        unsigned needs;
        uint32_t fields;
    } rows[] = {
        {"shop:order", 0, 0},
        {"id > 5", 0, 1},
        {"customer == \"x\" && time > 1s", EXPRESSION_NEEDS_TIME, 2},
        {"tid == 5 || pid == 6", EXPRESSION_NEEDS_THREAD | EXPRESSION_NEEDS_PROCESS, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression *expression;
        struct expression_error error;
        struct expression_program *program;

        assert_int_equal(expression_parse(&expression, rows[i].text, &error), 0);
        assert_string_equal(expression_text(expression), rows[i].text);
        program = expression_bound(expression, &events_type_order);
        assert_int_equal(expression_needs(program), rows[i].needs);
        assert_int_equal(expression_fields(program), rows[i].fields);
        expression_program_free(program);
        expression_free(expression);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_place_and_help),
        cmocka_unit_test(caret_stands_below_the_place),
        cmocka_unit_test(names_that_mean_nothing_anywhere_are_told),
        cmocka_unit_test(types_that_cannot_fit_have_no_program),
        cmocka_unit_test(program_tells_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
