/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of every kind: what is emitted comes back bit for bit. */
#include "tracer_fixture.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "format/trace_reader.h"

enum colour { DEEP = INT32_MIN, BLACK = -1, RED = 0, GREEN = 7, FAR = INT32_MAX };
ADA_LABELS(colour, {"deep", DEEP}, {"black", BLACK}, {"red", RED}, {"far", FAR})

ADA_EVENT(field, nothing)
ADA_EVENT(field, unsigned_ones, (u8, a), (u16, b), (u32, c), (u64, d))
ADA_EVENT(field, signed_ones, (i8, a), (i16, b), (i32, c), (i64, d))
ADA_EVENT(field, floats, (f32, a), (f64, b))
ADA_EVENT(field, truth, (bool, a))
ADA_EVENT(field, addresses, (ptr, a), (code, b))
ADA_EVENT(field, duration, (ticks, a))
ADA_EVENT(field, colour, (enum, colour, a))
ADA_EVENT(field, text, (string, a))
ADA_EVENT(field, blob, (bytes, a))
ADA_EVENT(field, mixed, (string, a), (u8, b), (bytes, c), (u64, d), (string, e))
ADA_EVENT(field, arrays, (array, u8, 3, a), (array, i16, 2, b), (array, u64, 2, c),
          (array, f32, 2, d), (array, f64, 1, e), (array, bool, 4, f), (array, ptr, 2, g))
ADA_EVENT(field, many, (u8, a), (u8, b), (u8, c), (u8, d), (u8, e), (u8, f), (u8, g), (u8, h),
          (u8, i), (u8, j), (u8, k), (u8, l), (u8, m), (u8, n), (u8, o), (u8, p), (u8, q), (u8, r),
          (u8, s), (u8, t), (u8, u), (u8, v), (u8, w), (string, x))
ADA_EVENT_LEVEL(ADA_LEVEL_CRITICAL, field, critical)

static void event_without_fields_comes_back(void **state)
{
    (void)state;
    recording_start(NULL);
    ada_trace_field_nothing();
    recording_stop();
    assert_int_equal(recording_expect("field:nothing")->value_count, 0);
    recording_expect_end();
}

static void unsigned_extremes_come_back(void **state)
{
    const struct trace_event *e;

    (void)state;
    recording_start(NULL);
    ada_trace_field_unsigned_ones(0, 0, 0, 0);
    ada_trace_field_unsigned_ones(UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX);
    ada_trace_field_unsigned_ones(0x80, 0x8001, 0x80000001, UINT64_C(0x8000000000000001));
    recording_stop();
    e = recording_expect("field:unsigned_ones");
    assert_int_equal(field_unsigned(e, "a") | field_unsigned(e, "b") | field_unsigned(e, "c") |
                         field_unsigned(e, "d"),
                     0);
    e = recording_expect("field:unsigned_ones");
    assert_int_equal(field_unsigned(e, "a"), UINT8_MAX);
    assert_int_equal(field_unsigned(e, "b"), UINT16_MAX);
    assert_int_equal(field_unsigned(e, "c"), UINT32_MAX);
    assert_int_equal(field_unsigned(e, "d"), UINT64_MAX);
    e = recording_expect("field:unsigned_ones");
    assert_int_equal(field_unsigned(e, "a"), 0x80);
    assert_int_equal(field_unsigned(e, "b"), 0x8001);
    assert_int_equal(field_unsigned(e, "c"), 0x80000001);
    assert_int_equal(field_unsigned(e, "d"), UINT64_C(0x8000000000000001));
    recording_expect_end();
}

static void signed_extremes_come_back(void **state)
{
    const struct trace_event *e;

    (void)state;
    recording_start(NULL);
    ada_trace_field_signed_ones(INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN);
    ada_trace_field_signed_ones(INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX);
    ada_trace_field_signed_ones(-1, -1, -1, -1);
    recording_stop();
    e = recording_expect("field:signed_ones");
    assert_true(field_signed(e, "a") == INT8_MIN && field_signed(e, "b") == INT16_MIN);
    assert_true(field_signed(e, "c") == INT32_MIN && field_signed(e, "d") == INT64_MIN);
    e = recording_expect("field:signed_ones");
    assert_true(field_signed(e, "a") == INT8_MAX && field_signed(e, "b") == INT16_MAX);
    assert_true(field_signed(e, "c") == INT32_MAX && field_signed(e, "d") == INT64_MAX);
    e = recording_expect("field:signed_ones");
    assert_true(field_signed(e, "a") == -1 && field_signed(e, "b") == -1);
    assert_true(field_signed(e, "c") == -1 && field_signed(e, "d") == -1);
    recording_expect_end();
}

