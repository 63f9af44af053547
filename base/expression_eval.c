/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/expression_program.h"
#include "base/glob.h"

union slot {
    expression_int integer;
    double number;
    struct program_text text;
};

#define INTEGER_MIN ((expression_int)INT64_MIN)
#define INTEGER_MAX ((expression_int)UINT64_MAX)

static bool is_field_integer(expression_int value)
{
    return value >= INTEGER_MIN && value <= INTEGER_MAX;
}

/* ---- loads ---- */

/* `width` bytes of a fixed field. False: the event is too short for it. */
static inline bool bytes_find(const struct op *op, const struct expression_event *e,
                              const unsigned char **bytes)
{
    /* cppcheck-suppress ctunullpointer ; only the pieces that need no event are run without one */
    uint32_t at = op->offset, size = e->payload_bytes;

    *bytes = e->payload;
    if (e->values) {
        *bytes = e->values[op->field].bytes;
        size = e->values[op->field].size;
        at = op->element;
    }
    *bytes += at;
    return size >= op->width && at <= size - op->width;
}

/* One reading: the bytes may change. Little-endian as they are, on any machine. */
static inline uint64_t bytes_load(const unsigned char *bytes, unsigned width)
{
    uint64_t value = 0;
    uint32_t four;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (width == 8) {
        memcpy(&value, bytes, 8);
        return value;
    }
    if (width == 4) {
        memcpy(&four, bytes, 4);
        return four;
    }
#else
    (void)four;
#endif
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static inline uint64_t sign_extend(uint64_t value, unsigned width)
{
    unsigned shift = 64 - 8 * width;

    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): width is 1 to 8 */
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

static bool float_load(const struct op *op, const struct expression_event *e, double *out)
{
    const unsigned char *bytes;
    uint64_t bits;
    uint32_t low;
    float narrow;

    if (!bytes_find(op, e, &bytes))
        return false;
    bits = bytes_load(bytes, op->width);
    low = (uint32_t)bits;
    memcpy(&narrow, &low, sizeof(narrow));
    memcpy(out, &bits, sizeof(*out));
    if (op->width == 4)
        *out = (double)narrow;
    return true;
}

/* Untrusted: the traced program can change the lengths at any moment. Each is copied once, then
 * checked; what the text itself becomes meanwhile does not matter. */
static bool text_load(const struct op *op, const struct expression_event *e,
                      struct program_text *out)
{
    uint32_t at = op->offset, length;

    if (e->values) {
        *out = (struct program_text){e->values[op->field].bytes, e->values[op->field].size};
        return true;
    }
    for (unsigned n = op->place;; n--) {
        if (at > e->payload_bytes || e->payload_bytes - at < sizeof(length))
            return false;
        length = (uint32_t)bytes_load(e->payload + at, sizeof(length));
        at += (uint32_t)sizeof(length);
        if (length > e->payload_bytes - at)
            return false;
        if (!n)
            break;
        at += length;
    }
    *out = (struct program_text){e->payload + at, length};
    return true;
}

static bool label_load(const struct op *op, const struct expression_event *e,
                       struct program_text *out)
{
    const unsigned char *bytes;
    int64_t value;

    if (!bytes_find(op, e, &bytes))
        return false;
    value = (int64_t)sign_extend(bytes_load(bytes, op->width), op->width);
    for (uint32_t i = 0; i < op->enumeration.count; i++) {
        const struct ada_label *label = &op->enumeration.labels[i];

        if (label->value == value) {
            *out = (struct program_text){(const unsigned char *)label->name,
                                         (uint32_t)strlen(label->name)};
            return true;
        }
    }
    return false;
}

static bool symbol_load(const struct op *op, const struct expression_event *e,
                        struct program_text *out)
{
    const unsigned char *bytes;

    if (!e->symbol || !bytes_find(op, e, &bytes))
        return false;
    out->bytes =
        (const unsigned char *)e->symbol(e->context, bytes_load(bytes, op->width), &out->size);
    return out->bytes != NULL;
}

static bool slow_check(const struct op *op, const struct expression_event *e)
{
    const unsigned char *bytes;

    return e->is_slow && bytes_find(op, e, &bytes) &&
           e->is_slow(e->context, op->place, bytes_load(bytes, op->width));
}

static struct program_text name_text(const char *name)
{
    return (struct program_text){(const unsigned char *)name, (uint32_t)strlen(name)};
}

/* ---- reckoning ---- */

static bool scale(const struct op *op, expression_int *value)
{
    expression_int product = *value * (expression_int)op->scale.multiply;
    expression_int divide = (expression_int)op->scale.divide;

    *value = product / divide;
    if (product % divide < 0)
        --*value;
    return is_field_integer(*value);
}

/* Both lie within 65 bits, so their product may need 130: reckon with what they are without sign.
 */
static bool multiply(expression_int left, expression_int right, expression_int *out)
{
    __extension__ typedef unsigned __int128 size;
    size a = (size)(left < 0 ? -left : left), b = (size)(right < 0 ? -right : right);
    size product = a * b; /* below 2^128 */

    if (product > UINT64_MAX)
        return false;
    *out = (left < 0) != (right < 0) ? -(expression_int)product : (expression_int)product;
    return is_field_integer(*out);
}

/* Division cuts towards zero, as in C. */
static bool sum(uint8_t sign, expression_int left, expression_int right, expression_int *out)
{
    switch (sign) {
    case '+':
        *out = left + right;
        break;
    case '-':
        *out = left - right;
        break;
    case '*':
        return multiply(left, right, out);
    default:
        if (right == 0)
            return false;
        *out = sign == '/' ? left / right : left % right;
        break;
    }
    return is_field_integer(*out);
}

static bool sum_float(uint8_t sign, double left, double right, double *out)
{
    switch (sign) {
    case '+':
        *out = left + right;
        return true;
    case '-':
        *out = left - right;
        return true;
    case '*':
        *out = left * right;
        return true;
    case '/':
        *out = left / right;
        return right != 0;
    default:
        /* As for integers: what a whole number of times does not fit. */
        if (right == 0 || !(left / right < 9.2e18 && left / right > -9.2e18))
            return false;
        *out = left - right * (double)(int64_t)(left / right);
        return true;
    }
}

/* ---- tests ---- */

#define COMPARE(how, a, b)                      \
    ((how) == COMPARE_EQUAL        ? (a) == (b) \
     : (how) == COMPARE_UNEQUAL    ? (a) != (b) \
     : (how) == COMPARE_LESS       ? (a) < (b)  \
     : (how) == COMPARE_LESS_EQUAL ? (a) <= (b) \
     : (how) == COMPARE_GREATER    ? (a) > (b)  \
                                   : (a) >= (b))

static int text_order(const struct program_text *a, const struct program_text *b)
{
    uint32_t shorter = a->size < b->size ? a->size : b->size;
    int order = shorter ? memcmp(a->bytes, b->bytes, shorter) : 0;

    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static bool test_text(uint8_t how, const struct program_text *a, const struct program_text *b)
{
    switch (how) {
    case COMPARE_CONTAINS:
        return !b->size || (a->size && memmem(a->bytes, a->size, b->bytes, b->size) != NULL);
    case COMPARE_STARTS:
        return a->size >= b->size && (!b->size || memcmp(a->bytes, b->bytes, b->size) == 0);
    case COMPARE_ENDS:
        return a->size >= b->size &&
               (!b->size || memcmp(a->bytes + a->size - b->size, b->bytes, b->size) == 0);
    case COMPARE_MATCHES:
        return glob_match_bytes((const char *)b->bytes, b->size, (const char *)a->bytes, a->size);
    case COMPARE_EQUAL:
    case COMPARE_UNEQUAL: /* lengths first: most texts differ in them */
        return (a->size == b->size && text_order(a, b) == 0) == (how == COMPARE_EQUAL);
    default:
        return COMPARE(how, text_order(a, b), 0);
    }
}

/* ---- all of it ---- */

/* One that takes values from the event. */
static bool op_load(const struct op *op, const struct expression_event *e, union slot *out)
{
    const unsigned char *bytes;

    switch ((enum op_code)op->code) {
    case OP_LOAD_UNSIGNED:
    case OP_LOAD_SIGNED:
        if (!bytes_find(op, e, &bytes))
            return false;
        out->integer = (expression_int)bytes_load(bytes, op->width);
        if (op->code == OP_LOAD_SIGNED)
            out->integer = (int64_t)sign_extend((uint64_t)out->integer, op->width);
        return true;
    case OP_LOAD_FLOAT:
        return float_load(op, e, &out->number);
    case OP_LOAD_TEXT:
        return text_load(op, e, &out->text);
    case OP_LOAD_LABEL:
        return label_load(op, e, &out->text);
    case OP_LOAD_SYMBOL:
        return symbol_load(op, e, &out->text);
    case OP_LOAD_THREAD:
        out->text = name_text(e->emitter->thread);
        return true;
    case OP_LOAD_PROCESS:
        out->text = name_text(e->emitter->process);
        return true;
    case OP_LOAD_PID:
        out->integer = e->emitter->pid;
        return true;
    case OP_LOAD_TID:
        out->integer = e->emitter->tid;
        return true;
    case OP_LOAD_TIME:
        out->integer = e->time_ns;
        return true;
    default: /* OP_LOAD_DURATION */
        out->integer = (expression_int)e->duration_ns;
        return e->has_duration;
    }
}

/* One that pushes or changes values; *top is behind the last. False: there is no such value. */
static bool op_do(const struct op *op, const struct expression_event *e, union slot *stack,
                  unsigned *top)
{
    union slot *push = &stack[*top], *last = push - 1;
    expression_int integer;

    switch ((enum op_code)op->code) {
    case OP_INTEGER:
        push->integer = op->integer;
        ++*top;
        return true;
    case OP_FLOAT:
        push->number = op->number;
        ++*top;
        return true;
    case OP_TEXT:
        push->text = op->text;
        ++*top;
        return true;
    case OP_CHECK_SLOW:
        return slow_check(op, e);
    case OP_SCALE:
        return scale(op, &last->integer);
    case OP_TO_FLOAT:
        last -= op->place;
        integer = last->integer; /* in one with number */
        last->number = (double)integer;
        return true;
    case OP_NEGATE:
        last->integer = -last->integer;
        return is_field_integer(last->integer);
    case OP_NEGATE_FLOAT:
        last->number = -last->number;
        return true;
    case OP_SUM:
        --*top;
        return sum(op->how, last[-1].integer, last->integer, &last[-1].integer);
    case OP_SUM_FLOAT:
        --*top;
        return sum_float(op->how, last[-1].number, last->number, &last[-1].number);
    default:
        ++*top;
        return op_load(op, e, push);
    }
}

static bool op_test(const struct op *op, const union slot *stack)
{
    switch ((enum op_code)op->code) {
    case OP_TEST_INTEGER:
        return COMPARE(op->how, stack[0].integer, stack[1].integer);
    case OP_TEST_FLOAT:
        return COMPARE(op->how, stack[0].number, stack[1].number);
    default:
        return test_text(op->how, &stack[0].text, &stack[1].text);
    }
}

/* That each op finds what it takes is the compiler's business (expression_bind.c); analysers do not
 * follow a program through two files. */
#ifdef __clang_analyzer__
#define UNKNOWN_TO_ANALYSERS = {{0}}
#else
#define UNKNOWN_TO_ANALYSERS
#endif

uint16_t program_run(const struct op *ops, uint16_t count, uint16_t at,
                     const struct expression_event *e)
{
    union slot stack[PROGRAM_STACK_MAX] UNKNOWN_TO_ANALYSERS;
    const unsigned char *bytes;
    unsigned top = 0;

    while (at < count) {
        const struct op *op = &ops[at];
        uint64_t value;

        if (op->code == OP_TEST_RANGE) {
            at = op->no;
            if (!bytes_find(op, e, &bytes))
                continue;
            value = bytes_load(bytes, op->width);
            if (op->is_signed)
                value = sign_extend(value, op->width);
            if ((value - op->range.low <= op->range.span) != op->is_negated)
                at = op->yes;
        } else if (op->code > OP_TEST_RANGE) {
            at = op_test(op, stack) != op->is_negated ? op->yes : op->no;
            top = 0;
        } else if (op_do(op, e, stack, &top)) {
            at++;
        } else {
            at = op->no;
            top = 0;
        }
    }
    return at;
}

bool expression_fits(const struct expression_program *program, const struct expression_event *event)
{
    return program_run(program->ops, program->count, program->start, event) == PROGRAM_FITS;
}

unsigned expression_needs(const struct expression_program *program)
{
    return program->needs;
}

uint32_t expression_fields(const struct expression_program *program)
{
    return program->fields;
}
