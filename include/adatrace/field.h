/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field kinds: the vocabulary in which an event type describes its payload.
 *
 * Shared by everything that writes a payload (the emit macros, the agent), carries it (registry,
 * drain) or reads it (format, cli). Values are part of the trace file format and never change
 * meaning; docs/FORMAT.md lists them. Plain constants: any thread, any context, C11 and C++17.
 */
#ifndef ADATRACE_FIELD_H
#define ADATRACE_FIELD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What the bytes of a field mean. Integer kinds (UNSIGNED to DURATION) may be 1 to 8 bytes wide,
 * little-endian; FLOAT is 4 or 8 bytes. STRING and BYTES are variable: u32 length, then the bytes
 * (a string has no NUL).
 */
enum ada_field_kind {
    ADA_KIND_UNSIGNED = 1,
    ADA_KIND_SIGNED = 2,   /* two's complement, sign-extended from its width */
    ADA_KIND_BOOL = 3,     /* 0 or 1 */
    ADA_KIND_POINTER = 4,  /* a data address; shown in hexadecimal */
    ADA_KIND_CODE = 5,     /* a code address; shown as a symbol */
    ADA_KIND_ENUM = 6,     /* signed value with labels */
    ADA_KIND_DURATION = 7, /* unsigned, in clock ticks; shown in nanoseconds */
    ADA_KIND_FLOAT = 8,
    ADA_KIND_STRING = 9,
    ADA_KIND_BYTES = 10,
};

/* What an event marks in the life of its thread; readers pair begins with ends by it. */
enum ada_phase {
    ADA_PHASE_INSTANT = 0,
    ADA_PHASE_BEGIN = 1, /* a scope of this thread opens */
    ADA_PHASE_END = 2,   /* the innermost open scope of the same name closes */
    ADA_PHASE_COUNTER = 3,
    ADA_PHASE_SPAN_BEGIN = 4, /* asynchronous: paired by the first field, over threads */
    ADA_PHASE_SPAN_STEP = 5,
    ADA_PHASE_SPAN_END = 6,
    ADA_PHASE_FLOW_OUT = 7, /* an arrow leaves here; the first field is its id */
    ADA_PHASE_FLOW_IN = 8,
    ADA_PHASE_FUNCTION_ENTER = 9, /* fields: code address, frame tag */
    ADA_PHASE_FUNCTION_EXIT = 10, /* fields: code address */
    ADA_PHASE_FORMAT = 11,        /* the type's format string makes the text out of the fields */
};

/* Importance, as in syslog; lower is more important. */
enum ada_level {
    ADA_LEVEL_CRITICAL = 2,
    ADA_LEVEL_ERROR = 3,
    ADA_LEVEL_WARNING = 4,
    ADA_LEVEL_NOTICE = 5,
    ADA_LEVEL_INFO = 6,
    ADA_LEVEL_DEBUG = 7,
};

/* One label of an enum field. */
struct ada_label {
    const char *name;
    int64_t value;
};

/* One field of an event type. Everything it points to has to live as long as the type. */
struct ada_field {
    const char *name;
    const struct ada_label *labels; /* ENUM only, else NULL */
    uint16_t label_count;
    uint16_t count; /* 1, or the number of elements of a fixed array */
    uint8_t kind;   /* enum ada_field_kind */
    uint8_t width;  /* bytes of one element; 0 for STRING and BYTES */
};

#ifdef __cplusplus
}
#endif

#endif
