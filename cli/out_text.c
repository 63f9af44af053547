/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

const char text_hex_digits[16] = "0123456789abcdef";

const uint64_t text_powers_of_ten[20] = {
    0,
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

const char text_digit_pairs[200] = "00010203040506070809"
                                   "10111213141516171819"
                                   "20212223242526272829"
                                   "30313233343536373839"
                                   "40414243444546474849"
                                   "50515253545556575859"
                                   "60616263646566676869"
                                   "70717273747576777879"
                                   "80818283848586878889"
                                   "90919293949596979899";

char *text_seconds(char *at, int64_t ns, unsigned width)
{
    uint64_t absolute = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    uint64_t seconds = absolute / 1000000000;
    char digits[TEXT_I64_MAX], *end = digits;

    if (ns < 0)
        *end++ = '-';
    end = text_u64(end, seconds);
    for (size_t size = (size_t)(end - digits); size < width; size++)
        *at++ = ' ';
    at = text_bytes(at, digits, (size_t)(end - digits));
    *at++ = '.';
    return text_nine_digits(at, (uint32_t)(absolute - seconds * 1000000000));
}

/* value / 10^decimals with that many decimals, 0 to 2. */
static inline __attribute__((always_inline)) char *text_fixed(char *at, uint64_t value,
                                                              int decimals)
{
    uint64_t unit = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;

    at = text_u64(at, value / unit);
    if (!decimals)
        return at;
    *at++ = '.';
    if (decimals == 2)
        return text_two_digits(at, (uint32_t)(value % 100));
    *at++ = (char)('0' + value % 10);
    return at;
}

/* Three digits of value / unit, rounded. Inline, so that the unit is a constant to divide by. */
static inline __attribute__((always_inline)) char *text_three_digits(char *at, uint64_t value,
                                                                     uint64_t unit)
{
    if (value * 1000 < unit * 9995)
        return text_fixed(at, (value * 100 + unit / 2) / unit, 2);
    if (value * 100 < unit * 9995)
        return text_fixed(at, (value * 10 + unit / 2) / unit, 1);
    return text_fixed(at, (value + unit / 2) / unit, 0);
}

/* "2 m 05 s": a number, its unit, and the rest in the next smaller one. */
static char *text_pair(char *at, uint64_t first, const char *first_unit, uint64_t second,
                       const char *second_unit, const char *space)
{
    at = text_u64(at, first);
    at = stpcpy(stpcpy(stpcpy(at, space), first_unit), space);
    at = text_two_digits(at, (uint32_t)second);
    return stpcpy(stpcpy(at, space), second_unit);
}

char *text_duration(char *at, uint64_t ns, const char *space)
{
    const char *unit = "s";

    if (ns < 1000) {
        at = text_u64(at, ns);
        unit = "ns";
    } else if (ns < 999500) {
        at = text_three_digits(at, ns, 1000);
        unit = "us";
    } else if (ns < 999500000) {
        at = text_three_digits(at, ns, 1000000);
        unit = "ms";
    } else if (ns < 120 * UINT64_C(1000000000)) {
        at = text_three_digits(at, ns, 1000000000);
    } else if (ns < 7200 * UINT64_C(1000000000)) {
        return text_pair(at, ns / 60000000000, "m", ns / 1000000000 % 60, "s", space);
    } else {
        return text_pair(at, ns / 3600000000000, "h", ns / 60000000000 % 60, "m", space);
    }
    if (*space)
        *at++ = *space;
    *at++ = unit[0];
    if (unit[1])
        *at++ = unit[1];
    return at;
}

static char *special_float(char *at, double value)
{
    const char *word = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";

    return text_bytes(at, word, strlen(word));
}

char *text_double(char *at, double value)
{
    int size = 0;

    if (!isfinite(value))
        return special_float(at, value);
    for (int precision = 15; precision <= 17; precision++) {
        size = snprintf(at, TEXT_FLOAT_MAX, "%.*g", precision, value);
        if (strtod(at, NULL) == value)
            break;
    }
    return at + size;
}

char *text_float(char *at, float value)
{
    int size = 0;

    if (!isfinite(value))
        return special_float(at, (double)value);
    for (int precision = 6; precision <= 9; precision++) {
        size = snprintf(at, TEXT_FLOAT_MAX, "%.*g", precision, (double)value);
        if (strtof(at, NULL) == value)
            break;
    }
    return at + size;
}

char *text_hex_bytes(char *at, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *at++ = text_hex_digits[bytes[i] >> 4];
        *at++ = text_hex_digits[bytes[i] & 15];
    }
    return at;
}

