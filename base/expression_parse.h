/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression parser: what its two files share. Functions that add a node return its number, or a
 * negative errno with the refusal noted. One parser a call of expression_parse(), one thread.
 */
#ifndef ADATRACE_BASE_EXPRESSION_PARSE_H
#define ADATRACE_BASE_EXPRESSION_PARSE_H

#include "base/expression_lex.h"

struct parser {
    struct lexer lexer;
    struct token token, before; /* to be taken next; taken last */
    struct expression *expression;
    struct expression_error *error;
    unsigned open; /* parentheses around this place */
};

static inline struct node *node_at(const struct parser *p, unsigned number)
{
    return &p->expression->nodes[number];
}

int node_add(struct parser *p, const struct node *node);
/* One above others, at the place of `token`. */
int node_add_over(struct parser *p, enum node_kind kind, const struct token *token, unsigned left,
                  unsigned right);

/* The next token. */
static inline int parser_take(struct parser *p)
{
    p->before = p->token;
    return lexer_next(&p->lexer, &p->token);
}

static inline bool parser_sees(const struct parser *p, char sign)
{
    return p->token.kind == TOKEN_SIGN && p->token.op == (uint8_t)sign;
}

/* Take this sign; if it is not there, that is why the expression is refused. */
int parser_take_sign(struct parser *p, char sign, const char *why);

/* A number, a text, a field, an event, a parenthesis. */
int operand_parse(struct parser *p);

/* All that may stand in a parenthesis. */
int parser_or(struct parser *p);

#endif
