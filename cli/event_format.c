/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

enum { WIDTH_MAX = 4096 };

/* ---- taking the format string apart ---- */

static const char *flags_parse(const char *at, char flags[6])
{
    size_t count = 0;

    for (; *at && strchr("-+ #0'", *at); at++)
        if (*at != '\'' && !memchr(flags, *at, count))
            flags[count++] = *at;
    flags[count] = 0;
    return at;
}

static const char *number_parse(const char *at, int *number)
{
    if (*at == '*') {
        *number = EVENT_FORMAT_STAR;
        return at + 1;
    }
    for (*number = 0; *at >= '0' && *at <= '9'; at++)
        if (*number <= WIDTH_MAX)
            *number = 10 * *number + (*at - '0');
    if (*number > WIDTH_MAX)
        *number = WIDTH_MAX;
    return at;
}

/* What stands behind a '%'. */
static const char *conversion_parse(const char *at, struct event_format_piece *piece)
{
    *piece =
        (struct event_format_piece){.width = EVENT_FORMAT_NONE, .precision = EVENT_FORMAT_NONE};
    at = flags_parse(at, piece->flags);
    if (*at == '*' || (*at >= '1' && *at <= '9'))
        at = number_parse(at, &piece->width);
    if (*at == '.')
        at = number_parse(at + 1, &piece->precision);
    while (*at && strchr("hlLjzt", *at))
        at++;
    piece->conversion = *at;
    return *at ? at + 1 : at;
}

int event_format_parse(struct event_format *format, const char *text)
{
    const char *at = text;

    /* No text has more pieces than letters. */
    *format = (struct event_format){0};
    format->pieces = calloc(strlen(text) + 1, sizeof(*format->pieces));
    if (!format->pieces)
        return -ENOMEM;
    while (*at) {
        struct event_format_piece *piece = &format->pieces[format->count++];

        if (*at == '%' && at[1] == '%') {
            *piece = (struct event_format_piece){.literal = at, .literal_size = 1};
            at += 2;
        } else if (*at == '%') {
            at = conversion_parse(at + 1, piece);
        } else {
            *piece = (struct event_format_piece){.literal = at, .literal_size = strcspn(at, "%")};
            at += piece->literal_size;
        }
    }
    return 0;
}

void event_format_fini(struct event_format *format)
{
    free(format->pieces);
    *format = (struct event_format){0};
}

/* ---- making the text ---- */

struct rendering {
    char *at, *end;
    const struct trace_event *event;
    unsigned next; /* field to be used next */
    bool cut;
};

static void put(struct rendering *r, const char *text, size_t size)
{
    size_t room = (size_t)(r->end - r->at);

    if (size > room) {
        r->cut = true;
        size = room;
    }
    /* cppcheck-suppress uninitvar ; snprintf() was in the same list of arguments */
    memcpy(r->at, text, size);
    r->at += size;
}

static const struct trace_value *argument_take(struct rendering *r)
{
    return r->next < r->event->value_count ? &r->event->values[r->next++] : NULL;
}

static bool is_text(const struct trace_value *v)
{
    return v->field->kind == ADA_KIND_STRING || v->field->kind == ADA_KIND_BYTES;
}

static int64_t argument_integer(const struct trace_value *v)
{
    if (!v || is_text(v))
        return 0;
    if (v->field->kind == ADA_KIND_FLOAT) {
        double value = value_double(v, 0);

        /* Outside of these bounds the conversion is undefined. */
        return value > -9.2e18 && value < 9.2e18 ? (int64_t)value : 0;
    }
    return value_is_signed(v) ? value_signed(v, 0) : (int64_t)value_bits(v, 0);
}

static double argument_double(const struct trace_value *v)
{
    if (v && v->field->kind == ADA_KIND_FLOAT)
        return value_double(v, 0);
    return (double)argument_integer(v);
}

static int star_resolve(struct rendering *r, int number)
{
    int64_t value;

    if (number != EVENT_FORMAT_STAR)
        return number;
    value = argument_integer(argument_take(r));
    return value > WIDTH_MAX ? WIDTH_MAX : value < -WIDTH_MAX ? -WIDTH_MAX : (int)value;
}

/* A conversion specification of our own making: flags, width and precision, then `type`. */
static void specification_make(char spec[32], const struct event_format_piece *piece, int width,
                               int precision, const char *type)
{
    int used = snprintf(spec, 32, "%%%s", piece->flags);

    /* A negative width, from a star, means left-aligned. */
    if (width < 0 && piece->width == EVENT_FORMAT_STAR)
        used += snprintf(spec + used, 32 - (size_t)used, "-%d", -width);
    else if (width >= 0 && piece->width != EVENT_FORMAT_NONE)
        used += snprintf(spec + used, 32 - (size_t)used, "%d", width);
    if (precision >= 0)
        used += snprintf(spec + used, 32 - (size_t)used, ".%d", precision);
    snprintf(spec + used, 32 - (size_t)used, "%s", type);
}

