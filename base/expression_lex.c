/* SPDX-License-Identifier: Apache-2.0 */
#include "base/expression_lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_name(char c)
{
    return is_letter(c) || is_digit(c);
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character at a place; 0 at and behind the end. */
static char peek(const struct lexer *l, uint32_t at)
{
    return at < l->size ? l->text[at] : 0;
}

/* ---- numbers ---- */

static const struct unit {
    const char *name;
    uint64_t factor;
    bool is_time;
} units[] = {
    {"ns", 1, true},
    {"us", 1000, true},
    {"\xc2\xb5s", 1000, true},
    {"ms", 1000000, true},
    {"s", 1000000000, true},
    {"min", UINT64_C(60000000000), true},
    {"h", UINT64_C(3600000000000), true},
    {"B", 1, false},
    {"K", UINT64_C(1) << 10, false},
    {"M", UINT64_C(1) << 20, false},
    {"G", UINT64_C(1) << 30, false},
    {"T", UINT64_C(1) << 40, false},
    {"KiB", UINT64_C(1) << 10, false},
    {"MiB", UINT64_C(1) << 20, false},
    {"GiB", UINT64_C(1) << 30, false},
    {"TiB", UINT64_C(1) << 40, false},
};

static const struct unit *unit_find(const char *text, uint32_t length)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0)
            return &units[i];
    return NULL;
}

static int number_refuse_large(const struct lexer *l, const struct token *t)
{
    return expression_refuse(l->error, t->at, l->at - t->at,
                             "this number is larger than any field can hold");
}

/* Digits of one base, underscores between them allowed, from l->at on. */
static int digits_take(struct lexer *l, struct token *t, unsigned base)
{
    uint32_t first = l->at;
    bool large = false;

    for (; hex_digit(peek(l, l->at)) >= 0 || peek(l, l->at) == '_'; l->at++) {
        int digit = hex_digit(peek(l, l->at));

        if (peek(l, l->at) == '_')
            continue;
        if ((unsigned)digit >= base)
            break;
        t->integer = t->integer * base + digit;
        large |= t->integer > UINT64_MAX;
        if (large)
            t->integer = 0; /* and on to the number's end, for the caret */
    }
    if (large)
        return number_refuse_large(l, t);
    if (l->at == first)
        return expression_refuse(l->error, t->at, l->at - t->at + 1, "digits are missing here");
    return 0;
}

/* ".5" and "e-3" behind the digits: then it is no integer. */
static void fraction_skip(struct lexer *l, struct token *t)
{
    uint32_t at = l->at;

    if (peek(l, at) == '.' && is_digit(peek(l, at + 1))) {
        t->kind = TOKEN_FLOAT;
        for (at++; is_digit(peek(l, at)); at++)
            ;
    }
    if (peek(l, at) == 'e' || peek(l, at) == 'E') {
        uint32_t digits = at + 1 + (peek(l, at + 1) == '-' || peek(l, at + 1) == '+');

        if (is_digit(peek(l, digits))) {
            t->kind = TOKEN_FLOAT;
            for (at = digits; is_digit(peek(l, at)); at++)
                ;
        }
    }
    l->at = at;
}

static int unit_apply(struct lexer *l, struct token *t)
{
    uint32_t first = l->at;
    const struct unit *unit;

    while (is_name(peek(l, l->at)))
        l->at++;
    if (l->at == first)
        return 0;
    unit = unit_find(l->text + first, l->at - first);
    if (!unit && l->at - first == 1 && peek(l, first) == 'm')
        return expression_refuse(l->error, first, 1, "write M (1,048,576), ms or min");
    if (!unit)
        return expression_refuse(l->error, first, l->at - first,
                                 "no unit is called so; there are ns us ms s min h, and B K M G T "
                                 "KiB MiB GiB TiB in powers of 1024");
    t->is_time = unit->is_time;
    if (t->kind == TOKEN_FLOAT) { /* 1.5ms: a whole number of the smallest unit */
        double scaled = t->number * (double)unit->factor + 0.5;

        if (!(scaled < 18446744073709551616.0))
            return number_refuse_large(l, t);
        t->kind = TOKEN_INTEGER;
        t->integer = (expression_int)scaled;
        return 0;
    }
    t->integer *= unit->factor; /* below 2^64 * 2^42: no overflow */
    return t->integer > UINT64_MAX ? number_refuse_large(l, t) : 0;
}

