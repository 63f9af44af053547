/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int quantity_digits(const char **text, uint64_t *value)
{
    const char *at = *text;

    if (!is_digit(*at))
        return -EINVAL;
    for (*value = 0; is_digit(*at); at++)
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (unsigned)(*at - '0'), value))
            return -ERANGE;
    *text = at;
    return 0;
}

/* Small ones first; of equal ones the name that is printed. */
static const struct {
    const char *name;
    uint64_t ns;
} time_units[] = {
    {"ns", 1},          {"us", 1000},         {"ms", 1000000},         {"s", 1000000000},
    {"m", 60000000000}, {"min", 60000000000}, {"h", 60 * 60000000000},
};
enum { TIME_UNITS = sizeof(time_units) / sizeof(*time_units) };

static const char byte_units[] = "KMGT";

/* Nanoseconds in the unit that `text` names; 0 when there is no such unit. */
static uint64_t time_unit_ns(const char *text, bool has_point)
{
    if (!*text)
        return has_point ? 1000000000 : 1;
    for (size_t i = 0; i < TIME_UNITS; i++)
        if (strcmp(text, time_units[i].name) == 0)
            return time_units[i].ns;
    return 0;
}

int quantity_parse_time(const char *text, int64_t *ns)
{
    const char *fraction = NULL;
    uint64_t whole, unit, result;
    int status = quantity_digits(&text, &whole);

    if (status)
        return status;
    if (*text == '.') {
        fraction = ++text;
        while (is_digit(*text))
            text++;
    }
    unit = time_unit_ns(text, fraction != NULL);
    if (!unit)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, unit, &result))
        return -ERANGE;
    /* Digit by digit, so that 0.1s is exact; what is below a nanosecond is cut off. */
    for (; fraction && is_digit(*fraction) && unit >= 10; fraction++) {
        unit /= 10;
        result += (uint64_t)(*fraction - '0') * unit;
    }
    if (result > INT64_MAX)
        return -ERANGE;
    *ns = (int64_t)result;
    return 0;
}

int quantity_parse_bytes(const char *text, uint64_t *bytes)
{
    uint64_t value;
    int status = quantity_digits(&text, &value);
    const char *unit;

    if (status)
        return status;
    unit = *text ? strchr(byte_units, *text & ~0x20) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - byte_units + 1);

        if (value > UINT64_MAX >> shift)
            return -ERANGE;
        value <<= shift;
        text++;
        if (*text == 'i')
            text++;
    }
    if (*text == 'B')
        text++;
    if (*text)
        return -EINVAL;
    *bytes = value;
    return 0;
}

/* The number, then the unit. */
static const char *number_print(char *text, uint64_t number, const char *unit)
{
    char digits[QUANTITY_MAX], *at = digits + sizeof(digits) - 1 - strlen(unit);

    strcpy(at, unit);
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return strcpy(text, at);
}

const char *quantity_print_time(char *text, uint64_t ns)
{
    size_t unit = TIME_UNITS - 1;

    if (!ns)
        return strcpy(text, "0");
    while (unit && (ns % time_units[unit].ns || strcmp(time_units[unit].name, "min") == 0))
        unit--;
    return number_print(text, ns / time_units[unit].ns, time_units[unit].name);
}

const char *quantity_print_bytes(char *text, uint64_t bytes)
{
    char unit[2] = "";

    for (const char *next = byte_units; *next && bytes && bytes % 1024 == 0; next++) {
        bytes /= 1024;
        unit[0] = *next;
    }
    return number_print(text, bytes, unit);
}
