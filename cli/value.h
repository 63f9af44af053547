/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field values in a form that printing and formatting like. Inline because every field of every
 * event passes here. No state, any thread.
 */
#ifndef ADATRACE_CLI_VALUE_H
#define ADATRACE_CLI_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "format/trace_reader.h"

/* `width` bytes (1 to 8), little-endian, zero-extended. */
static inline uint64_t value_load(const unsigned char *bytes, unsigned width)
{
    uint64_t value = 0;
    uint32_t low;
    uint16_t high;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    switch (width) {
    case 8:
        memcpy(&value, bytes, 8);
        return value;
    case 4:
        memcpy(&low, bytes, 4);
        return low;
    case 6:
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + 4, 2);
        return low | (uint64_t)high << 32;
    case 2:
        memcpy(&high, bytes, 2);
        return high;
    default:
        break;
    }
#else
    (void)low, (void)high;
#endif
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

/* The same from a column, behind which TRACE_COLUMN_SLACK bytes can be read: no branches. */
static inline uint64_t value_load_slack(const unsigned char *bytes, unsigned width)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value & UINT64_MAX >> (64 - 8 * width);
}

static inline uint64_t value_load_column(const struct trace_column *column, size_t record)
{
    return value_load_slack(column->bytes + record * column->field->width, column->field->width);
}

static inline int64_t value_sign_extend(uint64_t bits, unsigned width)
{
    unsigned shift = 64 - 8 * width;

    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): width is 1 to 8 */
    return (int64_t)(bits << shift) >> shift;
}

static inline uint64_t value_bits(const struct trace_value *v, unsigned element)
{
    return value_load(v->bytes + (size_t)element * v->field->width, v->field->width);
}

static inline bool value_is_signed(const struct trace_value *v)
{
    return v->field->kind == ADA_KIND_SIGNED || v->field->kind == ADA_KIND_ENUM;
}

static inline int64_t value_signed(const struct trace_value *v, unsigned element)
{
    return value_sign_extend(value_bits(v, element), v->field->width);
}

static inline double value_double(const struct trace_value *v, unsigned element)
{
    uint64_t bits = value_bits(v, element);
    uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;

    memcpy(&narrow, &low, sizeof(narrow));
    memcpy(&wide, &bits, sizeof(wide));
    return v->field->width == 4 ? (double)narrow : wide;
}

/* The label of an enum's value, or NULL. */
static inline const char *value_label(const struct ada_field *field, int64_t value)
{
    for (unsigned i = 0; i < field->label_count; i++)
        if (field->labels[i].value == value)
            return field->labels[i].name;
    return NULL;
}

#endif
