/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression tree: what parsing makes and binding walks; shared by the expression's own files.
 *
 * Nodes lie in one array and name each other by number. && and || have any number of children, so
 * the tree is only as deep as parentheses, ! and arithmetic make it, and that is bounded: walking
 * it by recursion is safe whatever was typed.
 */
#ifndef ADATRACE_BASE_EXPRESSION_TREE_H
#define ADATRACE_BASE_EXPRESSION_TREE_H

#include "base/expression.h"

enum { NODE_NONE = 0, NODES_MAX = 1024, NODE_DEPTH_MAX = 64, SLOW_MAX = 8 };

/* Integers are exact from -2^63 to 2^64-1, what fields can hold; this has room for any step. */
__extension__ typedef __int128 expression_int;

enum node_kind {
    NODE_INTEGER = 1,
    NODE_FLOAT,
    NODE_TEXT,
    NODE_BOOLEAN,  /* true, false */
    NODE_FIELD,    /* selector.field */
    NODE_WORD,     /* a field of whatever event, or a label */
    NODE_BUILTIN,  /* thread, time, ... */
    NODE_SLOW,     /* slow(glob) */
    NODE_NEGATE,   /* -left */
    NODE_SUM,      /* left op right: + - * / % */
    NODE_SELECTOR, /* from here on: conditions */
    NODE_COMPARE,  /* left op right: == != < <= > >= contains startswith endswith matches */
    NODE_TRUTH,    /* left, a value, is not 0 */
    NODE_NOT,      /* left */
    NODE_AND,      /* left and its `next`s */
    NODE_OR,
};

enum compare_op {
    COMPARE_EQUAL,
    COMPARE_UNEQUAL,
    COMPARE_LESS,
    COMPARE_LESS_EQUAL,
    COMPARE_GREATER,
    COMPARE_GREATER_EQUAL,
    COMPARE_CONTAINS, /* from here on: texts only */
    COMPARE_STARTS,
    COMPARE_ENDS,
    COMPARE_MATCHES,
};

enum builtin {
    BUILTIN_THREAD,
    BUILTIN_PROCESS,
    BUILTIN_PID,
    BUILTIN_TID,
    BUILTIN_NAME,
    BUILTIN_LEVEL,
    BUILTIN_TIME,
};

struct node {
    uint8_t kind, op; /* op: '+' ..., enum compare_op, enum builtin */
    bool is_time;     /* a number of nanoseconds, said so by a unit */
    bool is_met;      /* meant something in a type that was bound */
    uint8_t depth;    /* of the tree below */
    uint8_t slow;     /* NODE_SLOW: its number */
    uint8_t like_far; /* how far `like` is from what was typed */
    uint16_t left, right, next;
    uint32_t at, length; /* in the text; for a field only the field's name */
    int32_t index;       /* of an array's element, or -1 */
    union {
        expression_int integer;
        double number;
        struct {
            const char *bytes; /* NUL-terminated, too */
            uint32_t size;
        } text; /* TEXT, WORD; SELECTOR and SLOW: the glob; FIELD: the field's name */
    };
    const char *selector; /* FIELD: the glob in front, "" none */
    char *like;           /* the name met so far that is most like it; owned, or NULL */
};

struct expression {
    char *text;
    char *arena, *arena_at; /* all names and texts, decoded */
    struct node *nodes;     /* [0] is nobody */
    uint32_t node_count, node_capacity;
    uint16_t root;
    unsigned slow_count;
    const char *slow[SLOW_MAX];
};

/* Is the glob one name only, so that the type it names is the one that was meant? */
bool selector_is_plain(const char *glob);

/* Refused at this place; returns -EINVAL. */
int expression_refuse(struct expression_error *error, uint32_t at, uint32_t length,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Do the parts fit together, whichever types there will be? 0 or -EINVAL. */
int expression_check(const struct expression *expression, struct expression_error *error)
    __attribute__((warn_unused_result));

/* The label that a level goes by, or NULL; and back, or -1. */
const struct ada_label *expression_level_labels(unsigned *count);

#endif
