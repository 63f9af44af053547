/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to the tree, one function a level of precedence. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/expression_parse.h"

/* ---- nodes ---- */

int node_add(struct parser *p, const struct node *node)
{
    struct expression *e = p->expression;

    if (e->node_count == NODES_MAX)
        return expression_refuse(p->error, node->at, node->length,
                                 "the expression has too many parts by here");
    if (node->depth > NODE_DEPTH_MAX)
        return expression_refuse(p->error, node->at, node->length,
                                 "more than %d levels deep by here", NODE_DEPTH_MAX);
    if (e->node_count == e->node_capacity) {
        uint32_t capacity = 2 * e->node_capacity;
        struct node *nodes = realloc(e->nodes, capacity * sizeof(*nodes));

        if (!nodes)
            return -ENOMEM;
        e->nodes = nodes;
        e->node_capacity = capacity;
    }
    e->nodes[e->node_count] = *node;
    return (int)e->node_count++;
}

int node_add_over(struct parser *p, enum node_kind kind, const struct token *token, unsigned left,
                  unsigned right)
{
    struct node node = {.kind = (uint8_t)kind,
                        .op = token->op,
                        .at = token->at,
                        .length = token->length,
                        .index = -1,
                        .left = (uint16_t)left,
                        .right = (uint16_t)right};
    uint8_t l = node_at(p, left)->depth, r = node_at(p, right)->depth;

    node.depth = (uint8_t)((l > r ? l : r) + 1);
    return node_add(p, &node);
}

int parser_take_sign(struct parser *p, char sign, const char *why)
{
    if (!parser_sees(p, sign))
        return expression_refuse(p->error, p->token.at, p->token.length, "%s", why);
    return parser_take(p);
}

/* ---- arithmetic ---- */

static int negate(struct parser *p, const struct token *sign, int operand)
{
    struct node *node = node_at(p, (unsigned)operand);

    if (node->kind == NODE_FLOAT) {
        node->number = -node->number;
        return operand;
    }
    if (node->kind != NODE_INTEGER)
        return node_add_over(p, NODE_NEGATE, sign, (unsigned)operand, NODE_NONE);
    node->integer = -node->integer;
    if (node->integer < INT64_MIN)
        return expression_refuse(p->error, sign->at, node->at + node->length - sign->at,
                                 "this number is smaller than any field can hold");
    return operand;
}

static int sign_parse(struct parser *p)
{
    bool negative = false;
    struct token sign = p->token;
    int operand;

    while (parser_sees(p, '-') || parser_sees(p, '+')) {
        int status;

        negative ^= parser_sees(p, '-');
        status = parser_take(p);
        if (status)
            return status;
    }
    operand = operand_parse(p);
    return operand < 0 || !negative ? operand : negate(p, &sign, operand);
}

static int sum_level_parse(struct parser *p, const char *signs, int (*next)(struct parser *))
{
    int left = next(p);

    while (left > 0 && p->token.kind == TOKEN_SIGN && strchr(signs, p->token.op)) {
        struct token sign = p->token;
        int right = parser_take(p);

        if (!right)
            right = next(p);
        if (right < 0)
            return right;
        left = node_add_over(p, NODE_SUM, &sign, (unsigned)left, (unsigned)right);
    }
    return left;
}

static int product_parse(struct parser *p)
{
    return sum_level_parse(p, "*/%", sign_parse);
}

static int sum_parse(struct parser *p)
{
    return sum_level_parse(p, "+-", product_parse);
}

/* ---- conditions ---- */

/* A value that stands where a condition is wanted. */
static int condition(struct parser *p, int node)
{
    struct token place;

    if (node < 0 || node_at(p, (unsigned)node)->kind >= NODE_SELECTOR)
        return node;
    place = (struct token){.at = node_at(p, (unsigned)node)->at,
                           .length = node_at(p, (unsigned)node)->length};
    return node_add_over(p, NODE_TRUTH, &place, (unsigned)node, NODE_NONE);
}

/* value in (a, b, c): any of the comparisons. */
static int in_parse(struct parser *p, int value)
{
    struct token in = p->token;
    unsigned last = NODE_NONE, first = NODE_NONE;
    int status = parser_take(p);

    if (!status)
        status = parser_take_sign(p, '(', "behind `in` stands a list: (1, 2, 3)");
    while (!status) {
        int item = sum_parse(p), one;

        if (item < 0)
            return item;
        in.op = COMPARE_EQUAL;
        one = node_add_over(p, NODE_COMPARE, &in, (unsigned)value, (unsigned)item);
        if (one < 0)
            return one;
        if (last)
            node_at(p, last)->next = (uint16_t)one;
        else
            first = (unsigned)one;
        last = (unsigned)one;
        if (parser_sees(p, ')'))
            break;
        status = parser_take_sign(p, ',', "here a comma or the ) of the list is missing");
    }
    if (!status)
        status = parser_take(p);
    return status ? status : node_add_over(p, NODE_OR, &in, first, NODE_NONE);
}