static int number_take(struct lexer *l, struct token *t)
{
    int status;

    t->kind = TOKEN_INTEGER;
    if (peek(l, l->at) == '0' && (peek(l, l->at + 1) | 0x20) == 'x') {
        l->at += 2;
        status = digits_take(l, t, 16);
        if (!status && is_name(peek(l, l->at)))
            return expression_refuse(l->error, l->at, 1, "this is no hexadecimal digit");
        return status;
    }
    status = digits_take(l, t, 10);
    if (status)
        return status;
    fraction_skip(l, t);
    if (t->kind == TOKEN_FLOAT) {
        char digits[64];
        uint32_t length = l->at - t->at;

        if (length >= sizeof(digits))
            return expression_refuse(l->error, t->at, length, "this number has too many digits");
        memcpy(digits, l->text + t->at, length);
        digits[length] = 0;
        t->number = strtod(digits, NULL);
    }
    return unit_apply(l, t);
}

/* ---- texts ---- */

static int escape_take(struct lexer *l, char *out)
{
    static const char letters[] = "nrt0\\\"'`", meanings[] = "\n\r\t\0\\\"'`";
    char c = peek(l, l->at + 1);
    const char *letter = c ? strchr(letters, c) : NULL;
    int high, low;

    if (letter) {
        *out = meanings[letter - letters];
        l->at += 2;
        return 0;
    }
    if (c == 'x' && (high = hex_digit(peek(l, l->at + 2))) >= 0 &&
        (low = hex_digit(peek(l, l->at + 3))) >= 0) {
        *out = (char)(high << 4 | low);
        l->at += 4;
        return 0;
    }
    return expression_refuse(l->error, l->at, 2,
                             "this escape is not known; there are \\n \\r \\t \\0 \\xNN \\\\ \\\" "
                             "\\' and \\`");
}

static int quoted_take(struct lexer *l, struct token *t)
{
    char quote = l->text[l->at++];

    t->bytes = l->arena;
    while (peek(l, l->at) != quote) {
        int status = 0;

        if (l->at >= l->size)
            return expression_refuse(l->error, t->at, l->size - t->at,
                                     "the %c that ends this text is missing", quote);
        if (l->text[l->at] == '\\' && quote != '`')
            status = escape_take(l, l->arena);
        else
            *l->arena = l->text[l->at++];
        if (status)
            return status;
        l->arena++;
    }
    l->at++;
    t->size = (uint32_t)(l->arena - t->bytes);
    *l->arena++ = 0;
    t->kind = TOKEN_TEXT;
    return 0;
}

static void text_keep(struct lexer *l, struct token *t, uint32_t from, uint32_t to)
{
    t->bytes = l->arena;
    t->size = to - from;
    memcpy(l->arena, l->text + from, t->size);
    l->arena[t->size] = 0;
    l->arena += t->size + 1;
}

/* ---- words and selectors ---- */

/* The end of a run of names, `*`, `?` and [sets]. */
static uint32_t glob_end(const struct lexer *l, uint32_t at)
{
    for (;; at++) {
        char c = peek(l, at);

        if (c == '[') {
            const char *close = memchr(l->text + at, ']', l->size - at);

            if (!close)
                return at;
            at = (uint32_t)(close - l->text);
        } else if (!is_name(c) && c != '*' && c != '?') {
            return at;
        }
    }
}

/* provider:name with globs? */
static bool selector_take(struct lexer *l, struct token *t)
{
    uint32_t colon = glob_end(l, l->at), end;

    if (colon == l->at || peek(l, colon) != ':')
        return false;
    end = glob_end(l, colon + 1);
    if (end == colon + 1)
        return false;
    t->kind = TOKEN_SELECTOR;
    text_keep(l, t, l->at, end);
    l->at = end;
    return true;
}

static const struct keyword {
    const char *name;
    uint8_t kind, op;
} keywords[] = {
    {"and", TOKEN_AND, 0},
    {"or", TOKEN_OR, 0},
    {"not", TOKEN_NOT, 0},
    {"in", TOKEN_IN, 0},
    {"contains", TOKEN_COMPARE, COMPARE_CONTAINS},
    {"startswith", TOKEN_COMPARE, COMPARE_STARTS},
    {"endswith", TOKEN_COMPARE, COMPARE_ENDS},
    {"matches", TOKEN_COMPARE, COMPARE_MATCHES},
};

static void word_take(struct lexer *l, struct token *t, bool is_field)
{
    while (is_name(peek(l, l->at)))
        l->at++;
    t->kind = TOKEN_WORD;
    text_keep(l, t, t->at, l->at);
    for (size_t i = 0; !is_field && i < sizeof(keywords) / sizeof(*keywords); i++) {
        if (strcmp(t->bytes, keywords[i].name) == 0) {
            t->kind = (enum token_kind)keywords[i].kind;
            t->op = keywords[i].op;
        }
    }
}

