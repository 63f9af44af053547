/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions where numbers and texts end: units of fields that are no whole numbers, divisions
 * that lead nowhere, empty texts, wishes that are too many. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/expression.h"
#include "base/le.h"
#include "base/quantity.h"
#include "base/schema.h"

static const struct ada_field fields[] = {
    {"took_ms", NULL, 0, 1, ADA_KIND_FLOAT, 8},
    {"rest_us", NULL, 0, 1, ADA_KIND_FLOAT, 4},
    {"delta_s", NULL, 0, 1, ADA_KIND_SIGNED, 4},
    {"words", NULL, 0, 1, ADA_KIND_STRING, 0},
};
static const struct schema type = {.id = 8,
                                   .level = ADA_LEVEL_INFO,
                                   .field_count = 4,
                                   .provider = "edge",
                                   .name = "event",
                                   .fields = fields};

/* 2.5 ms, 300.25 us, -2 s, and a text. */
static uint32_t payload_make(unsigned char *to, const char *text)
{
    const double took = 2.5;
    const float rest = 300.25f;
    uint32_t length = (uint32_t)strlen(text), rest_bits;
    uint64_t took_bits;

    memcpy(&took_bits, &took, 8);
    memcpy(&rest_bits, &rest, 4);
    le64_store(to, took_bits);
    le32_store(to + 8, rest_bits);
    le32_store(to + 12, (uint32_t)-2);
    le32_store(to + 16, length);
    memcpy(to + 20, text, length);
    return 20 + length;
}

/* 1 fits, 0 does not, -1 refused. */
static int answer(const char *text, const char *name)
{
    static const struct expression_emitter emitter = {.thread = "t", .process = "p"};
    static const struct expression_binding binding = {.ticks_per_second = 0};
    struct expression_program *program;
    struct expression_error error;
    struct expression *expression;
    struct expression_event event;
    unsigned char payload[64];
    int fits = -1;

    if (expression_parse(&expression, text, &error))
        return -1;
    event = (struct expression_event){
        .payload = payload, .payload_bytes = payload_make(payload, name), .emitter = &emitter};
    if (!expression_bind(expression, &type, &binding, &program, &error)) {
        fits = program && expression_fits(program, &event);
        expression_program_free(program);
    }
    expression_free(expression);
    return fits;
}

static void answers_are(const char *const *texts, unsigned count, const char *name, int expected)
{
    for (unsigned i = 0; i < count; i++) {
        int got = answer(texts[i], name);

        if (got != expected)
            fail_msg("%s: %d", texts[i], got);
    }
}

#define ANSWERS(expected, name, ...)                \
    answers_are((const char *const[]){__VA_ARGS__}, \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), name, expected)

static void units_of_fields_count_also_where_they_are_no_whole_numbers(void **state)
{
    (void)state;
    ANSWERS(1, "", "took_ms > 2ms", "took_ms < 2600us", "2ms < took_ms", "rest_us > 300us",
            "rest_us < 1ms", "delta_s < -1s", "took_ms == 2.5", "delta_s == -2");
    ANSWERS(0, "", "took_ms > 3ms", "took_ms > 2500001ns", "rest_us > 301us", "delta_s > 0s");
}

static void division_by_nothing_fits_nothing(void **state)
{
    (void)state;
    ANSWERS(0, "", "took_ms / 0 > 0", "took_ms % 0 == 0", "delta_s / 0 == 0", "delta_s % 0 == 0");
    ANSWERS(1, "", "took_ms % 2 == 0.5", "delta_s / 2 == -1");
}

static void empty_texts_are_texts(void **state)
{
    (void)state;
    ANSWERS(1, "", "words == \"\"", "words contains \"\"", "words < \"a\"", "words <= \"\"",
            "words != \"a\"");
    ANSWERS(0, "", "words contains \"a\"", "words > \"\"");
    ANSWERS(1, "ab", "words > \"a\"", "words >= \"ab\"", "words < \"b\"", "words contains \"\"");
    ANSWERS(0, "ab", "words < \"ab\"", "words <= \"aa\"");
}

static void numbers_end_somewhere(void **state)
{
    int64_t ns;
    uint64_t bytes;

    (void)state;
    ANSWERS(1, "", "took_ms < 1e3", "took_ms < 1E+3", "took_ms > 1e-3", "took_ms < 2.6");
    ANSWERS(
        -1, "", "took_ms < 1e", "took_ms < 99999999999999999999", "took_ms < 1..2.3",
        "took_ms < 0.0000000000000000000000000000000000000000000000000000000000000000000000001");
    assert_int_equal(quantity_parse_time("18446744073709551616ns", &ns), -ERANGE);
    assert_int_equal(quantity_parse_time("99999999999999s", &ns), -ERANGE);
    assert_int_equal(quantity_parse_bytes("18446744073709551616", &bytes), -ERANGE);
}

static void wishes_are_bounded(void **state)
{
    char text[4096] = "slow(f0)";

    (void)state;
    for (unsigned n = 1; n < 60; n++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " || slow(f%u)", n);
    ANSWERS(-1, "", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_of_fields_count_also_where_they_are_no_whole_numbers),
        cmocka_unit_test(division_by_nothing_fits_nothing),
        cmocka_unit_test(empty_texts_are_texts),
        cmocka_unit_test(numbers_end_somewhere),
        cmocka_unit_test(wishes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