/* The formats below are made by specification_make(): one conversion, of the type that is passed.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void put_integer(struct rendering *r, const char *spec, int64_t value)
{
    char text[2 * WIDTH_MAX + 64];

    put(r, text, (size_t)snprintf(text, sizeof(text), spec, (long long)value));
}

static void put_double(struct rendering *r, const char *spec, double value)
{
    char text[2 * WIDTH_MAX + 512];

    put(r, text, (size_t)snprintf(text, sizeof(text), spec, value));
}

#pragma GCC diagnostic pop

/* Without snprintf: the bytes are not NUL-terminated and may hold NULs. */
static void put_padded(struct rendering *r, const struct event_format_piece *piece, int width,
                       const char *text, size_t size)
{
    bool left = strchr(piece->flags, '-') || (piece->width == EVENT_FORMAT_STAR && width < 0);
    size_t wanted = piece->width == EVENT_FORMAT_NONE ? 0 : (size_t)abs(width);
    size_t padding = wanted > size ? wanted - size : 0;

    for (size_t i = 0; !left && i < padding; i++)
        put(r, " ", 1);
    put(r, text, size);
    for (size_t i = 0; left && i < padding; i++)
        put(r, " ", 1);
}

static void put_string(struct rendering *r, const struct event_format_piece *piece, int width,
                       int precision, const struct trace_value *v)
{
    size_t size = v->size;

    if (precision >= 0 && (size_t)precision < size)
        size = (size_t)precision;
    put_padded(r, piece, width, (const char *)v->bytes, size);
}

static void put_pointer(struct rendering *r, const struct event_format_piece *piece, int width,
                        unsigned long long address)
{
    char text[24] = "(nil)"; /* as the C library has it */

    if (address)
        snprintf(text, sizeof(text), "%#llx", address);
    put_padded(r, piece, width, text, strlen(text));
}

static void put_conversion(struct rendering *r, const struct event_format_piece *piece)
{
    int width = star_resolve(r, piece->width), precision = star_resolve(r, piece->precision);
    const struct trace_value *v;
    const char *label;
    char spec[32], type[4] = {'l', 'l', piece->conversion, 0};
    char letter;

    if (piece->conversion == 'n' || !piece->conversion)
        return;
    v = argument_take(r);
    if (!v) {
        put(r, "(missing)", 9);
    } else if (is_text(v)) {
        put_string(r, piece, width, precision, v);
    } else if (strchr("aAeEfFgG", piece->conversion) ||
               (v->field->kind == ADA_KIND_FLOAT && piece->conversion == 's')) {
        bool as_asked = piece->conversion != 's';

        specification_make(spec, piece, width, precision, as_asked ? type + 2 : "g");
        put_double(r, spec, argument_double(v));
    } else if (strchr("di", piece->conversion)) {
        specification_make(spec, piece, width, precision, type);
        put_integer(r, spec, argument_integer(v));
    } else if (strchr("ouxX", piece->conversion)) {
        /* As wide as the argument was: -1 of an int is ffffffff. */
        bool whole = v->field->kind != ADA_KIND_FLOAT;

        specification_make(spec, piece, width, precision, type);
        put_integer(r, spec, whole ? (int64_t)value_bits(v, 0) : argument_integer(v));
    } else if (piece->conversion == 'c') {
        letter = (char)argument_integer(v);
        put_padded(r, piece, width, &letter, 1);
    } else if (piece->conversion == 'p') {
        put_pointer(r, piece, width, (unsigned long long)argument_integer(v));
    } else if ((label = value_label(v->field, argument_integer(v)))) {
        put_padded(r, piece, width, label, strlen(label));
    } else {
        specification_make(spec, piece, width, precision, value_is_signed(v) ? "lld" : "llu");
        put_integer(r, spec, argument_integer(v));
    }
}

size_t event_format_render(const struct event_format *format, const struct trace_event *event,
                           char *text, size_t capacity)
{
    struct rendering r = {.at = text, .end = text + capacity - 3, .event = event};

    for (size_t i = 0; i < format->count && !r.cut; i++) {
        const struct event_format_piece *piece = &format->pieces[i];

        if (piece->literal)
            put(&r, piece->literal, piece->literal_size);
        else
            put_conversion(&r, piece);
    }
    if (r.cut) {
        memcpy(r.at, "...", 3);
        r.at += 3;
    }
    return (size_t)(r.at - text);
}
