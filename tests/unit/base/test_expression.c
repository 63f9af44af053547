/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expression_events.h"

static const struct expression_binding binding = {.ticks_per_second = 3000000000};

/* ---- one expression, one event ---- */

static const char *symbol(void *context, uint64_t address, uint32_t *size)
{
    (void)context;
    *size = 5;
    return address == 0x401000 ? "parse(int)" : NULL;
}

static bool is_slow(void *context, unsigned n, uint64_t address)
{
    (void)context;
    return n == 0 && address == 0x401000;
}

static struct expression_event order_event(unsigned char payload[EVENTS_PAYLOAD_MAX])
{
    return (struct expression_event){.payload_bytes = events_order(payload),
                                     .payload = payload,
                                     .emitter = &events_emitter,
                                     .time_ns = 2500000000,
                                     .symbol = symbol,
                                     .is_slow = is_slow};
}

/* The payload as a reader would hand it out. */
static void values_make(const struct schema *schema, const unsigned char *payload,
                        struct expression_value *values)
{
    uint32_t variable, fixed = 0, at = schema_fixed_bytes(schema, &variable), size;

    for (unsigned i = 0; i < schema->field_count; i++) {
        const struct ada_field *field = &schema->fields[i];

        if (field->width) {
            values[i] =
                (struct expression_value){payload + fixed, (uint32_t)field->width * field->count};
            fixed += values[i].size;
        } else {
            memcpy(&size, payload + at, sizeof(size));
            values[i] = (struct expression_value){payload + at + 4, size};
            at += 4 + size;
        }
    }
}

/* 1 fits, 0 does not, -1 refused when bound, -2 when parsed. */
static int answer(const char *text, const struct schema *schema, struct expression_event *event,
                  struct expression_error *error)
{
    const struct expression_binding with_symbols = {.ticks_per_second = 3000000000,
                                                    .has_symbols = true};
    struct expression_value values[SCHEMA_FIELDS_MAX];
    struct expression_program *program;
    struct expression *expression;
    int raw = 0, decoded = 0;

    if (expression_parse(&expression, text, error))
        return -2;
    if (expression_bind(expression, schema, &with_symbols, &program, error)) {
        expression_free(expression);
        return -1;
    }
    if (program) {
        raw = expression_fits(program, event);
        if (event->payload) {
            values_make(schema, event->payload, values);
            event->values = values;
            decoded = expression_fits(program, event);
            event->values = NULL;
            assert_int_equal(raw, decoded);
        }
    }
    expression_program_free(program);
    expression_free(expression);
    return raw;
}

struct row {
    const char *text;
    int fits;
};

static void rows_check(const struct row *rows, size_t count, const struct schema *schema,
                       struct expression_event *event)
{
    struct expression_error error;

    for (size_t i = 0; i < count; i++) {
        int got = answer(rows[i].text, schema, event, &error);

        if (got != rows[i].fits)
            fail_msg("%s: %d instead of %d (%s)", rows[i].text, got, rows[i].fits,
                     got < 0 ? error.message : "");
    }
}