static int compare_parse(struct parser *p)
{
    int left = sum_parse(p), right, status;
    struct token op;

    if (left > 0 && p->token.kind == TOKEN_IN)
        return in_parse(p, left);
    if (left < 0 || p->token.kind != TOKEN_COMPARE)
        return left;
    op = p->token;
    status = parser_take(p);
    if (status)
        return status;
    right = sum_parse(p);
    if (right < 0)
        return right;
    if (p->token.kind == TOKEN_COMPARE)
        return expression_refuse(p->error, p->token.at, p->token.length,
                                 "comparisons do not chain; write `a < x && x < b`");
    return node_add_over(p, NODE_COMPARE, &op, (unsigned)left, (unsigned)right);
}

static int not_parse(struct parser *p)
{
    bool negative = false;
    struct token sign = p->token;
    int inner;

    while (p->token.kind == TOKEN_NOT) {
        int status = parser_take(p);

        if (status)
            return status;
        negative = !negative;
    }
    inner = compare_parse(p);
    if (!negative)
        return inner;
    inner = condition(p, inner);
    return inner < 0 ? inner : node_add_over(p, NODE_NOT, &sign, (unsigned)inner, NODE_NONE);
}

static int list_parse(struct parser *p, enum token_kind token, enum node_kind kind,
                      int (*next)(struct parser *))
{
    int first = next(p), last, list;

    if (first < 0 || p->token.kind != token)
        return first;
    first = last = condition(p, first);
    if (first < 0)
        return first;
    /* The list node first: a child that is a list itself must not be mistaken for this one's. */
    list = node_add_over(p, kind, &p->token, (unsigned)first, NODE_NONE);
    while (list > 0 && p->token.kind == token) {
        int one = parser_take(p);
        uint8_t depth;

        if (!one)
            one = condition(p, next(p));
        if (one < 0)
            return one;
        node_at(p, (unsigned)last)->next = (uint16_t)one;
        last = one;
        depth = (uint8_t)(node_at(p, (unsigned)one)->depth + 1);
        if (depth > node_at(p, (unsigned)list)->depth)
            node_at(p, (unsigned)list)->depth = depth;
    }
    return list;
}

static int and_parse(struct parser *p)
{
    return list_parse(p, TOKEN_AND, NODE_AND, not_parse);
}

int parser_or(struct parser *p)
{
    return list_parse(p, TOKEN_OR, NODE_OR, and_parse);
}

/* ---- all of it ---- */

static int rest_refuse(const struct parser *p)
{
    const struct token *t = &p->token;

    if (parser_sees(p, ')'))
        return expression_refuse(p->error, t->at, 1, "there is no ( for this )");
    if (p->before.kind == TOKEN_INTEGER && t->kind == TOKEN_WORD)
        return expression_refuse(p->error, t->at, t->length,
                                 "a unit stands right behind its number, without a space");
    return expression_refuse(p->error, t->at, t->length,
                             "in front of this an operator is missing, such as && or ==");
}

static int text_parse(struct parser *p)
{
    int root = lexer_next(&p->lexer, &p->token);

    if (!root)
        root = condition(p, parser_or(p));
    if (root < 0)
        return root;
    if (p->token.kind != TOKEN_END)
        return rest_refuse(p);
    p->expression->root = (uint16_t)root;
    return expression_check(p->expression, p->error);
}

static struct expression *expression_make(const char *text, size_t size)
{
    enum { NODES_FIRST = 16 };
    struct expression *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->text = strdup(text);
    e->arena = malloc(2 * size + 2); /* every token has a byte at least, and gets a NUL */
    e->nodes = calloc(NODES_FIRST, sizeof(*e->nodes));
    e->node_count = 1;
    e->node_capacity = NODES_FIRST;
    if (e->text && e->arena && e->nodes)
        return e;
    expression_free(e);
    return NULL;
}

int expression_parse(struct expression **out, const char *text, struct expression_error *error)
{
    size_t size = strlen(text);
    struct parser p = {.error = error};
    int status;

    *out = NULL;
    *error = (struct expression_error){0};
    if (size > EXPRESSION_BYTES_MAX)
        return expression_refuse(error, EXPRESSION_BYTES_MAX, 1,
                                 "the expression is longer than %d bytes", EXPRESSION_BYTES_MAX);
    p.expression = expression_make(text, size);
    if (!p.expression)
        return -ENOMEM;
    p.lexer = (struct lexer){.text = p.expression->text,
                             .size = (uint32_t)size,
                             .wants_operand = true,
                             .arena = p.expression->arena,
                             .error = error};
    status = text_parse(&p);
    if (status < 0) {
        expression_free(p.expression);
        return status;
    }
    *out = p.expression;
    return 0;
}

void expression_free(struct expression *e)
{
    if (!e)
        return;
    for (uint32_t i = 1; i < e->node_count; i++)
        free(e->nodes[i].like);
    free(e->nodes);
    free(e->arena);
    free(e->text);
    free(e);
}

const char *expression_text(const struct expression *e)
{
    return e->text;
}

const char *expression_slow_at(const struct expression *e, unsigned n)
{
    return n < e->slow_count ? e->slow[n] : NULL;
}
