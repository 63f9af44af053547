/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips over whole files are in test_round_trip.c; here: the exact bytes of docs/FORMAT.md,
 * the writer's choice, and refusals. */
#include "format/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "format_fixture.h"

static struct column_encoder encoder;
static struct column_decoder decoder;

static int coders_init(void **state)
{
    (void)state;
    return column_encoder_init(&encoder);
}

static int coders_fini(void **state)
{
    (void)state;
    column_encoder_fini(&encoder);
    column_decoder_fini(&decoder);
    return 0;
}

/* Decode a column that is written out by hand; everything has to be consumed. */
#define DECODE(count, width, out, ...)                                       \
    do {                                                                     \
        const unsigned char bytes_[] = {__VA_ARGS__};                        \
        struct column_input in_ = {bytes_, bytes_ + sizeof(bytes_)};         \
        assert_int_equal(column_take(&decoder, &in_, count, width, out), 0); \
        assert_ptr_equal(in_.at, in_.end);                                   \
    } while (0)

#define REFUSE(count, width, ...)                                                    \
    do {                                                                             \
        const unsigned char bytes_[] = {__VA_ARGS__};                                \
        struct column_input in_ = {bytes_, bytes_ + sizeof(bytes_)};                 \
        unsigned char out_[256];                                                     \
        assert_int_equal(column_take(&decoder, &in_, count, width, out_), -EBADMSG); \
    } while (0)

static void columns_written_by_hand_decode(void **state)
{
    unsigned char out[64];

    (void)state;
    DECODE(3, 2, out, 0, 0x34, 0x12); /* CONST */
    assert_memory_equal(out, "\x34\x12\x34\x12\x34\x12", 6);
    DECODE(3, 3, out, 1, 5, 0, 9, 0, 1, 2, 3, 4, 5, 6); /* PLANES: bytes 0 and 2 vary */
    assert_memory_equal(out, "\1\11\4\2\11\5\3\11\6", 9);
    DECODE(4, 1, out, 2, 10, 1, 1, 0, 0, 1, 2, 3); /* DELTA: 10, then -1, +1, -2 */
    assert_memory_equal(out, "\12\11\12\10", 4);
    DECODE(3, 2, out, 2, 0xFF, 0xFF, 0, 2, 0); /* DELTA of CONST: +1 over the end */
    assert_memory_equal(out, "\0\0\1\0\2\0", 6);
    DECODE(4, 2, out, 3, 2, 0, 0, 0, 1, 1, 0, 7, 8, 9, 1, 1, 0, 0, 1, 1, 0); /* DICT */
    assert_memory_equal(out, "\x08\x07\x09\x07\x09\x07\x08\x07", 8);
}

static void malformed_columns_are_refused(void **state)
{
    (void)state;
    REFUSE(3, 2, 9, 0, 0);                            /* no such encoding */
    REFUSE(3, 2, 4, 0, 0);                            /* an encoding of strings */
    REFUSE(3, 2, 0, 1);                               /* CONST cut short */
    REFUSE(3, 2, 1, 1, 0, 0, 1, 2);                   /* a plane cut short */
    REFUSE(3, 2, 1, 4, 0, 0, 1, 2, 3);                /* a plane beyond the width */
    REFUSE(3, 2, 2, 0, 0);                            /* DELTA without differences */
    REFUSE(3, 2, 2, 0, 0, 2, 0, 0, 0, 0, 0);          /* DELTA of DELTA */
    REFUSE(3, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0);       /* DICT without entries */
    REFUSE(3, 2, 3, 1, 0, 1, 0, 0, 0, 0, 0, 0);       /* 65,537 entries */
    REFUSE(3, 2, 3, 2, 0, 0, 0, 0, 5, 0, 0, 2);       /* index beyond the entries */
    REFUSE(3, 2, 3, 1, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0); /* DICT in DICT */
}

static void empty_input_is_refused(void **state)
{
    struct column_input in = {(const unsigned char *)"", (const unsigned char *)""};
    struct byte_buffer text = {0};
    unsigned char out[8];
    uint32_t offsets[2];

    (void)state;
    assert_int_equal(column_take(&decoder, &in, 1, 8, out), -EBADMSG);
    assert_int_equal(column_text_take(&decoder, &in, 1, offsets, &text, 100), -EBADMSG);
}

/* ---- strings ---- */

static int text_take(const unsigned char *bytes, size_t size, uint32_t count, size_t limit,
                     uint32_t *offsets, struct byte_buffer *text)
{
    struct column_input in = {bytes, bytes + size};

    text->size = 0;
    return column_text_take(&decoder, &in, count, offsets, text, limit);
}

