/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression binder: what the files that turn a tree into a program share. One binder a call of
 * expression_bind(), one thread.
 */
#ifndef ADATRACE_BASE_EXPRESSION_BIND_H
#define ADATRACE_BASE_EXPRESSION_BIND_H

#include "base/expression_program.h"

/* Labels that are there from the start. */
enum { LABEL_FITS = 0, LABEL_FITS_NOT = 1, LABEL_FIRST = 2 };

struct binder {
    struct expression *expression;
    const struct schema *schema;
    const struct expression_binding *binding;
    struct expression_error *error;
    char full_name[2 * SCHEMA_NAME_MAX + 2];
    struct op *ops;
    uint32_t count, capacity;
    uint16_t labels[NODES_MAX + LABEL_FIRST]; /* where each leads */
    uint16_t label_count;
    uint8_t needs;
    uint32_t fields;
};

/* What a condition, or a test of it, has come to: nothing need be done, or it has its operations.
 */
enum outcome { OUTCOME_NO, OUTCOME_YES, OUTCOME_TESTED };

/* Where a test goes on, as labels, and which answer is wanted: the condition's or its opposite. */
struct branch {
    bool wanted;
    uint16_t yes, no;
};

/* What a value has come to. NONE: events of this type have none. */
enum value { VALUE_NONE, VALUE_INTEGER, VALUE_FLOAT, VALUE_TEXT };

static inline struct node *binder_node(const struct binder *b, unsigned number)
{
    return &b->expression->nodes[number];
}

/* Does the type's name match the selector? */
bool selector_fits(const struct binder *b, const struct node *selector);

/* Add an operation. 0, -ENOMEM, -EINVAL (too many). */
int binder_emit(struct binder *b, const struct op *op) __attribute__((warn_unused_result));

/* ---- expression_bind_value.c ---- */

/* Its place among the type's fields, or -1. */
int field_number(const struct schema *schema, const char *name);

/* The field that a FIELD or a WORD means. 1: *number; 0: this type has none; or negative. */
int field_resolve(struct binder *b, const struct node *node, unsigned *number)
    __attribute__((warn_unused_result));

/* How a value is wanted. */
struct want {
    bool time; /* in nanoseconds: fields named *_us and so on are scaled */
    bool text; /* enums and code addresses by their names */
};
/* Emit what pushes the node's value. An enum value, or negative. */
int value_bind(struct binder *b, unsigned node, struct want want)
    __attribute__((warn_unused_result));
/* Is the node's value one of time, for this type? */
bool value_is_time(struct binder *b, unsigned node);

/* Does the type end a scope that slow() means; does it end a function? */
bool slow_is_scope(const struct binder *b, const struct node *slow);
bool slow_is_function(const struct binder *b);

/* ---- expression_bind_names.c ---- */

/* Remember what the names in the expression mean in this type, and what they are like. */
void names_meet(struct binder *b);

/* ---- expression_bind_test.c ---- */

/* Emit the test of two values of this kind, whose operations stand from `start` on. An enum
 * outcome, or negative. */
int test_bind(struct binder *b, uint32_t start, uint8_t how, enum value value,
              const struct branch *branch) __attribute__((warn_unused_result));

/* ---- expression_bind_compare.c ---- */

/* A comparison, or the truth of a value. An enum outcome, or negative. */
int compare_bind(struct binder *b, const struct node *node, const struct branch *branch)
    __attribute__((warn_unused_result));

#endif