static void floats_come_back_bit_for_bit(void **state)
{
    const float singles[] = {0.0f, -0.0f, 1.5f, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, INFINITY, NAN};
    const double doubles[] = {0.0, -0.0, 0.1, DBL_MAX, -DBL_MAX, DBL_TRUE_MIN, -INFINITY, NAN};

    (void)state;
    recording_start(NULL);
    for (unsigned i = 0; i < 8; i++)
        ada_trace_field_floats(singles[i], doubles[i]);
    recording_stop();
    for (unsigned i = 0; i < 8; i++) {
        const struct trace_event *e = recording_expect("field:floats");

        expect_bytes(e, "a", &singles[i], sizeof(float));
        expect_bytes(e, "b", &doubles[i], sizeof(double));
        if (i < 7)
            assert_true(field_float(e, "a") == (double)singles[i] &&
                        field_float(e, "b") == doubles[i]);
    }
    recording_expect_end();
}

static void truth_and_addresses_come_back(void **state)
{
    const struct trace_event *e;

    (void)state;
    recording_start(NULL);
    ada_trace_field_truth(true);
    ada_trace_field_truth(false);
    ada_trace_field_addresses(NULL, (const void *)UINTPTR_MAX);
    ada_trace_field_addresses(&e, (const void *)&truth_and_addresses_come_back);
    ada_trace_field_duration(UINT64_MAX);
    recording_stop();
    assert_int_equal(field_unsigned(recording_expect("field:truth"), "a"), 1);
    assert_int_equal(field_unsigned(recording_expect("field:truth"), "a"), 0);
    e = recording_expect("field:addresses");
    assert_int_equal(field_unsigned(e, "a"), 0);
    assert_int_equal(field_unsigned(e, "b"), UINTPTR_MAX);
    e = recording_expect("field:addresses");
    assert_int_equal(field_unsigned(e, "a"), (uintptr_t)&e);
    assert_int_equal(field_unsigned(e, "b"), (uintptr_t)&truth_and_addresses_come_back);
    assert_int_equal(e->values[0].field->kind, ADA_KIND_POINTER);
    assert_int_equal(e->values[1].field->kind, ADA_KIND_CODE);
    e = recording_expect("field:duration");
    assert_int_equal(field_unsigned(e, "a"), UINT64_MAX);
    assert_int_equal(e->values[0].field->kind, ADA_KIND_DURATION);
    recording_expect_end();
}

static void enum_brings_its_labels(void **state)
{
    const enum colour values[] = {DEEP, BLACK, RED, GREEN, FAR};
    const char *const labels[] = {"deep", "black", "red", NULL, "far"};

    (void)state;
    recording_start(NULL);
    for (unsigned i = 0; i < 5; i++)
        ada_trace_field_colour(values[i]);
    recording_stop();
    for (unsigned i = 0; i < 5; i++) {
        const struct trace_event *e = recording_expect("field:colour");
        const char *label = field_label(e, "a");

        assert_true(field_signed(e, "a") == (int64_t)values[i]);
        if (labels[i])
            assert_string_equal(label ? label : "(none)", labels[i]);
        else
            assert_null(label);
    }
    recording_expect_end();
}

static void strings_come_back_without_their_nul(void **state)
{
    static char longest[1500];
    const char *const texts[] = {"", "x", "seven 7", "eight: 8", "\xc3\xa4\xe2\x82\xac", longest};

    (void)state;
    memset(longest, 'l', sizeof(longest) - 1);
    recording_start(NULL);
    ada_trace_field_text(NULL);
    for (unsigned i = 0; i < 6; i++)
        ada_trace_field_text(texts[i]);
    recording_stop();
    expect_text(recording_expect("field:text"), "a", "");
    for (unsigned i = 0; i < 6; i++)
        expect_text(recording_expect("field:text"), "a", texts[i]);
    recording_expect_end();
}