static void strings_written_by_hand_decode(void **state)
{
    static const unsigned char plain[] = {4, 1, 1, 0, 0, 0, 0, 1, 0, 2, 'a', 'b', 'c'};
    static const unsigned char dict[] = {5, 2, 0,   0,   0,   1, 1, 0, 0, 0, 0,
                                         1, 2, 'x', 'y', 'z', 1, 1, 0, 1, 0, 1};
    struct byte_buffer text = {0};
    uint32_t offsets[4];

    (void)state;
    assert_int_equal(text_take(plain, sizeof(plain), 3, 3, offsets, &text), 0);
    assert_memory_equal(text.bytes, "abc", 3);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], 1);
    assert_int_equal(offsets[2], 1);
    assert_int_equal(offsets[3], 3);
    assert_int_equal(text_take(dict, sizeof(dict), 3, 5, offsets, &text), 0);
    assert_int_equal(text.size, 5);
    assert_memory_equal(text.bytes, "yzxyz", 5);
    assert_int_equal(offsets[1], 2);
    assert_int_equal(offsets[2], 3);

    /* One byte more than allowed, or than there is. */
    assert_int_equal(text_take(plain, sizeof(plain), 3, 2, offsets, &text), -EBADMSG);
    assert_int_equal(text_take(dict, sizeof(dict), 3, 4, offsets, &text), -EBADMSG);
    for (size_t size = 0; size < sizeof(plain); size++)
        assert_int_equal(text_take(plain, size, 3, 3, offsets, &text), -EBADMSG);
    for (size_t size = 0; size < sizeof(dict); size++)
        assert_int_equal(text_take(dict, size, 3, 5, offsets, &text), -EBADMSG);
    byte_buffer_free(&text);
}

/* ---- the writer's choice ---- */

enum { MANY = 5000 };

static uint8_t choice(uint64_t (*value)(uint64_t i, uint64_t noise), unsigned width)
{
    struct byte_buffer out = {0};
    uint64_t random = 1, mask = ~UINT64_C(0) >> (64 - 8 * width);
    uint8_t encoding;

    assert_int_equal(column_encoder_reserve(&encoder, MANY), 0);
    for (uint64_t i = 0; i < MANY; i++)
        encoder.values[i] = value(i, fixture_random(&random)) & mask;
    assert_int_equal(column_append(&encoder, &out, encoder.values, MANY, width, false), 0);
    encoding = out.bytes[0];
    byte_buffer_free(&out);
    return encoding;
}

static uint64_t constant(uint64_t i, uint64_t noise)
{
    (void)i;
    (void)noise;
    return 5;
}
static uint64_t counter(uint64_t i, uint64_t noise)
{
    return 1000000 + i * 1000 + noise % 7;
}
static uint64_t few(uint64_t i, uint64_t noise)
{
    (void)i;
    return noise % 100 * UINT64_C(123456789);
}
static uint64_t thousands(uint64_t i, uint64_t noise)
{
    (void)i;
    return noise % 100 * (noise >> 8) % 90 * UINT64_C(0x123456789);
}
static uint64_t anything(uint64_t i, uint64_t noise)
{
    (void)i;
    return noise;
}
static uint64_t octet(uint64_t i, uint64_t noise)
{
    (void)i;
    return 0xABCD00 + noise % 256;
}

static void choice_fits_the_values(void **state)
{
    (void)state;
    assert_int_equal(choice(constant, 8), COLUMN_CONST);
    assert_int_equal(choice(counter, 8), COLUMN_DELTA);
    assert_int_equal(choice(few, 8), COLUMN_DICT);
    assert_int_equal(choice(thousands, 8), COLUMN_DICT);
    assert_int_equal(choice(anything, 8), COLUMN_PLANES);
    assert_int_equal(choice(anything, 3), COLUMN_PLANES);
    assert_int_equal(choice(octet, 4), COLUMN_PLANES);
}

static void distinct_values_are_told_with_first_and_last(void **state)
{
    static const uint64_t values[] = {7, 300, 7, 5, 300, 7, 0x10000};
    const struct dictionary *d = &encoder.dictionary;
    struct byte_buffer out = {0};

    (void)state;
    assert_int_equal(column_encoder_reserve(&encoder, 7), 0);
    assert_int_equal(column_append(&encoder, &out, values, 7, 8, true), 0);
    assert_int_equal(d->count, 4);
    assert_int_equal(d->values[0], 7);
    assert_int_equal(d->first[0], 0);
    assert_int_equal(d->last[0], 5);
    assert_int_equal(d->values[1], 300);
    assert_int_equal(d->first[1], 1);
    assert_int_equal(d->last[1], 4);
    assert_int_equal(d->values[3], 0x10000);
    byte_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_written_by_hand_decode),
        cmocka_unit_test(malformed_columns_are_refused),
        cmocka_unit_test(empty_input_is_refused),
        cmocka_unit_test(strings_written_by_hand_decode),
        cmocka_unit_test(choice_fits_the_values),
        cmocka_unit_test(distinct_values_are_told_with_first_and_last),
    };

    return cmocka_run_group_tests(tests, coders_init, coders_fini);
}
