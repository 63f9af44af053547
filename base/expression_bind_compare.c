/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons: labels become numbers, both sides the same kind of value. */
#include <limits.h>
#include <string.h>

#include "base/expression_bind.h"
#include "base/suggestion.h"

/* ---- labels ---- */

/* Labels that stand for numbers on this side, if it is an enum or the level. Negative: an error. */
static int labels_find(struct binder *b, const struct node *side, const struct ada_label **labels,
                       unsigned *count)
{
    unsigned field;
    int found;

    *count = 0;
    if (side->kind == NODE_BUILTIN && side->op == BUILTIN_LEVEL) {
        *labels = expression_level_labels(count);
        return 0;
    }
    if (side->kind != NODE_FIELD && side->kind != NODE_WORD)
        return 0;
    found = field_resolve(b, side, &field);
    if (found > 0 && b->schema->fields[field].kind == ADA_KIND_ENUM) {
        *labels = b->schema->fields[field].labels;
        *count = b->schema->fields[field].label_count;
    }
    return found < 0 ? found : 0;
}

static bool is_sure(const struct node *side)
{
    return side->kind == NODE_FIELD && selector_is_plain(side->selector);
}

static int label_refuse(struct binder *b, const struct node *side, const struct node *word,
                        const struct ada_label *labels, unsigned count)
{
    const char *like = NULL, *found;
    unsigned best = UINT_MAX;

    for (unsigned i = 0; i < count; i++) {
        found = suggestion_consider(word->text.bytes, labels[i].name, &best);
        like = found ? found : like;
    }
    if (like)
        return expression_refuse(b->error, word->at, word->length,
                                 "`%.64s` has no label `%.64s`; did you mean `%.64s`?",
                                 side->text.bytes, word->text.bytes, like);
    return expression_refuse(
        b->error, word->at, word->length, "`%.64s` has no label `%.64s`%s%.64s", side->text.bytes,
        word->text.bytes, count ? "; one is " : "", count ? labels[0].name : "");
}

/* The number that `word` stands for beside `side`. 1: *number; 0: it is no label; or negative. */
static int label_bind(struct binder *b, const struct node *side, const struct node *word,
                      expression_int *number)
{
    const struct ada_label *labels = NULL;
    unsigned count, field;
    int status;

    if (word->kind != NODE_WORD && word->kind != NODE_TEXT)
        return 0;
    status = labels_find(b, side, &labels, &count);
    if (status || !labels)
        return status;
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(labels[i].name, word->text.bytes) == 0) {
            *number = labels[i].value;
            return 1;
        }
    }
    if (!is_sure(side) || (word->kind == NODE_WORD && field_resolve(b, word, &field) > 0))
        return 0;
    return label_refuse(b, side, word, labels, count);
}

/* ---- both sides ---- */

static int kinds_refuse(struct binder *b, const struct node *n, bool left_is_text)
{
    const struct node *left = binder_node(b, n->left), *right = binder_node(b, n->right);
    const struct node *field = is_sure(left) ? left : right;
    bool field_is_text = (field == left) == left_is_text;

    if (n->op >= COMPARE_CONTAINS)
        return expression_refuse(b->error, field->at, field->length,
                                 "`%.64s` is a number; only texts can be searched",
                                 field->text.bytes);
    return expression_refuse(b->error, field->at, field->length,
                             "`%.64s` is a %s and cannot be compared with a %s", field->text.bytes,
                             field_is_text ? "text" : "number", field_is_text ? "number" : "text");
}

static int to_float(struct binder *b, unsigned place)
{
    const struct op op = {.code = OP_TO_FLOAT, .place = (uint8_t)place};

    return binder_emit(b, &op);
}

/* Both on the stack; test them. */
static int sides_test(struct binder *b, const struct node *n, uint32_t start, int left, int right,
                      const struct branch *branch)
{
    int status = 0;

    if (left == VALUE_NONE || right == VALUE_NONE) {
        b->count = start;
        return OUTCOME_NO;
    }
    if ((left == VALUE_TEXT) != (right == VALUE_TEXT)) {
        b->count = start;
        if (is_sure(binder_node(b, n->left)) || is_sure(binder_node(b, n->right)))
            return kinds_refuse(b, n, left == VALUE_TEXT);
        return OUTCOME_NO;
    }
    if (left == VALUE_INTEGER && right == VALUE_FLOAT)
        status = to_float(b, 1);
    if (left == VALUE_FLOAT && right == VALUE_INTEGER)
        status = to_float(b, 0);
    if (status)
        return status;
    return test_bind(b, start, n->op, left == VALUE_FLOAT ? VALUE_FLOAT : (enum value)right,
                     branch);
}

static int integer_push(struct binder *b, expression_int integer)
{
    const struct op op = {.code = OP_INTEGER, .integer = integer};
    int status = binder_emit(b, &op);

    return status ? status : VALUE_INTEGER;
}

/* A side, or the number that its word stands for beside the other one. */
static int side_bind(struct binder *b, unsigned number, unsigned beside, struct want want)
{
    expression_int label = 0;
    int status = 0;

    if (!want.text)
        status = label_bind(b, binder_node(b, beside), binder_node(b, number), &label);
    if (status < 0)
        return status;
    return status ? integer_push(b, label) : value_bind(b, number, want);
}

static bool is_text(const struct node *n)
{
    return n->kind == NODE_TEXT;
}

/* Names are wanted where there is a text to compare them with; an enum's are numbers by then. */
static bool wants_text(struct binder *b, const struct node *n)
{
    const struct ada_label *labels = NULL;
    unsigned count;

    if (n->op >= COMPARE_CONTAINS)
        return true;
    if (!is_text(binder_node(b, n->left)) && !is_text(binder_node(b, n->right)))
        return false;
    return labels_find(b, binder_node(b, n->left), &labels, &count) == 0 && !labels &&
           labels_find(b, binder_node(b, n->right), &labels, &count) == 0 && !labels;
}

static int truth_bind(struct binder *b, const struct node *n, const struct branch *branch)
{
    const struct node *inner = binder_node(b, n->left);
    uint32_t start = b->count;
    int value = value_bind(b, n->left, (struct want){0}), status;
    const struct op zero = {.code = value == VALUE_FLOAT ? OP_FLOAT : OP_INTEGER};

    if (value < 0)
        return value;
    if (value == VALUE_NONE || value == VALUE_TEXT) {
        b->count = start;
        if (value == VALUE_TEXT && is_sure(inner))
            return expression_refuse(b->error, inner->at, inner->length,
                                     "`%.64s` is a text, no condition; compare it with something",
                                     inner->text.bytes);
        return OUTCOME_NO;
    }
    status = binder_emit(b, &zero);
    if (status)
        return status;
    return test_bind(b, start, COMPARE_UNEQUAL, (enum value)value, branch);
}

int compare_bind(struct binder *b, const struct node *n, const struct branch *branch)
{
    uint32_t start = b->count;
    struct want want = {0};
    int left, right;

    if (n->kind == NODE_TRUTH)
        return truth_bind(b, n, branch);
    want.text = wants_text(b, n);
    want.time = value_is_time(b, n->left) || value_is_time(b, n->right);
    left = side_bind(b, n->left, n->right, want);
    if (left < 0)
        return left;
    right = side_bind(b, n->right, n->left, want);
    if (right < 0)
        return right;
    return sides_test(b, n, start, left, right, branch);
}
