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

/* Eight characters, the first in the lowest byte. */
static inline void text_word(char *at, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(at, &word, sizeof(word));
}

/*
 * Exactly nine digits of a number below 10^9. All lanes of one word are divided at once: by 10000,
 * by 100, by 10, each time into the half where the digit will stand (little-endian: the first digit
 * in the lowest byte).
 */
static inline char *text_nine_digits(char *at, uint32_t value)
{
    uint32_t rest = value % 100000000;
    uint64_t fours = rest / 10000 | (uint64_t)(rest % 10000) << 32;
    uint64_t hundreds = fours * 10486 >> 20 & UINT64_C(0x7f0000007f);
    uint64_t pairs = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t tens = pairs * 103 >> 10 & UINT64_C(0xf000f000f000f);
    uint64_t digits = (tens | (pairs - 10 * tens) << 8) + UINT64_C(0x3030303030303030);

    *at = (char)('0' + value / 100000000);
    text_word(at + 1, digits);
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

    if (value >= 10000 && value < 1000000000) { /* times and sizes: all digits at once */
        char nine[16];

        text_nine_digits(nine, (uint32_t)value);
        memcpy(at, nine + 9 - (end - at), 9);
        return end;
    }
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

/* The eight hexadecimal digits of a number, the first in the lowest byte: nibbles spread to bytes,
 * and those above nine moved on to the letters. */
static inline uint64_t text_hex_word(uint32_t value)
{
    uint64_t x = __builtin_bswap32(value), above_nine;

    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x >> 4 | x << 8) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    above_nine = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    return x + UINT64_C(0x3030303030303030) + above_nine * ('a' - '0' - 10);
}

/* 0x and as many digits as it takes; TEXT_HEX_MAX, all of which are written. */
static inline char *text_hex(char *at, uint64_t value)
{
    unsigned digits = (unsigned)(67 - __builtin_clzll(value | 1)) / 4;
    uint64_t high = text_hex_word((uint32_t)(value >> 32)), low = text_hex_word((uint32_t)value);

    memcpy(at, "0x", 2);
    if (digits <= 8) {
        text_word(at + 2, low >> (64 - 8 * digits));
    } else { /* the tail last: it overwrites what of the head is too much */
        text_word(at + 2, high >> (128 - 8 * digits));
        text_word(at + digits - 6, low);
    }
    return at + 2 + digits;
}

/* Nanoseconds as seconds with nine decimals, the seconds right-aligned in `width` columns;
 * TEXT_SECONDS_MAX, or 11 + width if that is more. */
char *text_seconds(char *at, int64_t ns, unsigned width);

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

/* The same for texts that are rarely longer than TEXT_PIECE: that much is copied in any case, so
 * both sides need room for it, or for TEXT_SLACK more than `size`. */
enum { TEXT_PIECE = 128 };
static inline char *text_copy_piece(char *at, const char *bytes, size_t size)
{
    memcpy(at, bytes, TEXT_PIECE);
    if (__builtin_expect(size > TEXT_PIECE, 0))
        text_copy(at + TEXT_PIECE, bytes + TEXT_PIECE, size - TEXT_PIECE);
    return at + size;
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