static void bytes_come_back_with_their_nuls(void **state)
{
    unsigned char all[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    recording_start(NULL);
    ada_trace_field_blob(NULL, 0);
    ada_trace_field_blob(all, 1);
    ada_trace_field_blob(all, sizeof(all));
    recording_stop();
    expect_bytes(recording_expect("field:blob"), "a", NULL, 0);
    expect_bytes(recording_expect("field:blob"), "a", all, 1);
    expect_bytes(recording_expect("field:blob"), "a", all, sizeof(all));
    recording_expect_end();
}

static void fixed_and_variable_fields_mix_in_any_order(void **state)
{
    const struct trace_event *e;

    (void)state;
    recording_start(NULL);
    ada_trace_field_mixed("first", 0xab, "\0\1", 2, UINT64_C(0x1122334455667788), "last");
    recording_stop();
    e = recording_expect("field:mixed");
    expect_text(e, "a", "first");
    assert_int_equal(field_unsigned(e, "b"), 0xab);
    expect_bytes(e, "c", "\0\1", 2);
    assert_int_equal(field_unsigned(e, "d"), UINT64_C(0x1122334455667788));
    expect_text(e, "e", "last");
    recording_expect_end();
}

static void arrays_come_back_element_by_element(void **state)
{
    const uint8_t a[] = {0, 1, UINT8_MAX};
    const int16_t b[] = {INT16_MIN, INT16_MAX};
    const uint64_t c[] = {UINT64_MAX, 1};
    const float d[] = {-0.0f, FLT_MAX};
    const double e[] = {DBL_TRUE_MIN};
    const bool f[] = {true, false, true, true};
    const void *const g[] = {NULL, a};
    const struct trace_event *event;

    (void)state;
    recording_start(NULL);
    ada_trace_field_arrays(a, b, c, d, e, f, g);
    recording_stop();
    event = recording_expect("field:arrays");
    expect_bytes(event, "a", a, sizeof(a));
    expect_bytes(event, "b", b, sizeof(b));
    expect_bytes(event, "c", c, sizeof(c));
    expect_bytes(event, "d", d, sizeof(d));
    expect_bytes(event, "e", e, sizeof(e));
    expect_bytes(event, "f", f, sizeof(f));
    expect_bytes(event, "g", g, sizeof(g));
    assert_true(trace_value_signed(&event->values[1], 0) == INT16_MIN);
    assert_true(trace_value_signed(&event->values[1], 1) == INT16_MAX);
    assert_int_equal(event->values[5].field->count, 4);
    recording_expect_end();
}

static void twenty_four_fields_are_not_too_many(void **state)
{
    const struct trace_event *e;
    char name[2] = "a";

    (void)state;
    recording_start(NULL);
    ada_trace_field_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                         22, 23, "twenty-four");
    recording_stop();
    e = recording_expect("field:many");
    for (unsigned i = 0; i < 23; i++, name[0]++)
        assert_int_equal(field_unsigned(e, name), i + 1);
    expect_text(e, "x", "twenty-four");
    recording_expect_end();
}

static void type_says_where_it_was_declared(void **state)
{
    const struct schema *schema;

    (void)state;
    recording_start(NULL);
    ada_trace_field_critical();
    recording_stop();
    schema = &recording_expect("field:critical")->type->schema;
    assert_int_equal(schema->level, ADA_LEVEL_CRITICAL);
    assert_int_equal(schema->phase, ADA_PHASE_INSTANT);
    assert_non_null(strstr(schema->file, "test_event_fields.c"));
    assert_int_equal(schema->line, ada_event_field_critical.line);
    assert_in_range(schema->line, 20, 50);
    recording_expect_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_without_fields_comes_back),
        cmocka_unit_test(unsigned_extremes_come_back),
        cmocka_unit_test(signed_extremes_come_back),
        cmocka_unit_test(floats_come_back_bit_for_bit),
        cmocka_unit_test(truth_and_addresses_come_back),
        cmocka_unit_test(enum_brings_its_labels),
        cmocka_unit_test(strings_come_back_without_their_nul),
        cmocka_unit_test(bytes_come_back_with_their_nuls),
        cmocka_unit_test(fixed_and_variable_fields_mix_in_any_order),
        cmocka_unit_test(arrays_come_back_element_by_element),
        cmocka_unit_test(twenty_four_fields_are_not_too_many),
        cmocka_unit_test(type_says_where_it_was_declared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
