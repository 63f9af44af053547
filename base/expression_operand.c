/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between operators. */
#include <string.h>

#include "base/expression_parse.h"

/* A node at the place of the token taken last. */
static struct node node_here(const struct parser *p, enum node_kind kind)
{
    return (struct node){
        .kind = (uint8_t)kind, .at = p->before.at, .length = p->before.length, .index = -1};
}

static const struct {
    const char *name;
    enum builtin builtin;
    bool is_time;
} builtins[] = {
    {"thread", BUILTIN_THREAD, false}, {"process", BUILTIN_PROCESS, false},
    {"pid", BUILTIN_PID, false},       {"tid", BUILTIN_TID, false},
    {"name", BUILTIN_NAME, false},     {"level", BUILTIN_LEVEL, false},
    {"time", BUILTIN_TIME, true},
};

static int slow_parse(struct parser *p)
{
    struct expression *e = p->expression;
    struct node node = node_here(p, NODE_SLOW);
    int status = lexer_name(&p->lexer, &p->token); /* the ( has been seen; what follows is a name */

    if (status)
        return status;
    if (!p->token.size)
        return expression_refuse(p->error, p->token.at, 1,
                                 "slow() wants the name of a function or a scope");
    if (e->slow_count == SLOW_MAX)
        return expression_refuse(p->error, node.at, node.length, "more than %d slow()", SLOW_MAX);
    node.is_time = true;
    node.slow = (uint8_t)e->slow_count;
    node.text.bytes = p->token.bytes;
    node.text.size = p->token.size;
    e->slow[e->slow_count++] = p->token.bytes;
    status = parser_take(p);
    if (!status)
        status = parser_take_sign(p, ')', "the ) of slow() is missing");
    node.length = p->before.at + 1 - node.at;
    return status ? status : node_add(p, &node);
}

static int index_parse(struct parser *p, struct node *node)
{
    int status = parser_take(p);

    if (status)
        return status;
    if (p->token.kind != TOKEN_INTEGER || p->token.integer > UINT16_MAX)
        return expression_refuse(p->error, p->token.at, p->token.length,
                                 "which element? A number from 0 on is expected");
    node->index = (int32_t)p->token.integer;
    status = parser_take(p);
    return status ? status : parser_take_sign(p, ']', "the ] is missing");
}

static int word_parse(struct parser *p)
{
    struct node node = node_here(p, NODE_WORD);
    const char *word = p->before.bytes;
    int status = 0;

    if (parser_sees(p, '(')) {
        if (strcmp(word, "slow") == 0)
            return slow_parse(p);
        return expression_refuse(p->error, node.at, node.length,
                                 "there is no function %s(); the only one is slow(name)", word);
    }
    if (parser_sees(p, '.'))
        return expression_refuse(p->error, node.at, node.length,
                                 "an event is written provider:name, as in `*:%s`", word);
    node.text.bytes = word;
    node.text.size = p->before.size;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        node.kind = NODE_BOOLEAN;
        node.integer = *word == 't';
    }
    for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++) {
        if (strcmp(word, builtins[i].name) == 0) {
            node.kind = NODE_BUILTIN;
            node.op = (uint8_t)builtins[i].builtin;
            node.is_time = builtins[i].is_time;
        }
    }
    if (parser_sees(p, '[') && node.kind == NODE_WORD)
        status = index_parse(p, &node);
    return status ? status : node_add(p, &node);
}

static int selector_parse(struct parser *p)
{
    struct node node = node_here(p, NODE_SELECTOR), field;
    int selector, status;

    node.text.bytes = p->before.bytes;
    node.text.size = p->before.size;
    selector = node_add(p, &node);
    if (selector < 0 || !parser_sees(p, '.'))
        return selector;
    status = parser_take(p);
    if (status)
        return status;
    if (p->token.kind != TOKEN_WORD)
        return expression_refuse(p->error, p->token.at, p->token.length,
                                 "behind the point stands the name of a field");
    status = parser_take(p);
    if (status)
        return status;
    field = node_here(p, NODE_FIELD);
    field.text.bytes = p->before.bytes;
    field.text.size = p->before.size;
    field.selector = node.text.bytes;
    field.left = (uint16_t)selector;
    if (parser_sees(p, '['))
        status = index_parse(p, &field);
    return status ? status : node_add(p, &field);
}

static int group_parse(struct parser *p)
{
    uint32_t at = p->before.at;
    int inner, status;

    if (++p->open > NODE_DEPTH_MAX)
        return expression_refuse(p->error, at, 1, "more than %d levels deep by here",
                                 NODE_DEPTH_MAX);
    inner = parser_or(p);
    if (inner < 0)
        return inner;
    p->open--;
    if (!parser_sees(p, ')') && p->token.kind == TOKEN_END)
        return expression_refuse(p->error, at, 1, "the ) for this ( is missing");
    status = parser_take_sign(p, ')', "here a ) or an operator is missing");
    return status ? status : inner;
}

static int operand_refuse(const struct parser *p)
{
    const struct token *t = &p->token;

    if (t->kind == TOKEN_END)
        return expression_refuse(p->error, t->at, 1,
                                 p->before.kind == TOKEN_END ? "the expression is empty"
                                                             : "something is missing at the end");
    if (parser_sees(p, '*'))
        return expression_refuse(p->error, t->at, t->length,
                                 "a value is missing in front; an event is written provider:name, "
                                 "as in `shop:*`");
    return expression_refuse(p->error, t->at, t->length, "here a value or a condition is missing");
}

int operand_parse(struct parser *p)
{
    struct node node;
    enum token_kind kind = p->token.kind;
    int status;

    if (kind > TOKEN_SELECTOR || kind == TOKEN_END)
        if (!parser_sees(p, '('))
            return operand_refuse(p);
    status = parser_take(p);
    if (status)
        return status;
    switch (kind) {
    case TOKEN_WORD:
        return word_parse(p);
    case TOKEN_SELECTOR:
        return selector_parse(p);
    case TOKEN_SIGN:
        return group_parse(p);
    default:
        break;
    }
    node = node_here(p, kind == TOKEN_INTEGER ? NODE_INTEGER
                        : kind == TOKEN_FLOAT ? NODE_FLOAT
                                              : NODE_TEXT);
    node.is_time = p->before.is_time;
    if (kind == TOKEN_INTEGER)
        node.integer = p->before.integer;
    else if (kind == TOKEN_FLOAT)
        node.number = p->before.number;
    else {
        node.text.bytes = p->before.bytes;
        node.text.size = p->before.size;
    }
    return node_add(p, &node);
}
