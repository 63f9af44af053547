/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expression_answer.h"

struct row {
    const char *text;
    int fits;
};

static void rows_check(const struct row *rows, size_t count, const struct schema *schema,
                       struct expression_event *event)
{
    struct expression_error error;

    for (size_t i = 0; i < count; i++) {
        int got = expression_answer(rows[i].text, schema, event, &error);

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
        {"waited * 61000 == latency_us", 1}, /* a time, and a number of microseconds */
        {"latency_us > waited * 60000", 1},
        {"-latency_us < -waited * 60000", 1},
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
    struct expression_event event = expression_order_event(payload);

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
    unsigned char address[8] = {0x00, 0x10, 0x40};
    struct expression_event event = {.payload = address,
                                     .payload_bytes = 8,
                                     .is_slow = expression_is_slow,
                                     .has_duration = true,
                                     .duration_ns = 20500000};

    (void)state;
    rows_check(meant, 2, &events_type_exit, &event);
    address[0] = 0x01;
    rows_check(other, 1, &events_type_exit, &event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_answers_as_the_table_says),
        cmocka_unit_test(query_answers_as_the_table_says),
        cmocka_unit_test(end_of_a_scope_knows_how_long_it_took),
        cmocka_unit_test(exit_of_a_function_is_asked_for_its_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