static void order_answers_as_the_table_says(void **state)
{
    static const struct row rows[] = {
        /* selectors */
        {"shop:order", 1},
        {"shop:*", 1},
        {"*:order", 1},
        {"*:*", 1},
        {"sh?p:[m-p]rder", 1},
        {"`shop:order`", 1},
        {"shop:orde", 0},
        {"sql:query", 0},
        {"!sql:query", 1},
        {"!shop:*", 0},
        /* numbers */
        {"shop:order.latency_us > 50000", 1},
        {"shop:order.latency_us>61000", 0},
        {"shop:order.latency_us >= 61000", 1},
        {"shop:order.latency_us < 61001", 1},
        {"shop:order.latency_us <= 60999", 0},
        {"shop:order.latency_us == 61_000", 1},
        {"shop:order.latency_us != 61000", 0},
        {"shop:order.latency_us != 0xee48", 0},
        {"50000 < shop:order.latency_us", 1},
        {"61000 <= latency_us", 1},
        {"61000 > latency_us", 0},
        {"latency_us > -1", 1},
        {"latency_us == -1", 0},
        {"latency_us < 0", 0},
        {"latency_us < 4294967296", 1},
        {"latency_us == 4294967296", 0},
        {"latency_us != 18446744073709551615", 1},
        {"big == 18446744073709551615", 1},
        {"big > 9223372036854775807", 1},
        {"big > -9223372036854775808", 1},
        {"big == -1", 0},
        {"delta < 0", 1},
        {"delta == -3", 1},
        {"delta > -3", 0},
        {"delta >= -32768", 1},
        {"delta < -32768", 0},
        {"-delta == 3", 1},
        {"- -delta == -3", 1},
        {"delta < id", 1},
        {"delta < big", 1},
        {"big > delta", 1},
        {"address == 0x7F0012345678", 1},
        {"id in (1, 5, 7)", 1},
        {"id in (1,5)", 0},
        {"!(id in (1, 5))", 1},
        {"id in (7)", 1},
        {"delta in (-4, -3)", 1},
        /* units */
        {"latency_us > 60ms", 1},
        {"latency_us > 61ms", 0},
        {"latency_us >= 61ms", 1},
        {"latency_us < 61000001ns", 1},
        {"latency_us > 60999999ns", 1},
        {"latency_us == 61ms", 1},
        {"latency_us == 61000001ns", 0},
        {"latency_us > 0.0605s", 1},
        {"latency_us * 2 > 121ms", 1},
        {"waited == 1us", 1},
        {"waited == 1000", 1},
        {"waited > 999ns", 1},
        {"waited < 1001ns", 1},
        {"waited / 2 == 500ns", 1},
        {"time == 2.5s", 1},
        {"time > 1s && time < 3s", 1},
        {"time > 1min", 0},
        {"id < 1K", 1},
        {"id * 1024 == 7KiB", 1},
        {"id * 1048576 == 7M", 1},
        {"id < 1G && id < 1T && id < 1GiB && id > 6B", 1},
        /* reckoning */
        {"id + 1 == 8", 1},
        {"id - 8 == -1", 1},
        {"1 + 2 * 3 == id", 1},
        {"(1 + 2) * 3 == 9", 1},
        {"id / 2 == 3", 1},
        {"delta / 2 == -1", 1},
        {"delta % 2 == -1", 1},
        {"id % 2 == 1", 1},
        {"id % 2", 1},
        {"id % 7", 0},
        {"id*2==14", 1},
        {"shop:order.id*2 == 14", 1},
        {"price * 2 > 19.9", 1},
        {"price * id < 69.94", 1},
        {"-price < -9.98", 1},
        {"price % 2 < 2 && price % 2 > 1.98", 1},
        /* what has no answer fits neither way */
        {"id / 0 == 1", 0},
        {"!(id / 0 == 1)", 0},
        {"id % 0 == 1 || id == 7", 1},
        {"price / 0 > 1", 0},
        {"big + 1 > 0", 0},
        {"!(big + 1 > 0)", 0},
        {"big * big > 0", 0},
        {"-big < 0", 0},
        {"nothing > 1", 0},
        {"!(nothing > 1)", 0},
        {"nothing > 1 || id == 7", 1},
        {"!(nothing > 1 && id == 8)", 1},
        {"!(nothing > 1 && id == 7)", 0},
        {"*:*.nothing > 1", 0},
        {"sql:query.rows > 1", 0},
        {"!(sql:query.rows > 1)", 0},
        /* floats */
        {"price > 9.98", 1},
        {"price == 9.99", 1},
        {"price > 10", 0},
        {"price < 10", 1},
        {"9 < price", 1},
        {"rate == 0.5", 1},
        {"rate >= 5e-1", 1},
        {"rate < 1", 1},
        {"id < 7.5", 1},
        {"id > 6.999e0", 1},
        {"price", 1},
        /* texts */
        {"customer == \"Ann\"", 1},
        {"customer == 'Ann'", 1},
        {"customer != \"Ann\"", 0},
        {"customer != \"Anna\"", 1},
        {"customer < \"B\"", 1},
        {"customer >= \"Ann\"", 1},
        {"customer <= \"Anm\"", 0},
        {"\"Ann\" == customer", 1},
        {"customer contains \"nn\"", 1},
        {"customer contains \"\"", 1},
        {"customer contains \"nnn\"", 0},
        {"customer startswith \"A\"", 1},
        {"customer startswith \"Anna\"", 0},
        {"customer endswith \"nn\"", 1},
        {"customer endswith \"A\"", 0},
        {"customer matches \"A*\"", 1},
        {"customer matches \"?nn\"", 1},
        {"customer matches \"B*\"", 0},
        {"customer in (\"Bob\", \"Ann\")", 1},
        {"note endswith \"be\\nsent\"", 1},
        {"note contains \"\\x0as\"", 1},
        {"note matches \"*sent\"", 1},
        {"!(customer contains \"x\")", 1},
        {"customer == note", 0},
        {"caller == \"parse\"", 1},
        {"caller startswith \"par\"", 1},
        {"caller == 0x401000", 1},
        /* enums, booleans, arrays */
        {"state == paid", 1},
        {"shop:order.state == paid", 1},
        {"state == \"paid\"", 1},
        {"state == 2", 1},
        {"paid == state", 1},            /* the label, not the field of that name */
        {"state == shop:order.paid", 0}, /* 2 is not 1 */
        {"state != sent", 1},
        {"state < sent", 1},
        {"state > lost", 1},
        {"state in (new, paid)", 1},
        {"state in (new, sent)", 0},
        {"state contains \"ai\"", 1},
        {"state matches \"p*\"", 1},
        {"paid", 1},
        {"!paid", 0},
        {"paid == true", 1},
        {"paid != true", 0},
        {"paid == false", 0},
        {"true", 1},
        {"false", 0},
        {"sizes[0] == 10", 1},
        {"shop:order.sizes[2] == 30", 1},
        {"sizes[1] + sizes[2] == 50", 1},
        {"sizes[3] == 0", 0},
        {"sizes == 10", 0},
        /* built-in names */
        {"thread == \"worker-3\"", 1},
        {"thread matches \"worker*\"", 1},
        {"thread matches \"main\"", 0},
        {"process == \"shop\"", 1},
        {"pid == 4700", 1},
        {"tid == 4711", 1},
        {"tid != 4711", 0},
        {"name == \"order\"", 1},
        {"name matches \"ord*\"", 1},
        {"level == warning", 1},
        {"level <= warning", 1},
        {"level < warning", 0},
        {"level == 4", 1},
        {"level == \"warning\"", 1},
        {"level in (error, warning)", 1},
        {"level > info", 0},
        /* together */
        {"id == 7 && delta == -3", 1},
        {"id == 7 && delta == 3", 0},
        {"id == 8 || delta == -3", 1},
        {"id == 8 || delta == 3", 0},
        {"id == 7 and not delta == 3", 1},
        {"id == 8 or id == 7", 1},
        {"!(id == 7) || !(delta == 3)", 1},
        {"!(id == 7 && delta == -3)", 0},
        {"!(id == 8 || delta == 3)", 1},
        {"!!paid", 1},
        {"!!!paid", 0},
        {"id == 8 || id == 9 && delta == -3 || (id == 7 && (delta == 1 || delta == -3))", 1},
        {"id == 7 && (delta == 1 || delta == 2) || id == 7 && state == paid", 1},
        {"shop:order && latency_us > 50ms && thread matches \"worker*\"", 1},
        {"sql:* || shop:*", 1},
        {"true && (false || true) && id == 7", 1},
        {"(true || id == 8) && id == 7", 1},
        {"(false && id == 7) || id == 7 && true", 1},
    };
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = order_event(payload);

    (void)state;
    rows_check(rows, sizeof(rows) / sizeof(*rows), &events_type_order, &event);
}

