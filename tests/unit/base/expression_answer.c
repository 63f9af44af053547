/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "expression_answer.h"

static const struct expression_binding binding = {.ticks_per_second = 3000000000};

const char *expression_symbol(void *context, uint64_t address, uint32_t *size)
{
    (void)context;
    *size = 5;
    return address == 0x401000 ? "parse(int)" : NULL;
}

bool expression_is_slow(void *context, unsigned n, uint64_t address)
{
    (void)context;
    return n == 0 && address == 0x401000;
}

struct expression_event expression_order_event(unsigned char payload[EVENTS_PAYLOAD_MAX])
{
    return (struct expression_event){.payload_bytes = events_order(payload),
                                     .payload = payload,
                                     .emitter = &events_emitter,
                                     .time_ns = 2500000000,
                                     .symbol = expression_symbol,
                                     .is_slow = expression_is_slow};
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
            size = le32_load(payload + at);
            values[i] = (struct expression_value){payload + at + 4, size};
            at += 4 + size;
        }
    }
}

/* 1 fits, 0 does not, -1 refused when expression_bound, -2 when parsed. */
int expression_answer(const char *text, const struct schema *schema, struct expression_event *event,
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

struct expression_program *expression_bound(struct expression *expression,
                                            const struct schema *schema)
{
    struct expression_program *program;
    struct expression_error error;

    assert_int_equal(expression_bind(expression, schema, &binding, &program, &error), 0);
    return program;
}
