/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression program: the compiled form, shared by binding and running.
 *
 * Operations stand in a row. Values go onto a small stack, deep enough for any tree. A test
 * takes its values off and says where to go on; every way leads forward and ends in FITS or
 * FITS_NOT. A value that cannot be had (a payload that is too short, a division by
 * zero) goes on at the `no` of the test that it is for. Nearly all programs of nearly all
 * expressions are a single TEST_RANGE.
 */
#ifndef ADATRACE_BASE_EXPRESSION_PROGRAM_H
#define ADATRACE_BASE_EXPRESSION_PROGRAM_H

#include "base/expression_tree.h"

enum {
    PROGRAM_STACK_MAX = NODE_DEPTH_MAX + 4, /* a level of the tree holds one value back at most */
    PROGRAM_OPS_MAX = 4096,
    PROGRAM_FITS_NOT = 0xffff, /* as a place to go on at */
    PROGRAM_FITS = 0xfffe,
};

enum op_code {
    OP_INTEGER, /* push integer */
    OP_FLOAT,   /* push number */
    OP_TEXT,    /* push text */
    OP_LOAD_UNSIGNED,
    OP_LOAD_SIGNED,
    OP_LOAD_FLOAT,
    OP_LOAD_TEXT,   /* the variable field `place` */
    OP_LOAD_LABEL,  /* the enum's value as text */
    OP_LOAD_SYMBOL, /* the code address as text */
    OP_LOAD_THREAD,
    OP_LOAD_PROCESS,
    OP_LOAD_PID,
    OP_LOAD_TID,
    OP_LOAD_TIME,
    OP_LOAD_DURATION,
    OP_CHECK_SLOW, /* go on only if the code address is that of slow() number `place` */
    OP_SCALE,      /* top = floor(top * multiply / divide) */
    OP_TO_FLOAT,   /* the value that is `place` below the top */
    OP_NEGATE,
    OP_NEGATE_FLOAT,
    OP_SUM, /* left, right -> left sign right; `sign` says which */
    OP_SUM_FLOAT,
    OP_TEST_RANGE,   /* load width bytes; low <= value <= low + span */
    OP_TEST_INTEGER, /* left, right: `compare` */
    OP_TEST_FLOAT,
    OP_TEST_TEXT,
};

struct program_text {
    const unsigned char *bytes;
    uint32_t size;
};

struct op {
    uint8_t code;
    uint8_t width;    /* of what is loaded */
    uint8_t how;      /* enum compare_op, or the sign of a sum */
    bool is_negated;  /* tests: the opposite goes to `yes` */
    bool is_signed;   /* TEST_RANGE */
    uint8_t field;    /* its number; values instead of a payload are found by it */
    uint8_t place;    /* see the codes */
    uint16_t yes, no; /* labels while binding, places afterwards; no is every op's */
    uint32_t offset;  /* in the payload; LOAD_TEXT: of the first variable field */
    uint32_t element; /* offset within the field's bytes */
    union {
        expression_int integer;
        double number;
        struct program_text text;
        struct {
            uint64_t low, span;
        } range;
        struct {
            uint64_t multiply, divide;
        } scale;
        struct {
            const struct ada_label *labels;
            uint32_t count;
        } enumeration;
    };
};

struct expression_program {
    uint16_t start;
    uint16_t count;
    uint8_t needs;
    uint32_t fields;
    struct op ops[]; /* texts in them are the expression's or the schema's */
};

/* From `at` to where it ends, beyond `count`: PROGRAM_FITS or PROGRAM_FITS_NOT. */
uint16_t program_run(const struct op *ops, uint16_t count, uint16_t at,
                     const struct expression_event *event);

#endif
