/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as people type them, and the payloads that they are run on: the text up to the first
 * NUL, then a payload.
 */
#include <stdlib.h>
#include <string.h>

#include "base/expression.h"
#include "fuzz_target.h"

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

static void program_run(const struct expression_program *program, const unsigned char *payload,
                        uint32_t size)
{
    static const struct expression_emitter emitter = {"worker1", "shop", 12, 11};
    struct expression_event event = {
        .payload = payload, .payload_bytes = size, .emitter = &emitter, .time_ns = 1500000};

    (void)expression_needs(program);
    (void)expression_fits(program, &event);
    event.has_duration = true;
    event.duration_ns = UINT64_MAX;
    event.symbol = symbol_name;
    event.is_slow = symbol_is_slow;
    (void)expression_fits(program, &event);
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

static void text_try(const char *text, const unsigned char *payload, uint32_t size)
{
    struct expression *expression = NULL;
    struct expression_error error = {0};

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
            program_run(program, payload, size);
        expression_program_free(program);
    }
    if (expression_unmet(expression, &error))
        refusal_check(&error, text);
    expression_free(expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memchr(bytes, 0, size);
    size_t length = end ? (size_t)(end - bytes) : size, left = end ? size - length - 1 : 0;
    char *text = malloc(length + 1);
    unsigned char *payload = malloc(left ? left : 1);

    FUZZ_CHECK(text && payload);
    memcpy(text, bytes, length);
    text[length] = 0;
    if (left)
        memcpy(payload, end + 1, left);
    text_try(text, payload, (uint32_t)left);
    free(text);
    free(payload);
    return 0;
}
