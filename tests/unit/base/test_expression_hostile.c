/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expression_answer.h"

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
        program = expression_bound(expression, &events_type_order);
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
    struct expression_event event = expression_order_event(payload);
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
        got = expression_answer(text, &events_type_order, &event, &error);
        if (got < 0) {
            assert_true(error.message[0] && error.length && error.at <= strlen(text));
            continue;
        }
        answered++;
        snprintf(opposite, sizeof(opposite), "!(%s)", text);
        assert_false(got && expression_answer(opposite, &events_type_order, &event, &error) == 1);
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
    struct expression_event event = expression_order_event(payload);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct expression_error error = {0};
        char *text = repeated(rows[i].first, rows[i].piece, rows[i].count, rows[i].last);
        int got = expression_answer(text, &events_type_order, &event, &error);

        if (got != rows[i].answer)
            fail_msg("row %zu: %d (%s)", i, got, error.message);
        free(text);
    }
}

/* The deepest value stack that a tree can ask for. */
static void deepest_reckoning_has_room(void **state)
{
    unsigned char payload[EVENTS_PAYLOAD_MAX];
    struct expression_event event = expression_order_event(payload);
    struct expression_error error;
    char text[1000] = "";

    (void)state;
    for (unsigned i = 0; i < 62; i++)
        strcat(text, "id+(");
    strcat(text, "id");
    for (unsigned i = 0; i < 62; i++)
        strcat(text, ")");
    strcat(text, " == 441");
    assert_int_equal(expression_answer(text, &events_type_order, &event, &error), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_and_lying_payloads_get_an_answer),
        cmocka_unit_test(random_pieces_are_refused_or_answered),
        cmocka_unit_test(size_is_bounded_in_every_direction),
        cmocka_unit_test(deepest_reckoning_has_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
