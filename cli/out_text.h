/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and escaped text into memory that the caller has made room in. Every function writes at
 * `at` and returns the place behind; the comment says how many bytes it may need. No state, any
 * thread.
 */
#ifndef ADATRACE_CLI_OUT_TEXT_H
#define ADATRACE_CLI_OUT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    TEXT_U64_MAX = 20,     /* decimal */
    TEXT_I64_MAX = 21,     /* with the sign */
    TEXT_HEX_MAX = 18,     /* 0x and 16 digits */
    TEXT_SECONDS_MAX = 22, /* text_seconds() */
    TEXT_DURATION_MAX = 32,
    TEXT_FLOAT_MAX = 32,
    TEXT_ESCAPED_MAX = 6, /* per byte of the source */
};

extern const char text_digit_pairs[200];
extern const char text_hex_digits[16];
extern const uint64_t text_powers_of_ten[20]; /* but the first is 0: any number has a digit */

static inline char *text_two_digits(char *at, uint32_t value)
{
    memcpy(at, text_digit_pairs + 2 * value, 2);
    return at + 2;
}

/* Exactly nine digits of a number below 10^9; the halves do not wait for each other. */
static inline char *text_nine_digits(char *at, uint32_t value)
{
    uint32_t high = value / 10000, low = value % 10000;

    at[0] = (char)('0' + high / 10000);
    high %= 10000;
    text_two_digits(at + 1, high / 100);
    text_two_digits(at + 3, high % 100);
    text_two_digits(at + 5, low / 100);
    text_two_digits(at + 7, low % 100);
    return at + 9;
}

/* How many decimal digits: 1233 / 4096 is the logarithm of 2, a little too large. */
static inline unsigned text_digits(uint64_t value)
{
    unsigned guess = (unsigned)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;

    return guess + (value >= text_powers_of_ten[guess]);
}

/* Decimal; TEXT_U64_MAX. */
static inline char *text_u64(char *at, uint64_t value)
{
    char *end = at + text_digits(value), *digit = end;

    while (value >= 100) {
        digit -= 2;
        text_two_digits(digit, (uint32_t)(value % 100));
        value /= 100;
    }
    if (value >= 10)
        text_two_digits(digit - 2, (uint32_t)value);
    else
        digit[-1] = (char)('0' + value);
    return end;
}

/* Decimal with a sign when negative; TEXT_I64_MAX. */
static inline char *text_i64(char *at, int64_t value)
{
    if (value >= 0)
        return text_u64(at, (uint64_t)value);
    *at = '-';
    return text_u64(at + 1, -(uint64_t)value);
}

/* 0x and as many digits as it takes; TEXT_HEX_MAX. */
static inline char *text_hex(char *at, uint64_t value)
{
    unsigned digits = value ? (unsigned)(67 - __builtin_clzll(value)) / 4 : 1;

    *at++ = '0';
    *at++ = 'x';
    for (unsigned place = digits; place-- > 0; value >>= 4)
        at[place] = text_hex_digits[value & 15];
    return at + digits;
}

/* Nanoseconds as seconds with nine decimals, the seconds right-aligned in `width` columns;
 * TEXT_SECONDS_MAX, or 11 + width if that is more. */
char *text_seconds(char *at, int64_t ns, unsigned width);

/* The same for four columns, quick for what is common. TEXT_SECONDS_MAX. */
static inline char *text_seconds_4(char *at, int64_t ns)
{
    uint32_t seconds = (uint32_t)(ns / 1000000000);

    if (ns < 0 || seconds > 99)
        return text_seconds(at, ns, 4);
    memcpy(at, "    ", 4);
    at[2] = seconds > 9 ? (char)('0' + seconds / 10) : ' ';
    at[3] = (char)('0' + seconds % 10);
    at[4] = '.';
    return text_nine_digits(at + 5, (uint32_t)(ns - (int64_t)seconds * 1000000000));
}

/* Three digits and a unit: 123ns, 1.23us; `space` stands between them, if any.
 * TEXT_DURATION_MAX. */
char *text_duration(char *at, uint64_t ns, const char *space);

static inline char *text_bytes(char *at, const char *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

/* Copy `size` bytes sixteen at a time: both sides need room for TEXT_SLACK more. */
enum { TEXT_SLACK = 15 };
static inline char *text_copy(char *at, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += TEXT_SLACK + 1)
        memcpy(at + i, bytes + i, TEXT_SLACK + 1);
    return at + size;
}

/* `count` spaces, and room for TEXT_SLACK more. */
static inline char *text_spaces(char *at, size_t count)
{
    for (size_t i = 0; i < count; i += TEXT_SLACK + 1)
        memset(at + i, ' ', TEXT_SLACK + 1);
    return at + count;
}

/* The shortest decimal that reads back as the same double (or float); "nan", "inf", "-inf".
 * TEXT_FLOAT_MAX. */
char *text_double(char *at, double value);
char *text_float(char *at, float value);

/* Two hexadecimal digits a byte; 2 * size. */
char *text_hex_bytes(char *at, const unsigned char *bytes, size_t size);

/* Untrusted text, for people and terminals: well-formed UTF-8 stays, control characters, quotes,
 * backslashes and all else are escaped as in C (\n, \", \x1b). TEXT_ESCAPED_MAX * size. */
char *text_escaped(char *at, const char *text, size_t size);

/* As text_escaped(), but quotes and backslashes stay: for text that stands by itself. */
char *text_plain(char *at, const char *text, size_t size);

/* Untrusted text as the inside of a JSON string: always well-formed; a byte that is no UTF-8 shows
 * as \\xNN, a backslash, an x and two digits. TEXT_ESCAPED_MAX * size. */
char *text_json(char *at, const char *text, size_t size);

/* Untrusted text as the inside of a quoted CSV cell (RFC 4180): quotes doubled, bytes that are no
 * UTF-8 and control characters but newline and tab as \xNN. TEXT_ESCAPED_MAX * size. */
char *text_csv(char *at, const char *text, size_t size);

#endif