static void query_answers_as_the_table_says(void **state)
{
    static const struct row rows[] = {
        {"sql:query.text contains \"UPDATE\"", 1},
        {"sql:query.text startswith 'UPDATE '", 1},
        {"sql:query.text matches \"*SET n = ?\"", 1},
        {"sql:query.text contains \"DELETE\" || sql:query.rows >= 3", 1},
        {"shop:order.latency_us > 1", 0},
        {"shop:order.latency_us > 1 || sql:query.rows == 3", 1},
        {"*:*.rows == 3", 1},
        {"rows == 3 && !(text contains \"SELECT\")", 1},
        {"level < info", 0},
        {"slow(query) > 1", 0},
    };
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = {
        .payload = payload, .payload_bytes = events_query(payload), .emitter = &events_emitter};

    (void)state;
    rows_check(rows, sizeof(rows) / sizeof(*rows), &events_type_query, &event);
}

static void end_of_a_scope_knows_how_long_it_took(void **state)
{
    static const struct row known[] = {
        {"slow(parse) > 20ms", 1},     {"slow(parse) > 21ms", 0},
        {"slow(app:parse) > 20ms", 1}, {"slow(\"pa*\") >= 20.5ms", 1},
        {"slow(parse2) > 0", 0},       {"slow(parse) > 20ms && thread matches \"w*\"", 1},
        {"!(slow(parse) > 30ms)", 1},  {"!(slow(other) > 30ms)", 0},
    };
    static const struct row unknown[] = {{"slow(parse) > 0", 0}, {"!(slow(parse) > 0)", 0}};
    struct expression_event event = {.emitter = &events_emitter, .has_duration = true};

    (void)state;
    event.duration_ns = 20500000;
    rows_check(known, sizeof(known) / sizeof(*known), &events_type_scope_end, &event);
    event.has_duration = false;
    rows_check(unknown, sizeof(unknown) / sizeof(*unknown), &events_type_scope_end, &event);
}

