/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong whichever event types there are: texts that are counted, numbers that are searched.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/expression_tree.h"
#include "base/suggestion.h"

enum sort { SORT_ANY, SORT_NUMBER, SORT_TEXT, SORT_LEVEL, SORT_CONDITION };

static const struct ada_label levels[] = {
    {"critical", ADA_LEVEL_CRITICAL}, {"error", ADA_LEVEL_ERROR}, {"warning", ADA_LEVEL_WARNING},
    {"notice", ADA_LEVEL_NOTICE},     {"info", ADA_LEVEL_INFO},   {"debug", ADA_LEVEL_DEBUG},
};

const struct ada_label *expression_level_labels(unsigned *count)
{
    *count = sizeof(levels) / sizeof(*levels);
    return levels;
}

bool selector_is_plain(const char *glob)
{
    return !strpbrk(glob, "*?[");
}

struct check {
    const struct expression *expression;
    struct expression_error *error;
};

static int refuse_node(const struct check *c, const struct node *n, const char *why)
{
    return expression_refuse(c->error, n->at, n->length, "%s", why);
}

static enum sort sort_of(const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_FIELD:
    case NODE_WORD:
        return SORT_ANY;
    case NODE_TEXT:
        return SORT_TEXT;
    case NODE_BUILTIN:
        if (n->op == BUILTIN_LEVEL)
            return SORT_LEVEL;
        return n->op == BUILTIN_THREAD || n->op == BUILTIN_PROCESS || n->op == BUILTIN_NAME
                   ? SORT_TEXT
                   : SORT_NUMBER;
    default:
        return n->kind >= NODE_SELECTOR ? SORT_CONDITION : SORT_NUMBER;
    }
}

/* ---- comparisons ---- */

static int check_level(const struct check *c, const struct node *n)
{
    const char *like = NULL, *found;
    unsigned best = UINT_MAX;

    if (n->kind != NODE_WORD && n->kind != NODE_TEXT)
        return 0;
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (strcmp(n->text.bytes, levels[i].name) == 0)
            return 0;
        found = suggestion_consider(n->text.bytes, levels[i].name, &best);
        like = found ? found : like;
    }
    if (like)
        return expression_refuse(c->error, n->at, n->length,
                                 "no level is called so; did you mean `%s`?", like);
    return refuse_node(c, n, "the levels are critical, error, warning, notice, info and debug");
}

static int check_search(const struct check *c, const struct node *left, const struct node *right)
{
    if (right->kind != NODE_TEXT)
        return refuse_node(c, right, "this has to be a text in quotes");
    if (sort_of(left) != SORT_ANY && sort_of(left) != SORT_TEXT)
        return refuse_node(c, left, "only texts can be searched, and this is none");
    return 0;
}

static int check_compare(const struct check *c, const struct node *n)
{
    const struct node *left = &c->expression->nodes[n->left];
    const struct node *right = &c->expression->nodes[n->right];
    enum sort l = sort_of(left), r = sort_of(right);

    if (l == SORT_CONDITION || r == SORT_CONDITION)
        return refuse_node(c, l == SORT_CONDITION ? left : right,
                           "a condition cannot be compared; put && or || between conditions");
    if (n->op >= COMPARE_CONTAINS)
        return check_search(c, left, right);
    if (l == SORT_LEVEL || r == SORT_LEVEL)
        return check_level(c, l == SORT_LEVEL ? right : left);
    if ((l == SORT_TEXT && r == SORT_NUMBER) || (l == SORT_NUMBER && r == SORT_TEXT)) {
        if (left->kind == NODE_BUILTIN && left->op == BUILTIN_THREAD)
            return refuse_node(c, right, "`thread` is a name; the number of a thread is `tid`");
        if (left->kind == NODE_BUILTIN && left->op == BUILTIN_PROCESS)
            return refuse_node(c, right, "`process` is a name; the number of a process is `pid`");
        return refuse_node(c, right, "a text cannot be compared with a number");
    }
    return 0;
}

/* ---- the rest ---- */

static int check_number(const struct check *c, unsigned number)
{
    const struct node *n = &c->expression->nodes[number];

    if (number && sort_of(n) != SORT_ANY && sort_of(n) != SORT_NUMBER)
        return refuse_node(c, n, "there is no reckoning with this: it is no number");
    return 0;
}

static int check_truth(const struct check *c, const struct node *n)
{
    if (n->kind == NODE_SLOW)
        return expression_refuse(c->error, n->at, n->length,
                                 "say how slow, as in slow(%.64s) > 20ms", n->text.bytes);
    if (n->kind == NODE_INTEGER || n->kind == NODE_FLOAT || n->kind == NODE_TEXT ||
        n->kind == NODE_BUILTIN)
        return expression_refuse(c->error, n->at, n->length,
                                 "this is a %s, no condition; compare it with something",
                                 sort_of(n) == SORT_TEXT ? "text" : "number");
    return 0;
}

static int check_node(const struct check *c, const struct node *n)
{
    int status;

    switch ((enum node_kind)n->kind) {
    case NODE_NEGATE:
    case NODE_SUM:
        status = check_number(c, n->left);
        return status ? status : check_number(c, n->right);
    case NODE_COMPARE:
        return check_compare(c, n);
    case NODE_TRUTH:
        return check_truth(c, &c->expression->nodes[n->left]);
    default:
        return 0;
    }
}

/* No check looks further down than one level, so any order will do. */
int expression_check(const struct expression *expression, struct expression_error *error)
{
    const struct check c = {.expression = expression, .error = error};
    int status = 0;

    for (uint32_t i = 1; i < expression->node_count && !status; i++)
        status = check_node(&c, &expression->nodes[i]);
    return status;
}
