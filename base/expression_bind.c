/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions: && || ! become places to go on at.
 *
 * Every condition is compiled for one answer that is wanted, its own or its opposite, and ! only
 * turns that round. So what has no answer needs no third value: it goes where the unwanted goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/expression_bind.h"
#include "base/glob.h"

static int condition_bind(struct binder *b, unsigned number, const struct branch *branch);

bool selector_fits(const struct binder *b, const struct node *selector)
{
    return glob_match(selector->text.bytes, selector->text.size, b->full_name);
}

/* ---- operations and labels ---- */

int binder_emit(struct binder *b, const struct op *op)
{
    if (b->count == PROGRAM_OPS_MAX)
        return expression_refuse(b->error, 0, (uint32_t)strlen(b->expression->text),
                                 "the expression is too long for events with so many answers");
    if (b->count == b->capacity) {
        uint32_t capacity = b->capacity ? 2 * b->capacity : 16;
        struct op *ops = realloc(b->ops, capacity * sizeof(*ops));

        if (!ops)
            return -ENOMEM;
        b->ops = ops;
        b->capacity = capacity;
    }
    b->ops[b->count++] = *op;
    return 0;
}

static uint16_t label_new(struct binder *b)
{
    return b->label_count++;
}

/* ---- conditions ---- */

/*
 * Several conditions of which all must come out as wanted (`all`), or any. Each goes on at the next
 * one; the last one's way out is the list's own. What the type decides is left out.
 */
static int list_bind(struct binder *b, const struct node *list, bool all,
                     const struct branch *branch)
{
    int neutral = all ? OUTCOME_YES : OUTCOME_NO;
    uint32_t start = b->count;
    struct branch one = *branch;
    uint16_t *way_on = all ? &one.yes : &one.no, last = 0;

    for (unsigned child = list->left; child; child = binder_node(b, child)->next) {
        int outcome;

        *way_on = label_new(b);
        outcome = condition_bind(b, child, &one);
        if (outcome < 0)
            return outcome;
        if (outcome == OUTCOME_TESTED) {
            last = *way_on;
            b->labels[last] = (uint16_t)b->count;
        } else if (outcome != neutral) {
            b->count = start;
            return outcome;
        }
    }
    if (!last)
        return neutral;
    /* Nothing follows: the last way on is an alias, told apart by being no place in the program. */
    b->labels[last] = (uint16_t)(PROGRAM_OPS_MAX + 1 + (all ? branch->yes : branch->no));
    return OUTCOME_TESTED;
}

static int condition_bind(struct binder *b, unsigned number, const struct branch *branch)
{
    const struct node *n = binder_node(b, number);
    struct branch other = *branch;

    switch ((enum node_kind)n->kind) {
    case NODE_AND:
        return list_bind(b, n, branch->wanted, branch);
    case NODE_OR:
        return list_bind(b, n, !branch->wanted, branch);
    case NODE_NOT:
        other.wanted = !branch->wanted;
        return condition_bind(b, n->left, &other);
    case NODE_SELECTOR:
        return selector_fits(b, n) == branch->wanted ? OUTCOME_YES : OUTCOME_NO;
    default:
        return compare_bind(b, n, branch);
    }
}

/* ---- the program ---- */

static uint16_t label_place(const struct binder *b, uint16_t label)
{
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; labels are counted up to the size of the array
     */
    while (label >= LABEL_FIRST && b->labels[label] > PROGRAM_OPS_MAX)
        /* cppcheck-suppress arrayIndexOutOfBoundsCond ; as above */
        label = (uint16_t)(b->labels[label] - PROGRAM_OPS_MAX - 1);
    if (label == LABEL_FITS)
        return PROGRAM_FITS;
    return label == LABEL_FITS_NOT ? PROGRAM_FITS_NOT : b->labels[label];
}

static int program_make(struct binder *b, enum outcome outcome, struct expression_program **out)
{
    struct expression_program *p;

    if (outcome == OUTCOME_NO)
        return 0;
    if (outcome == OUTCOME_YES)
        b->count = 0;
    p = calloc(1, sizeof(*p) + b->count * sizeof(*p->ops));
    if (!p)
        return -ENOMEM;
    p->count = (uint16_t)b->count;
    p->start = b->count ? 0 : PROGRAM_FITS;
    p->needs = b->needs;
    p->fields = b->fields;
    for (uint32_t i = 0; i < b->count; i++) {
        p->ops[i] = b->ops[i];
        p->ops[i].yes = label_place(b, b->ops[i].yes);
        p->ops[i].no = label_place(b, b->ops[i].no);
    }
    *out = p;
    return 0;
}

int expression_bind(struct expression *expression, const struct schema *schema,
                    const struct expression_binding *binding, struct expression_program **out,
                    struct expression_error *error)
{
    static const struct branch root = {true, LABEL_FITS, LABEL_FITS_NOT};
    struct binder *b = calloc(1, sizeof(*b));
    int outcome;

    *out = NULL;
    if (!b)
        return -ENOMEM;
    b->expression = expression;
    b->schema = schema;
    b->binding = binding;
    b->error = error;
    b->label_count = LABEL_FIRST;
    snprintf(b->full_name, sizeof(b->full_name), "%s:%s", schema->provider, schema->name);
    names_meet(b);
    outcome = condition_bind(b, expression->root, &root);
    if (outcome >= 0)
        outcome = program_make(b, (enum outcome)outcome, out);
    free(b->ops);
    free(b);
    return outcome;
}

void expression_program_free(struct expression_program *program)
{
    free(program);
}
