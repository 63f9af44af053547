/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred formatting: the arguments of a printf are stored as they are, typed by the conversions
 * of the format string; the reader makes the text. The compiler has checked the arguments against
 * the format.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/atomic.h"
#include "tracer/tracer_state.h"

/* One conversion takes up to three arguments: width, precision, value. */
struct conversion {
    unsigned stars;      /* int arguments in front of the value */
    bool star_limit;     /* the last of them is the precision */
    long limit;          /* precision in the format, or -1 */
    uint8_t kind, width; /* of the value; kind 0: cannot be stored */
};

/* l ll j z t: 8 on every 64-bit Linux. h and hh come promoted; printf(3) takes that back. */
static uint8_t integer_width(const char *modifier, size_t length)
{
    if (!length)
        return 4;
    if (*modifier == 'h')
        return length == 1 ? 2 : 1;
    return 8;
}

static void classify(char letter, const char *modifier, size_t length, struct conversion *c)
{
    c->kind = 0;
    c->width = 8;
    if (letter == 'd' || letter == 'i')
        c->kind = ADA_KIND_SIGNED;
    else if (letter && strchr("uxXo", letter))
        c->kind = ADA_KIND_UNSIGNED;
    if (c->kind) {
        c->width = integer_width(modifier, length);
    } else if (letter == 'c' && !length) {
        c->kind = ADA_KIND_UNSIGNED;
        c->width = 4;
    } else if (letter == 's' && !length) {
        c->kind = ADA_KIND_STRING;
        c->width = 0;
    } else if (letter == 'p') {
        c->kind = ADA_KIND_POINTER;
    } else if (letter && strchr("fFeEgGaA", letter) && (!length || *modifier == 'l')) {
        c->kind = ADA_KIND_FLOAT;
    }
}

/* The next conversion at or after *format, which moves behind it. False: there is none. */
static bool next_conversion(const char **format, struct conversion *c)
{
    const char *at = *format, *modifier;
    size_t length;

    while ((at = strchr(at, '%')) && at[1] == '%')
        at += 2;
    if (!at)
        return false;
    *c = (struct conversion){.limit = -1};
    at++;
    at += strspn(at, "-+ #0'");
    c->stars += *at == '*';
    at += *at == '*' ? 1 : strspn(at, "0123456789");
    if (*at == '.') {
        at++;
        c->star_limit = *at == '*';
        c->stars += c->star_limit;
        c->limit = 0;
        for (; *at >= '0' && *at <= '9'; at++)
            c->limit = c->limit < 1000000 ? c->limit * 10 + (*at - '0') : c->limit;
        at += c->star_limit;
    }
    modifier = at;
    length = strspn(at, "hlLqjzt");
    at += length;
    classify(*at, modifier, length, c);
    *format = at + (*at != 0);
    return true;
}

static const char *const argument_names[ADA_PRINTF_ARGUMENTS_MAX] = {
    "arg1", "arg2",  "arg3",  "arg4",  "arg5",  "arg6",  "arg7",  "arg8",
    "arg9", "arg10", "arg11", "arg12", "arg13", "arg14", "arg15", "arg16",
};

static bool add_field(struct ada_field *fields, uint16_t *count, uint8_t kind, uint8_t width)
{
    if (*count == ADA_PRINTF_ARGUMENTS_MAX)
        return false;
    fields[*count] = (struct ada_field){
        .name = argument_names[*count], .count = 1, .kind = kind, .width = width};
    ++*count;
    return true;
}

void format_fields(struct ada_event *event)
{
    struct ada_field *fields = (struct ada_field *)(uintptr_t)event->fields;
    const char *format = event->format;
    struct conversion c;
    uint16_t count = 0;
    bool good = format != NULL;

    while (good && next_conversion(&format, &c)) {
        for (unsigned i = 0; i < c.stars && good; i++)
            good = add_field(fields, &count, ADA_KIND_SIGNED, 4);
        good = good && c.kind && add_field(fields, &count, c.kind, c.width);
    }
    event->field_count = good ? count : UINT16_MAX; /* too many fields: schema_size() refuses it */
}

/* The arguments, taken off the va_list in order. */
struct arguments {
    unsigned count;
    uint32_t bytes; /* of the payload */
    union {
        uint64_t bits;
        double number;
        const char *text;
    } value[ADA_PRINTF_ARGUMENTS_MAX];
    uint8_t width[ADA_PRINTF_ARGUMENTS_MAX]; /* 0: text */
    uint32_t length[ADA_PRINTF_ARGUMENTS_MAX];
};

static void take_text(struct arguments *a, const char *text, long limit)
{
    if (!text)
        text = "(null)";
    a->value[a->count].text = text;
    a->width[a->count] = 0;
    /* A precision allows a text without an end: never look beyond it. */
    a->length[a->count] = (uint32_t)(limit >= 0 ? strnlen(text, (size_t)limit) : strlen(text));
    a->bytes += 4 + a->length[a->count++];
}

static void take_bits(struct arguments *a, uint64_t bits, uint8_t width)
{
    a->value[a->count].bits = bits;
    a->width[a->count++] = width;
    a->bytes += width;
}

static void take_number(struct arguments *a, double number)
{
    a->value[a->count].number = number;
    a->width[a->count++] = 8;
    a->bytes += 8;
}

static void take_all(struct arguments *a, const char *format, va_list list)
{
    struct conversion c;

    a->count = a->bytes = 0;
    while (next_conversion(&format, &c)) {
        int star = 0;

        for (unsigned i = 0; i < c.stars; i++) {
            star = va_arg(list, int);
            take_bits(a, (uint32_t)star, 4);
        }
        if (c.kind == ADA_KIND_STRING)
            take_text(a, va_arg(list, const char *), c.star_limit ? star : c.limit);
        else if (c.kind == ADA_KIND_FLOAT)
            take_number(a, va_arg(list, double));
        else if (c.width <= 4) /* the low c.width bytes are stored */
            take_bits(a, (uint32_t)va_arg(list, int), c.width);
        else
            take_bits(a, va_arg(list, uint64_t), 8);
    }
}

/* Lay the arguments out as base/schema.h says: fixed-width ones, then texts. */
static void put_all(const struct arguments *a, unsigned char *at)
{
    for (unsigned i = 0; i < a->count; i++) {
        uint64_t bits = a->value[i].bits; /* of a number, too; a text has no width */
        unsigned char bytes[8];

        ada__put(bytes, &bits, 8, 1);
        memcpy(at, bytes, a->width[i]);
        at += a->width[i];
    }
    for (unsigned i = 0; i < a->count; i++)
        if (!a->width[i])
            at = ada__append(at, a->value[i].text, a->length[i]);
}

void ada_printf_event(struct ada_event *event, const char *format, ...)
{
    struct ada_record record;
    struct arguments a;
    uint64_t bytes;
    va_list list;

    if (!event_is_wanted(event))
        return;
    va_start(list, format);
    take_all(&a, format, list);
    va_end(list);
    bytes = ada_record_bytes(a.bytes);
    record = ada_reserve_bytes(load_relaxed(&event->tag) | ada_record_tag(0, bytes), bytes);
    if (!record.payload)
        return;
    put_all(&a, record.payload);
    ada_commit_record(&record);
}
