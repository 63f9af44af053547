/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression lexer: from text to tokens. Where an operand may stand, a run with a colon in it is an
 * event selector, globs included (`shop:*`, `*:order`); elsewhere `*` multiplies. For the parser
 * only; one thread.
 */
#ifndef ADATRACE_BASE_EXPRESSION_LEX_H
#define ADATRACE_BASE_EXPRESSION_LEX_H

#include "base/expression_tree.h"

enum token_kind {
    TOKEN_END,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_TEXT,
    TOKEN_WORD,
    TOKEN_SELECTOR,
    TOKEN_COMPARE, /* op: enum compare_op */
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_IN,
    TOKEN_SIGN, /* op: the character itself: ( ) , . [ ] + - * / % */
};

struct token {
    enum token_kind kind;
    uint8_t op;
    bool is_time; /* had a unit of time */
    uint32_t at, length;
    expression_int integer;
    double number;
    const char *bytes; /* decoded, NUL-terminated, in the arena */
    uint32_t size;
};

struct lexer {
    const char *text;
    uint32_t at, size;
    bool wants_operand;
    char *arena; /* where decoded texts go: there is always room for what is left of the text */
    struct expression_error *error;
};

/* 0, or -EINVAL. */
int lexer_next(struct lexer *lexer, struct token *token) __attribute__((warn_unused_result));

/* What stands between here and the closing parenthesis, which is not taken: function names may hold
 * anything. */
int lexer_name(struct lexer *lexer, struct token *token) __attribute__((warn_unused_result));

#endif
