/* SPDX-License-Identifier: Apache-2.0 */
#include "expression_events.h"

#include <string.h>

static const struct ada_label states[] = {{"new", 1}, {"paid", 2}, {"sent", 3}, {"lost", -1}};

static const struct ada_field order_fields[] = {
    {"id", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},         {"customer", NULL, 0, 1, ADA_KIND_STRING, 0},
    {"latency_us", NULL, 0, 1, ADA_KIND_UNSIGNED, 4}, {"delta", NULL, 0, 1, ADA_KIND_SIGNED, 2},
    {"state", states, 4, 1, ADA_KIND_ENUM, 4},        {"price", NULL, 0, 1, ADA_KIND_FLOAT, 8},
    {"rate", NULL, 0, 1, ADA_KIND_FLOAT, 4},          {"paid", NULL, 0, 1, ADA_KIND_BOOL, 1},
    {"sizes", NULL, 0, 3, ADA_KIND_UNSIGNED, 2},      {"waited", NULL, 0, 1, ADA_KIND_DURATION, 8},
    {"note", NULL, 0, 1, ADA_KIND_BYTES, 0},          {"address", NULL, 0, 1, ADA_KIND_POINTER, 8},
    {"big", NULL, 0, 1, ADA_KIND_UNSIGNED, 8},        {"caller", NULL, 0, 1, ADA_KIND_CODE, 8},
};
const struct schema events_type_order = {.id = 8,
                                         .level = ADA_LEVEL_WARNING,
                                         .field_count = 14,
                                         .provider = "shop",
                                         .name = "order",
                                         .fields = order_fields};

static const struct ada_field query_fields[] = {
    {"text", NULL, 0, 1, ADA_KIND_STRING, 0},
    {"rows", NULL, 0, 1, ADA_KIND_UNSIGNED, 4},
};
const struct schema events_type_query = {.id = 9,
                                         .level = ADA_LEVEL_INFO,
                                         .field_count = 2,
                                         .provider = "sql",
                                         .name = "query",
                                         .fields = query_fields};

const struct schema events_type_scope_end = {.id = 10,
                                             .phase = ADA_PHASE_END,
                                             .level = ADA_LEVEL_INFO,
                                             .provider = "app",
                                             .name = "parse",
                                             .fields = query_fields};

static const struct ada_field exit_fields[] = {{"address", NULL, 0, 1, ADA_KIND_CODE, 8}};
const struct schema events_type_exit = {.id = 11,
                                        .phase = ADA_PHASE_FUNCTION_EXIT,
                                        .level = ADA_LEVEL_INFO,
                                        .field_count = 1,
                                        .provider = "function",
                                        .name = "exit",
                                        .fields = exit_fields};

const struct schema *const events_types[] = {&events_type_order, &events_type_query,
                                             &events_type_scope_end, &events_type_exit, NULL};

const struct expression_emitter events_emitter = {
    .thread = "worker-3", .process = "shop", .tid = 4711, .pid = 4700};

/* As payloads have it, little-endian. */
static void put_number(unsigned char *to, const void *number, size_t bytes)
{
    const unsigned char *from = number;

    for (size_t i = 0; i < bytes; i++)
        to[i] = from[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : bytes - 1 - i];
}

#define PUT(type, value)                             \
    do {                                             \
        const type put = (value);                    \
        put_number(payload + at, &put, sizeof(put)); \
        at += (uint32_t)sizeof(put);                 \
    } while (0)

static uint32_t put_text(unsigned char *payload, uint32_t at, const char *text)
{
    PUT(uint32_t, (uint32_t)strlen(text));
    memcpy(payload + at, text, strlen(text));
    return at + (uint32_t)strlen(text);
}

uint32_t events_order(unsigned char payload[EVENTS_PAYLOAD_MAX])
{
    uint32_t at = 0;

    PUT(uint64_t, 7);
    PUT(uint32_t, 61000);
    PUT(int16_t, -3);
    PUT(int32_t, 2);
    PUT(double, 9.99);
    PUT(float, 0.5f);
    PUT(uint8_t, 1);
    PUT(uint16_t, 10);
    PUT(uint16_t, 20);
    PUT(uint16_t, 30);
    PUT(uint64_t, 3000);
    PUT(uint64_t, 0x7f0012345678);
    PUT(uint64_t, UINT64_MAX);
    PUT(uint64_t, 0x401000);
    at = put_text(payload, at, "Ann");
    return put_text(payload, at, "to be\nsent");
}

uint32_t events_query(unsigned char payload[EVENTS_PAYLOAD_MAX])
{
    uint32_t at = 0;

    PUT(uint32_t, 3);
    return put_text(payload, at, "UPDATE stock SET n = 1");
}