/* ---- escaping ---- */

/* Length of the well-formed UTF-8 sequence at text[size], 0 when there is none (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *text, size_t size)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t length;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length > size)
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    return length;
}

/* U+0080 to U+009F steer terminals as their ASCII twins do. */
static bool is_c1_control(const unsigned char *text)
{
    return text[0] == 0xc2 && text[1] < 0xa0;
}

static char *hex_escape(char *at, const char *prefix, unsigned char byte)
{
    at = text_bytes(at, prefix, strlen(prefix));
    *at++ = text_hex_digits[byte >> 4];
    *at++ = text_hex_digits[byte & 15];
    return at;
}

/* The letter after the backslash that C and JSON share, or 0. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\n':
        return 'n';
    case '\t':
        return 't';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

/* One control character, quote or backslash, or a byte that is no text. */
typedef char *escape_function(char *at, unsigned char byte, bool is_text);

static char *escape_c(char *at, unsigned char byte, bool is_text)
{
    char letter = is_text ? short_escape(byte) : 0;

    if (!letter)
        return hex_escape(at, "\\x", byte);
    *at++ = '\\';
    *at++ = letter;
    return at;
}

static char *escape_plain(char *at, unsigned char byte, bool is_text)
{
    if (!is_text || (byte != '"' && byte != '\\'))
        return escape_c(at, byte, is_text);
    *at++ = (char)byte;
    return at;
}

static char *escape_json(char *at, unsigned char byte, bool is_text)
{
    char letter = is_text ? short_escape(byte) : 0;

    if (!is_text)
        return hex_escape(at, "\\\\x", byte);
    if (!letter)
        return hex_escape(at, "\\u00", byte);
    *at++ = '\\';
    *at++ = letter;
    return at;
}

static char *escape_csv(char *at, unsigned char byte, bool is_text)
{
    if (!is_text || (byte != '"' && byte != '\\' && byte != '\n' && byte != '\t'))
        return hex_escape(at, "\\x", byte);
    if (byte == '"')
        *at++ = '"';
    *at++ = (char)byte;
    return at;
}

/* Most bytes of most texts are plain ASCII: they are copied one by one, the rest goes the long way.
 */
static inline char *escape(char *at, const char *text, size_t size, escape_function *special,
                           bool c1_is_text)
{
    const unsigned char *from = (const unsigned char *)text;

    for (size_t i = 0; i < size;) {
        size_t length;

        if (from[i] >= 0x20 && from[i] < 0x7f && from[i] != '"' && from[i] != '\\') {
            *at++ = (char)from[i++];
            continue;
        }
        length = from[i] < 0x80 ? 0 : utf8_length(from + i, size - i);
        if (length && (c1_is_text || !is_c1_control(from + i))) {
            at = text_bytes(at, text + i, length);
            i += length;
        } else {
            at = special(at, from[i], from[i] < 0x80);
            i++;
        }
    }
    return at;
}

char *text_escaped(char *at, const char *text, size_t size)
{
    return escape(at, text, size, escape_c, false);
}

char *text_plain(char *at, const char *text, size_t size)
{
    return escape(at, text, size, escape_plain, false);
}

char *text_json(char *at, const char *text, size_t size)
{
    return escape(at, text, size, escape_json, true);
}

char *text_csv(char *at, const char *text, size_t size)
{
    return escape(at, text, size, escape_csv, false);
}
