/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values for programs, the same in JSON and CSV: integers in full, durations in nanoseconds,
 * addresses in hexadecimal. What is not a number (scalar_is_word()) wants quotes in JSON.
 */
#ifndef ADATRACE_CLI_DECODE_SCALAR_H
#define ADATRACE_CLI_DECODE_SCALAR_H

#include <math.h>

#include "cli/decode.h"
#include "cli/out_text.h"
#include "cli/value.h"

enum { SCALAR_ROOM = 64 };

/* Written with an escape because it is untrusted text, or NULL: any other value. */
static inline const char *scalar_label(const struct trace_value *v, unsigned element)
{
    return v->field->kind == ADA_KIND_ENUM ? value_label(v->field, value_signed(v, element)) : NULL;
}

static inline bool scalar_is_word(const struct trace_value *v, unsigned element)
{
    if (v->field->kind == ADA_KIND_FLOAT)
        return !isfinite(value_double(v, element));
    return v->field->kind == ADA_KIND_POINTER || v->field->kind == ADA_KIND_CODE;
}

/* SCALAR_ROOM. */
static inline char *scalar_write(const struct decode *decode, char *at, const struct trace_value *v,
                                 unsigned element)
{
    switch (v->field->kind) {
    case ADA_KIND_UNSIGNED:
        return text_u64(at, value_bits(v, element));
    case ADA_KIND_SIGNED:
    case ADA_KIND_ENUM:
        return text_i64(at, value_signed(v, element));
    case ADA_KIND_BOOL:
        return value_bits(v, element) ? text_bytes(at, "true", 4) : text_bytes(at, "false", 5);
    case ADA_KIND_POINTER:
    case ADA_KIND_CODE:
        return text_hex(at, value_bits(v, element));
    case ADA_KIND_DURATION:
        return text_u64(at, trace_duration_ns(decode->trace, value_bits(v, element)));
    default: /* ADA_KIND_FLOAT: the reader lets no other kind pass */
        return v->field->width == 4 ? text_float(at, (float)value_double(v, element))
                                    : text_double(at, value_double(v, element));
    }
}

#endif
