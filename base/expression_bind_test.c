/* SPDX-License-Identifier: Apache-2.0 */
/* Tests: what is known already is decided now, and a field against a number is one operation. */
#include "base/expression_bind.h"

/* ---- a field against a number ---- */

struct range {
    expression_int low, high;
};

static expression_int divide_up(expression_int a, expression_int b)
{
    return a / b + (a % b > 0);
}

static uint8_t turned_round(uint8_t how)
{
    switch (how) {
    case COMPARE_LESS:
        return COMPARE_GREATER;
    case COMPARE_LESS_EQUAL:
        return COMPARE_GREATER_EQUAL;
    case COMPARE_GREATER:
        return COMPARE_LESS;
    case COMPARE_GREATER_EQUAL:
        return COMPARE_LESS_EQUAL;
    default:
        return how;
    }
}

/* What a field of this width can hold. */
static struct range range_of_field(const struct op *load)
{
    unsigned bits = 8u * load->width;
    expression_int one = 1;

    if (load->code == OP_LOAD_SIGNED)
        return (struct range){-(one << (bits - 1)), (one << (bits - 1)) - 1};
    return (struct range){0, (one << bits) - 1};
}

/* The values v for which floor(v * multiply / divide) compares so with `number`. */
static struct range range_wanted(uint8_t how, expression_int number, const struct op *scale,
                                 struct range all)
{
    struct range range = all;
    bool has_low = how != COMPARE_LESS && how != COMPARE_LESS_EQUAL;
    bool has_high = how != COMPARE_GREATER && how != COMPARE_GREATER_EQUAL;
    expression_int low = number + (how == COMPARE_GREATER);
    expression_int behind = number + (how != COMPARE_LESS); /* the first that is too high */

    if (scale) {
        expression_int by = (expression_int)scale->scale.divide;
        expression_int of = (expression_int)scale->scale.multiply;

        low = divide_up(low * by, of);
        behind = divide_up(behind * by, of);
    }
    if (has_low && low > range.low)
        range.low = low;
    if (has_high && behind - 1 < range.high)
        range.high = behind - 1;
    return range;
}

/* Is it a load, perhaps a scale, and a number, in this or the other order? Then they become one. */
static bool range_make(const struct op *ops, uint32_t count, uint8_t how, struct op *test,
                       struct range *all, struct range *range)
{
    bool number_first = ops[0].code == OP_INTEGER;
    const struct op *load = &ops[number_first], *number = number_first ? ops : &ops[count - 1];
    const struct op *scale = count == 3 ? load + 1 : NULL;

    if (count < 2 || count > 3 || number->code != OP_INTEGER || how >= COMPARE_CONTAINS)
        return false;
    if ((load->code != OP_LOAD_UNSIGNED && load->code != OP_LOAD_SIGNED) ||
        (scale && scale->code != OP_SCALE))
        return false;
    *all = range_of_field(load);
    *range = range_wanted(number_first ? turned_round(how) : how, number->integer, scale, *all);
    *test = *load;
    test->code = OP_TEST_RANGE;
    test->is_signed = load->code == OP_LOAD_SIGNED;
    test->is_negated = how == COMPARE_UNEQUAL;
    test->range.low = (uint64_t)range->low;
    test->range.span = (uint64_t)(range->high - range->low);
    return true;
}

static int outcome_of(bool answer)
{
    return answer ? OUTCOME_YES : OUTCOME_NO;
}

/* ---- what is known already ---- */

static bool is_known(const struct op *op)
{
    switch ((enum op_code)op->code) {
    case OP_INTEGER:
    case OP_FLOAT:
    case OP_TEXT:
    case OP_SCALE:
    case OP_TO_FLOAT:
    case OP_NEGATE:
    case OP_NEGATE_FLOAT:
    case OP_SUM:
    case OP_SUM_FLOAT:
        return true;
    default:
        return false;
    }
}

static bool are_known(const struct op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!is_known(&ops[i]))
            return false;
    return true;
}

static int known_run(struct binder *b, uint32_t start)
{
    for (uint32_t i = start; i < b->count; i++) {
        b->ops[i].yes = PROGRAM_FITS;
        b->ops[i].no = PROGRAM_FITS_NOT;
    }
    return outcome_of(program_run(b->ops + start, (uint16_t)(b->count - start), 0, NULL) ==
                      PROGRAM_FITS);
}

/* ---- both ---- */

static int range_bind(struct binder *b, uint32_t start, struct op *test, const struct range *all,
                      const struct range *range, const struct branch *branch)
{
    test->is_negated ^= !branch->wanted;
    test->yes = branch->yes;
    test->no = branch->no;
    b->count = start;
    if (range->low > range->high)
        return outcome_of(test->is_negated);
    if (range->low == all->low && range->high == all->high)
        return outcome_of(!test->is_negated);
    b->ops[b->count++] = *test;
    return OUTCOME_TESTED;
}

int test_bind(struct binder *b, uint32_t start, uint8_t how, enum value value,
              const struct branch *branch)
{
    struct op test;
    struct range all, range;
    int status;

    if (value == VALUE_INTEGER &&
        range_make(b->ops + start, b->count - start, how, &test, &all, &range))
        return range_bind(b, start, &test, &all, &range, branch);
    test = (struct op){.code = value == VALUE_INTEGER ? OP_TEST_INTEGER
                               : value == VALUE_FLOAT ? OP_TEST_FLOAT
                                                      : OP_TEST_TEXT,
                       .how = how,
                       .is_negated = !branch->wanted,
                       .yes = branch->yes};
    status = binder_emit(b, &test);
    if (status)
        return status;
    if (are_known(b->ops + start, b->count - start - 1)) {
        int outcome = known_run(b, start);

        b->count = start;
        return outcome;
    }
    for (uint32_t i = start; i < b->count; i++)
        b->ops[i].no = branch->no;
    return OUTCOME_TESTED;
}
