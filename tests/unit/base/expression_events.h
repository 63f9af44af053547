/* SPDX-License-Identifier: Apache-2.0 */
/* Event types and an event for the tests of expressions. */
#ifndef ADATRACE_TESTS_EXPRESSION_EVENTS_H
#define ADATRACE_TESTS_EXPRESSION_EVENTS_H

#include "base/expression.h"

/* shop:order, of every kind of field; its event is filled in by events_order(). */
extern const struct schema events_type_order;
extern const struct schema events_type_query;     /* sql:query (text, rows) */
extern const struct schema events_type_scope_end; /* app:parse, phase END */
extern const struct schema events_type_exit;      /* function:exit */
extern const struct schema *const events_types[]; /* all, then NULL */

enum { EVENTS_PAYLOAD_MAX = 256 };

/* The payload of an order: id 7, latency_us 61000, delta -3, state paid (2), price 9.99, rate 0.5,
 * paid 1, sizes 10 20 30, waited 3000 ticks, address 0x7f0012345678, big 2^64-1, customer "Ann",
 * note "to be\nsent". Returns its bytes. */
uint32_t events_order(unsigned char payload[EVENTS_PAYLOAD_MAX]);
/* text "UPDATE stock SET n = 1", rows 3. */
uint32_t events_query(unsigned char payload[EVENTS_PAYLOAD_MAX]);

/* thread "worker-3" 4711 of process "shop" 4700. */
extern const struct expression_emitter events_emitter;

#endif
