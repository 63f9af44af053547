/* SPDX-License-Identifier: Apache-2.0 */
/* Values: where fields lie, what built-in names stand for, reckoning. */
#include <stdio.h>
#include <string.h>

#include "base/expression_bind.h"
#include "base/glob.h"

/* ---- fields ---- */

int field_number(const struct schema *schema, const char *name)
{
    for (unsigned i = 0; i < schema->field_count; i++)
        if (schema->fields[i].name && strcmp(schema->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int field_refuse(struct binder *b, const struct node *n)
{
    char names[160] = "";
    size_t used = 0;

    if (n->like)
        return expression_refuse(b->error, n->at, n->length,
                                 "%.64s has no field `%.64s`; did you mean `%.64s`?", b->full_name,
                                 n->text.bytes, n->like);
    for (unsigned i = 0; i < b->schema->field_count && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.32s", i ? ", " : "",
                                 b->schema->fields[i].name);
    return expression_refuse(b->error, n->at, n->length, "%.64s has no field `%.64s`; it has %s",
                             b->full_name, n->text.bytes, used ? names : "none");
}

static int element_refuse(struct binder *b, const struct node *n, const struct ada_field *field)
{
    if (!selector_is_plain(n->kind == NODE_FIELD ? n->selector : "*"))
        return 0;
    if (field->count == 1)
        return expression_refuse(b->error, n->at, n->length, "`%.64s` is no array", n->text.bytes);
    return expression_refuse(b->error, n->at, n->length,
                             "`%.64s` has %u elements; write %.64s[0] to %.64s[%u]", n->text.bytes,
                             field->count, n->text.bytes, n->text.bytes, field->count - 1u);
}

int field_resolve(struct binder *b, const struct node *n, unsigned *number)
{
    const struct ada_field *field;
    int found;

    if (n->kind == NODE_FIELD && !selector_fits(b, binder_node(b, n->left)))
        return 0;
    found = field_number(b->schema, n->text.bytes);
    if (found < 0)
        return n->kind == NODE_FIELD && selector_is_plain(n->selector) ? field_refuse(b, n) : 0;
    field = &b->schema->fields[found];
    if ((field->count > 1) != (n->index >= 0) || n->index >= (int32_t)field->count)
        return element_refuse(b, n, field);
    *number = (unsigned)found;
    return 1;
}

static const struct {
    const char *ending;
    uint64_t ns;
} endings[] = {{"_ns", 1},           {"_us", 1000},           {"_usec", 1000},
               {"_ms", 1000000},     {"_msec", 1000000},      {"_s", 1000000000},
               {"_sec", 1000000000}, {"_seconds", 1000000000}};

/* What the end of a field's name says about its unit: nanoseconds in one of it; 0: nothing. */
static uint64_t field_unit_ns(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        size_t ending = strlen(endings[i].ending);

        if (length > ending && strcmp(name + length - ending, endings[i].ending) == 0)
            return endings[i].ns;
    }
    return 0;
}

static int scale_emit(struct binder *b, uint64_t multiply, uint64_t divide)
{
    const struct op op = {.code = OP_SCALE, .scale = {.multiply = multiply, .divide = divide}};

    return multiply == divide ? 0 : binder_emit(b, &op);
}

/* A float is scaled by reckoning. */
static int float_scale_emit(struct binder *b, uint64_t multiply)
{
    const struct op factor = {.code = OP_FLOAT, .number = (double)multiply};
    const struct op product = {.code = OP_SUM_FLOAT, .how = '*'};
    int status = binder_emit(b, &factor);

    return status ? status : binder_emit(b, &product);
}

static enum op_code load_code(const struct ada_field *field, struct want want, bool has_symbols)
{
    switch ((enum ada_field_kind)field->kind) {
    case ADA_KIND_SIGNED:
        return OP_LOAD_SIGNED;
    case ADA_KIND_ENUM:
        return want.text ? OP_LOAD_LABEL : OP_LOAD_SIGNED;
    case ADA_KIND_CODE:
        return want.text && has_symbols ? OP_LOAD_SYMBOL : OP_LOAD_UNSIGNED;
    case ADA_KIND_FLOAT:
        return OP_LOAD_FLOAT;
    case ADA_KIND_STRING:
    case ADA_KIND_BYTES:
        return OP_LOAD_TEXT;
    default:
        return OP_LOAD_UNSIGNED;
    }
}

static struct op load_make(const struct binder *b, unsigned number, int32_t index)
{
    const struct ada_field *fields = b->schema->fields;
    struct op op = {.field = (uint8_t)number, .width = fields[number].width};
    uint32_t variable;

    op.element = index > 0 ? (uint32_t)index * op.width : 0;
    if (!op.width) {
        op.offset = schema_fixed_bytes(b->schema, &variable);
        for (unsigned i = 0; i < number; i++)
            op.place = (uint8_t)(op.place + !fields[i].width);
        return op;
    }
    for (unsigned i = 0; i < number; i++)
        op.offset += (uint32_t)fields[i].width * fields[i].count;
    op.offset += op.element;
    return op;
}

static int field_load(struct binder *b, unsigned number, int32_t index, struct want want)
{
    const struct ada_field *field = &b->schema->fields[number];
    struct op op = load_make(b, number, index);
    int status;

    b->fields |= UINT32_C(1) << number;
    op.code = (uint8_t)load_code(field, want, b->binding->has_symbols);
    if (op.code == OP_LOAD_LABEL) {
        op.enumeration.labels = field->labels;
        op.enumeration.count = field->label_count;
    }
    status = binder_emit(b, &op);
    if (status)
        return status;
    if (op.code == OP_LOAD_FLOAT) {
        if (want.time && field_unit_ns(field->name))
            status = float_scale_emit(b, field_unit_ns(field->name));
        return status ? status : VALUE_FLOAT;
    }
    if (op.code != OP_LOAD_UNSIGNED && op.code != OP_LOAD_SIGNED)
        return VALUE_TEXT;
    if (field->kind == ADA_KIND_DURATION && b->binding->ticks_per_second)
        status = scale_emit(b, 1000000000, b->binding->ticks_per_second);
    else if (field->kind != ADA_KIND_DURATION && want.time && field_unit_ns(field->name))
        status = scale_emit(b, field_unit_ns(field->name), 1);
    return status ? status : VALUE_INTEGER;
}

/* ---- built-in names ---- */

static int push(struct binder *b, struct op op, unsigned need, enum value value)
{
    int status = binder_emit(b, &op);

    b->needs = (uint8_t)(b->needs | need);
    return status ? status : (int)value;
}

static int text_push(struct binder *b, const char *bytes, size_t size)
{
    struct op op = {.code = OP_TEXT, .text = {(const unsigned char *)bytes, (uint32_t)size}};

    return push(b, op, 0, VALUE_TEXT);
}

static int builtin_bind(struct binder *b, const struct node *n)
{
    switch ((enum builtin)n->op) {
    case BUILTIN_THREAD:
        return push(b, (struct op){.code = OP_LOAD_THREAD}, EXPRESSION_NEEDS_THREAD, VALUE_TEXT);
    case BUILTIN_PROCESS:
        return push(b, (struct op){.code = OP_LOAD_PROCESS}, EXPRESSION_NEEDS_PROCESS, VALUE_TEXT);
    case BUILTIN_PID:
        return push(b, (struct op){.code = OP_LOAD_PID}, EXPRESSION_NEEDS_PROCESS, VALUE_INTEGER);
    case BUILTIN_TID:
        return push(b, (struct op){.code = OP_LOAD_TID}, EXPRESSION_NEEDS_THREAD, VALUE_INTEGER);
    case BUILTIN_TIME:
        return push(b, (struct op){.code = OP_LOAD_TIME}, EXPRESSION_NEEDS_TIME, VALUE_INTEGER);
    case BUILTIN_LEVEL:
        return push(b, (struct op){.code = OP_INTEGER, .integer = b->schema->level}, 0,
                    VALUE_INTEGER);
    default:
        return text_push(b, b->schema->name, strlen(b->schema->name));
    }
}

/* ---- slow(name) ---- */

bool slow_is_scope(const struct binder *b, const struct node *n)
{
    return b->schema->phase == ADA_PHASE_END &&
           (glob_match(n->text.bytes, n->text.size, b->schema->name) ||
            glob_match(n->text.bytes, n->text.size, b->full_name));
}

bool slow_is_function(const struct binder *b)
{
    return b->schema->phase == ADA_PHASE_FUNCTION_EXIT && b->schema->field_count &&
           b->schema->fields[0].kind == ADA_KIND_CODE && b->schema->fields[0].count == 1;
}

static int slow_bind(struct binder *b, const struct node *n)
{
    struct op check;
    int status = 0;

    if (slow_is_function(b)) {
        check = load_make(b, 0, 0);
        check.code = OP_CHECK_SLOW;
        check.place = n->slow;
        b->fields |= 1;
        status = binder_emit(b, &check);
    } else if (!slow_is_scope(b, n)) {
        return VALUE_NONE;
    }
    if (status)
        return status;
    return push(b, (struct op){.code = OP_LOAD_DURATION}, EXPRESSION_NEEDS_DURATION, VALUE_INTEGER);
}

/* ---- reckoning ---- */

static int to_float(struct binder *b, unsigned place)
{
    return push(b, (struct op){.code = OP_TO_FLOAT, .place = (uint8_t)place}, 0, VALUE_FLOAT);
}

static int negate_bind(struct binder *b, const struct node *n, struct want want)
{
    int value = value_bind(b, n->left, want);

    if (value == VALUE_INTEGER)
        return push(b, (struct op){.code = OP_NEGATE}, 0, VALUE_INTEGER);
    if (value == VALUE_FLOAT)
        return push(b, (struct op){.code = OP_NEGATE_FLOAT}, 0, VALUE_FLOAT);
    return value < 0 ? value : VALUE_NONE;
}

static int sum_bind(struct binder *b, const struct node *n, struct want want)
{
    int left = value_bind(b, n->left, want), right, status = 0;
    struct op op = {.code = OP_SUM, .how = n->op};

    if (left <= VALUE_NONE)
        return left;
    right = value_bind(b, n->right, want);
    if (right <= VALUE_NONE)
        return right;
    if (left == VALUE_TEXT || right == VALUE_TEXT)
        return VALUE_NONE;
    if (left == VALUE_INTEGER && right == VALUE_INTEGER)
        return push(b, op, 0, VALUE_INTEGER);
    if (left == VALUE_INTEGER)
        status = to_float(b, 1);
    if (right == VALUE_INTEGER)
        status = to_float(b, 0);
    op.code = OP_SUM_FLOAT;
    return status < 0 ? status : push(b, op, 0, VALUE_FLOAT);
}

/* ---- all of it ---- */

int value_bind(struct binder *b, unsigned number, struct want want)
{
    const struct node *n = binder_node(b, number);
    unsigned field = 0;
    int found;

    switch ((enum node_kind)n->kind) {
    case NODE_INTEGER:
    case NODE_BOOLEAN:
        return push(b, (struct op){.code = OP_INTEGER, .integer = n->integer}, 0, VALUE_INTEGER);
    case NODE_FLOAT:
        return push(b, (struct op){.code = OP_FLOAT, .number = n->number}, 0, VALUE_FLOAT);
    case NODE_TEXT:
        return text_push(b, n->text.bytes, n->text.size);
    case NODE_FIELD:
    case NODE_WORD:
        found = field_resolve(b, n, &field);
        return found > 0 ? field_load(b, field, n->index, want) : found;
    case NODE_BUILTIN:
        return builtin_bind(b, n);
    case NODE_SLOW:
        return slow_bind(b, n);
    case NODE_NEGATE:
        want.text = false;
        return negate_bind(b, n, want);
    default:
        want.text = false;
        return sum_bind(b, n, want);
    }
}

bool value_is_time(struct binder *b, unsigned number)
{
    struct node *n = binder_node(b, number);
    int field;

    switch ((enum node_kind)n->kind) {
    case NODE_FIELD:
    case NODE_WORD:
        field = field_number(b->schema, n->text.bytes);
        return field >= 0 && b->schema->fields[field].kind == ADA_KIND_DURATION;
    case NODE_NEGATE:
        return value_is_time(b, n->left);
    case NODE_SUM:
        if (n->op == '/' || n->op == '%')
            return value_is_time(b, n->left) && (n->op == '%' || !value_is_time(b, n->right));
        return value_is_time(b, n->left) || value_is_time(b, n->right);
    default:
        return n->is_time;
    }
}