static void exit_of_a_function_is_asked_for_its_address(void **state)
{
    static const struct row meant[] = {{"slow(ns::parse(int)) > 20ms", 1}, {"slow(x) > 21ms", 0}};
    static const struct row other[] = {{"slow(ns::parse(int)) > 20ms", 0}};
    uint64_t address = 0x401000;
    struct expression_event event = {.payload = (const unsigned char *)&address,
                                     .payload_bytes = 8,
                                     .is_slow = is_slow,
                                     .has_duration = true,
                                     .duration_ns = 20500000};

    (void)state;
    rows_check(meant, 2, &events_type_exit, &event);
    address = 0x401001;
    rows_check(other, 1, &events_type_exit, &event);
}

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
    struct expression_event event = order_event(payload);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression_error error = {0};
        int got = answer(rows[i].text, &events_type_order, &event, &error);

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

static struct expression_program *bound(struct expression *expression, const struct schema *schema)
{
    struct expression_program *program;
    struct expression_error error;

    assert_int_equal(expression_bind(expression, schema, &binding, &program, &error), 0);
    return program;
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
        program = bound(expression, &events_type_order);
        assert_non_null(program);
        expression_program_free(program);
        assert_null(bound(expression, &events_type_query));
        assert_null(bound(expression, &events_type_scope_end));
        assert_null(bound(expression, &events_type_exit));
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
        program = bound(expression, &events_type_order);
        assert_int_equal(expression_needs(program), rows[i].needs);
        assert_int_equal(expression_fields(program), rows[i].fields);
        expression_program_free(program);
        expression_free(expression);
    }
}

/* ---- hostile ---- */

/* Every length of a payload, and lengths inside it that lie: an answer, and nothing read beyond. */
static void short_and_lying_payloads_get_an_answer(void **state)
{
    static const char *const texts[] = {"customer contains \"nn\"",
                                        "note endswith \"t\"",
                                        "caller == \"parse\"",
                                        "state matches \"p*\"",
                                        "big > 5",
                                        "sizes[2] == 30",
                                        "price > 1",
                                        "waited > 1ns"};
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    uint32_t size = events_order(payload);

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct expression *expression;
        struct expression_error error;
        struct expression_program *program;

        assert_int_equal(expression_parse(&expression, texts[i], &error), 0);
        program = bound(expression, &events_type_order);
        for (uint32_t cut = 0; program && cut <= size; cut++) {
            unsigned char *exact = malloc(cut ? cut : 1);
            struct expression_event event = {.payload = exact, .payload_bytes = cut};

            memcpy(exact, payload, cut);
            (void)expression_fits(program, &event);
            for (uint32_t at = 0; at + 4 <= cut; at++) {
                memset(exact + at, 0xff, 4);
                (void)expression_fits(program, &event);
                memcpy(exact + at, payload + at, 4);
            }
            if (cut == 0)
                assert_false(expression_fits(program, &event));
            free(exact);
        }
        expression_program_free(program);
        expression_free(expression);
    }
}

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Pieces of expressions in any order: refused with a place inside the text, or they give an answer,
 * the same for raw and decoded events, and the opposite of !(...) unless both say no. */
