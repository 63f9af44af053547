/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One expression, one event: what the tests of expressions ask. Asserts through cmocka.
 */
#ifndef ADATRACE_TESTS_EXPRESSION_ANSWER_H
#define ADATRACE_TESTS_EXPRESSION_ANSWER_H

#include "expression_events.h"

/* What 0x401000 is called, "parse(int)", and that it is slow; nothing else is. For a struct
 * expression_event. */
const char *expression_symbol(void *context, uint64_t address, uint32_t *size);
bool expression_is_slow(void *context, unsigned n, uint64_t address);

/* The event of events_order(), at 2.5 s, with the two above. */
struct expression_event expression_order_event(unsigned char payload[EVENTS_PAYLOAD_MAX]);

/* 1 fits, 0 does not, -1 refused when bound, -2 when parsed. The raw and the decoded event have to
 * give the same answer. */
int expression_answer(const char *text, const struct schema *schema, struct expression_event *event,
                      struct expression_error *error);

/* Bound without symbols; NULL: this type cannot fit. The caller frees it. */
struct expression_program *expression_bound(struct expression *expression,
                                            const struct schema *schema);

#endif
