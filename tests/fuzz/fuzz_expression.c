/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as people type them, and the payloads that they are run on: the text up to the first
 * NUL, then a payload. Or 0xff, the number of choices, choices: they become a condition
 * (fuzz_grammar.h); then a payload.
 *
 * What fits is checked, too: a condition and its opposite never both, and a payload and the values
 * that it consists of alike.
 */
#include <stdlib.h>
#include <string.h>

#include "base/expression.h"
#include "base/le.h"
#include "fuzz_grammar.h"
#include "fuzz_target.h"

enum { CHOICES = 0xff };

static const char *symbol_name(void *context, uint64_t address, uint32_t *size)
{
    (void)context;
    *size = 5;
    return address & 1 ? "parse" : NULL;
}

static bool symbol_is_slow(void *context, unsigned n, uint64_t address)
{
    (void)context;
    return (n + address) & 1;
}

/* The fields of a whole payload. False: it is none of this type. */
static bool values_take(const struct schema *schema, const unsigned char *payload, uint32_t size,
                        struct expression_value *values)
{
    uint32_t variable, fixed = 0, at = schema_fixed_bytes(schema, &variable);

    if (at > size)
        return false;
    for (unsigned f = 0; f < schema->field_count; f++) {
        const struct ada_field *field = &schema->fields[f];

        values[f] = (struct expression_value){payload + fixed, field->width * field->count};
        fixed += values[f].size;
        if (field->width)
            continue;
        if (size - at < 4 || le32_load(payload + at) > size - at - 4)
            return false;
        values[f] = (struct expression_value){payload + at + 4, le32_load(payload + at)};
        at += 4 + values[f].size;
    }
    return true;
}

/* One event, in its several forms: what the program says of it. */
static unsigned program_try(const struct expression_program *program, const struct schema *schema,
                            const unsigned char *payload, uint32_t size)
{
    static const struct expression_emitter emitter = {"worker1", "shop", 12, 11};
    struct expression_event event = {
        .payload = payload, .payload_bytes = size, .emitter = &emitter, .time_ns = 1500000};
    struct expression_value values[SCHEMA_FIELDS_MAX];
    bool is_whole = values_take(schema, payload, size, values);
    unsigned fits = 0;

    (void)expression_needs(program);
    for (unsigned form = 0; form < 2; form++) {
        fits |= (unsigned)expression_fits(program, &event) << form;
        event.values = values;
        FUZZ_CHECK(!is_whole || expression_fits(program, &event) == (fits >> form & 1));
        event.values = NULL;
        event.has_duration = true;
        event.duration_ns = UINT64_MAX;
        event.symbol = symbol_name;
        event.is_slow = symbol_is_slow;
    }
    return fits;
}

static void refusal_check(const struct expression_error *error, const char *text)
{
    char shown[EXPRESSION_SHOWN_MAX];

    /* At its end something is missing, and that has a width, too. */
    FUZZ_CHECK(error->at <= strlen(text) && error->length <= strlen(text) + 1 - error->at);
    FUZZ_CHECK(memchr(error->message, 0, sizeof(error->message)) && error->message[0]);
    FUZZ_CHECK(expression_error_show(error, text, shown) == shown);
    FUZZ_CHECK(strlen(shown) < EXPRESSION_SHOWN_MAX);
}

/* Of all types, a byte each: in which forms of the event it fits. */
static void text_try(const char *text, const unsigned char *payload, uint32_t size,
                     unsigned char fits[FUZZ_TYPES])
{
    struct expression *expression = NULL;
    struct expression_error error = {0};

    memset(fits, 0, FUZZ_TYPES);
    if (expression_parse(&expression, text, &error)) {
        refusal_check(&error, text);
        return;
    }
    FUZZ_CHECK(strcmp(expression_text(expression), text) == 0);
    for (unsigned n = 0; n < FUZZ_TYPES; n++) {
        const struct expression_binding binding = {.ticks_per_second = n & 1 ? 2700000000 : 0,
                                                   .has_symbols = n & 2};
        struct expression_program *program = NULL;
        int err = expression_bind(expression, fuzz_schema(n), &binding, &program, &error);

        if (err)
            refusal_check(&error, text);
        else if (program)
            fits[n] = (unsigned char)program_try(program, fuzz_schema(n), payload, size);
        expression_program_free(program);
    }
    if (expression_unmet(expression, &error))
        refusal_check(&error, text);
    expression_free(expression);
}

static void choices_try(const uint8_t *choices, size_t count, const unsigned char *payload,
                        uint32_t size)
{
    char opposite[GRAMMAR_TEXT_MAX + 3] = "!(";
    unsigned char fits[FUZZ_TYPES], fits_not[FUZZ_TYPES];

    fuzz_condition(choices, count, opposite + 2);
    text_try(opposite + 2, payload, size, fits);
    strcat(opposite, ")");
    text_try(opposite, payload, size, fits_not);
    for (unsigned n = 0; n < FUZZ_TYPES; n++)
        FUZZ_CHECK(!(fits[n] & fits_not[n]));
}

static void words_try(const uint8_t *bytes, size_t length, const unsigned char *payload,
                      uint32_t size)
{
    unsigned char fits[FUZZ_TYPES];
    char *text = malloc(length + 1);

    FUZZ_CHECK(text);
    memcpy(text, bytes, length);
    text[length] = 0;
    text_try(text, payload, size, fits);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool is_choices = size >= 2 && bytes[0] == CHOICES;
    const uint8_t *end = is_choices ? NULL : memchr(bytes, 0, size);
    size_t length = end ? (size_t)(end - bytes) : size, left = end ? size - length - 1 : 0;
    unsigned char *payload;

    if (is_choices) {
        bytes += 2;
        length = bytes[-1] < size - 2 ? bytes[-1] : size - 2;
        left = size - 2 - length;
        end = bytes + length - 1;
    }
    payload = malloc(left ? left : 1); /* of just its size */
    FUZZ_CHECK(payload);
    if (left)
        memcpy(payload, end + 1, left);
    if (is_choices)
        choices_try(bytes, length, payload, (uint32_t)left);
    else
        words_try(bytes, length, payload, (uint32_t)left);
    free(payload);
    return 0;
}