static void random_pieces_are_refused_or_answered(void **state)
{
    static const char *const pieces[] = {"shop:order", "shop:order.id",
                                         "latency_us", "customer",
                                         "state",      "paid",
                                         "price",      "sizes[1]",
                                         "delta",      "big",
                                         "thread",     "time",
                                         "level",      "slow(parse)",
                                         "\"Ann\"",    "'x'",
                                         "5",          "0x10",
                                         "20ms",       "1.5",
                                         "-",          "+",
                                         "*",          "/",
                                         "%",          "(",
                                         ")",          "==",
                                         "!=",         "<",
                                         "<=",         ">",
                                         ">=",         "&&",
                                         "||",         "!",
                                         "contains",   "matches",
                                         "startswith", "in",
                                         ",",          "true",
                                         "sql:*",      "nothing",
                                         "[",          "]",
                                         "\"",         "`",
                                         "1e400",      "\\"};
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = order_event(payload);
    uint64_t seed = 42;
    unsigned answered = 0;

    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        char text[400] = "", opposite[420];
        struct expression_error error = {0};
        unsigned count = 1 + (unsigned)(random_next(&seed) % 9);
        int got;

        for (unsigned i = 0; i < count; i++) {
            strcat(text, pieces[random_next(&seed) % (sizeof(pieces) / sizeof(*pieces))]);
            strcat(text, random_next(&seed) % 4 ? " " : "");
        }
        got = answer(text, &events_type_order, &event, &error);
        if (got < 0) {
            assert_true(error.message[0] && error.length && error.at <= strlen(text));
            continue;
        }
        answered++;
        snprintf(opposite, sizeof(opposite), "!(%s)", text);
        assert_false(got && answer(opposite, &events_type_order, &event, &error) == 1);
    }
    assert_true(answered > 1000);
}

static char *repeated(const char *first, const char *piece, unsigned count, const char *last)
{
    char *text = calloc(1, strlen(first) + count * strlen(piece) + strlen(last) + 1);

    strcpy(text, first);
    for (unsigned i = 0; i < count; i++)
        strcat(text, piece);
    return strcat(text, last);
}

static void size_is_bounded_in_every_direction(void **state)
{
    static const struct {
        const char *first, *piece, *last;
        unsigned count;
        int answer;
    } rows[] = {
        {"", "(", "id", 1000, -2},          {"", "!", "paid", 1000, 1},
        {"", "-", "id == 7", 1000, 1},      {"id", "+1", " == 1007", 1000, -2},
        {"id", "+1", " == 67", 60, 1},      {"id == 7", "&&id==7", "", 300, 1},
        {"id == 1", "||id==7", "", 300, 1}, {"id == 1", "||id==7", "", 584, -2},
        {"id in (1", ",7", ")", 400, 1},    {"id == 7", "         ", "", 1000, -2},
        {"(", "id+(", "1", 62, -2},         {"((((((", "", "id == 7))))))", 1, 1},
    };
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = order_event(payload);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression_error error = {0};
        char *text = repeated(rows[i].first, rows[i].piece, rows[i].count, rows[i].last);
        int got = answer(text, &events_type_order, &event, &error);

        if (got != rows[i].answer)
            fail_msg("row %zu: %d (%s)", i, got, error.message);
        free(text);
    }
}

/* The deepest value stack that a tree can ask for. */
static void deepest_reckoning_has_room(void **state)
{
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = order_event(payload);
    struct expression_error error;
    char text[1000] = "";

    (void)state;
    for (unsigned i = 0; i < 62; i++)
        strcat(text, "id+(");
    strcat(text, "id");
    for (unsigned i = 0; i < 62; i++)
        strcat(text, ")");
    strcat(text, " == 441");
    assert_int_equal(answer(text, &events_type_order, &event, &error), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_answers_as_the_table_says),
        cmocka_unit_test(query_answers_as_the_table_says),
        cmocka_unit_test(end_of_a_scope_knows_how_long_it_took),
        cmocka_unit_test(exit_of_a_function_is_asked_for_its_address),
        cmocka_unit_test(refusals_name_the_place_and_help),
        cmocka_unit_test(caret_stands_below_the_place),
        cmocka_unit_test(names_that_mean_nothing_anywhere_are_told),
        cmocka_unit_test(types_that_cannot_fit_have_no_program),
        cmocka_unit_test(program_tells_what_it_needs),
        cmocka_unit_test(short_and_lying_payloads_get_an_answer),
        cmocka_unit_test(random_pieces_are_refused_or_answered),
        cmocka_unit_test(size_is_bounded_in_every_direction),
        cmocka_unit_test(deepest_reckoning_has_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