static int backquoted_take(struct lexer *l, struct token *t, bool is_field)
{
    int status = quoted_take(l, t);

    if (status)
        return status;
    t->kind = is_field ? TOKEN_WORD : TOKEN_SELECTOR;
    if (!is_field && !memchr(t->bytes, ':', t->size))
        return expression_refuse(l->error, t->at, l->at - t->at,
                                 "between backquotes stands an event, written provider:name");
    return 0;
}

/* ---- signs ---- */

static const struct sign {
    const char *text;
    uint8_t kind, op;
} signs[] = {
    {"&&", TOKEN_AND, 0},
    {"||", TOKEN_OR, 0},
    {"==", TOKEN_COMPARE, COMPARE_EQUAL},
    {"!=", TOKEN_COMPARE, COMPARE_UNEQUAL},
    {"<=", TOKEN_COMPARE, COMPARE_LESS_EQUAL},
    {">=", TOKEN_COMPARE, COMPARE_GREATER_EQUAL},
    {"<", TOKEN_COMPARE, COMPARE_LESS},
    {">", TOKEN_COMPARE, COMPARE_GREATER},
    {"!", TOKEN_NOT, 0},
};

static int sign_refuse(const struct lexer *l, const struct token *t, char c)
{
    if (c == '=')
        return expression_refuse(l->error, t->at, 1, "write == to compare");
    if (c == '&' || c == '|')
        return expression_refuse(l->error, t->at, 1, "write %c%c for %s", c, c,
                                 c == '&' ? "and" : "or");
    if (c == ':')
        return expression_refuse(l->error, t->at, 1, "an event is written provider:name");
    if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f)
        return expression_refuse(l->error, t->at, 1, "this character has no meaning here");
    return expression_refuse(l->error, t->at, 1, "%c has no meaning here", c);
}

static int sign_take(struct lexer *l, struct token *t)
{
    char c = l->text[l->at];

    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        size_t length = strlen(signs[i].text);

        if (strncmp(l->text + l->at, signs[i].text, length) == 0) {
            t->kind = (enum token_kind)signs[i].kind;
            t->op = signs[i].op;
            l->at += (uint32_t)length;
            return 0;
        }
    }
    if (!strchr("(),.[]+-*/%", c))
        return sign_refuse(l, t, c);
    t->kind = TOKEN_SIGN;
    t->op = (uint8_t)c;
    l->at++;
    return 0;
}

static void spaces_skip(struct lexer *l)
{
    while (l->at < l->size && strchr(" \t\r\n", l->text[l->at]))
        l->at++;
}

static int token_take(struct lexer *l, struct token *t, bool is_field)
{
    char c = peek(l, l->at);

    if (l->at >= l->size) {
        t->kind = TOKEN_END;
        return 0;
    }
    if (c == '"' || c == '\'')
        return quoted_take(l, t);
    if (c == '`')
        return backquoted_take(l, t, is_field);
    if (is_digit(c))
        return number_take(l, t);
    if (l->wants_operand && !is_field && selector_take(l, t))
        return 0;
    if (is_letter(c)) {
        word_take(l, t, is_field);
        return 0;
    }
    return sign_take(l, t);
}

/* Behind an operand stands an operator, behind all else an operand. */
static bool is_operand(const struct token *t)
{
    return t->kind == TOKEN_INTEGER || t->kind == TOKEN_FLOAT || t->kind == TOKEN_TEXT ||
           t->kind == TOKEN_WORD || t->kind == TOKEN_SELECTOR ||
           (t->kind == TOKEN_SIGN && (t->op == ')' || t->op == ']'));
}

int lexer_next(struct lexer *l, struct token *t)
{
    bool is_field = l->at && l->text[l->at - 1] == '.';
    int status;

    spaces_skip(l);
    *t = (struct token){.at = l->at};
    status = token_take(l, t, is_field);
    t->length = l->at - t->at;
    l->wants_operand = !is_operand(t);
    return status;
}

int lexer_name(struct lexer *l, struct token *t)
{
    uint32_t end, open = 0;
    char c;

    spaces_skip(l);
    *t = (struct token){.at = l->at};
    l->wants_operand = false;
    c = peek(l, l->at);
    if (c == '"' || c == '\'' || c == '`') {
        int status = quoted_take(l, t);

        t->length = l->at - t->at;
        return status;
    }
    for (end = l->at; end < l->size && (open || l->text[end] != ')'); end++)
        open += (uint32_t)((l->text[end] == '(') - (l->text[end] == ')'));
    l->at = end;
    while (end > t->at && strchr(" \t\r\n", l->text[end - 1]))
        end--;
    t->kind = TOKEN_TEXT;
    t->length = end - t->at;
    text_keep(l, t, t->at, end);
    return 0;
}
