/* SPDX-License-Identifier: Apache-2.0 */
#include "base/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"

/* Where things stand in the encoded sample (offsets by base/schema.h). */
enum { AT_PHASE = 2, AT_FIELD_COUNT = 4, AT_PROVIDER = 8, SAMPLE_BYTES_MAX = 512 };

static const struct ada_label labels[] = {{"new", 0}, {"paid", 1}, {"lost", -1}};

static const struct ada_field fields[] = {
    {.name = "id", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1},
    {.name = "state",
     .kind = ADA_KIND_ENUM,
     .width = 4,
     .count = 1,
     .labels = labels,
     .label_count = 3},
    {.name = "where", .kind = ADA_KIND_POINTER, .width = 6, .count = 1},
    {.name = "ratio", .kind = ADA_KIND_FLOAT, .width = 4, .count = 3},
    {.name = "customer", .kind = ADA_KIND_STRING, .width = 0, .count = 1},
};

static struct schema sample(void)
{
    return (struct schema){
        .id = 42,
        .phase = ADA_PHASE_FORMAT,
        .level = ADA_LEVEL_INFO,
        .field_count = 5,
        .line = 17,
        .provider = "shop",
        .name = "order",
        .format = "order %d",
        .file = "shop.c",
        .fields = fields,
    };
}

static int sample_encode(unsigned char bytes[static SAMPLE_BYTES_MAX])
{
    struct schema schema = sample();
    int size = schema_encode(&schema, bytes, SAMPLE_BYTES_MAX);

    assert_true(size > 0);
    return size;
}

static void schema_encoded_and_decoded_is_the_same(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    struct schema_owned out;
    const struct schema *s = &out.schema;
    int size = sample_encode(bytes);

    (void)state;
    assert_int_equal(schema_decode(bytes, (size_t)size, &out), 0);
    assert_int_equal(s->id, 42);
    assert_int_equal(s->phase, ADA_PHASE_FORMAT);
    assert_int_equal(s->level, ADA_LEVEL_INFO);
    assert_int_equal(s->line, 17);
    assert_string_equal(s->provider, "shop");
    assert_string_equal(s->name, "order");
    assert_string_equal(s->format, "order %d");
    assert_string_equal(s->file, "shop.c");
    assert_int_equal(s->field_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(s->fields[i].name, fields[i].name);
        assert_int_equal(s->fields[i].kind, fields[i].kind);
        assert_int_equal(s->fields[i].width, fields[i].width);
        assert_int_equal(s->fields[i].count, fields[i].count);
        assert_int_equal(s->fields[i].label_count, fields[i].label_count);
    }
    assert_string_equal(s->fields[1].labels[2].name, "lost");
    assert_true(s->fields[1].labels[2].value == -1);
    schema_free(&out);
    assert_null(out.storage);
}

static void schema_without_optional_strings_gets_empty_ones(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    struct schema schema = {.provider = "p", .name = "n"};
    struct schema_owned out;
    int size = schema_encode(&schema, bytes, sizeof(bytes));

    (void)state;
    assert_true(size > 0);
    assert_int_equal(schema_decode(bytes, (size_t)size, &out), 0);
    assert_string_equal(out.schema.format, "");
    assert_string_equal(out.schema.file, "");
    assert_int_equal(out.schema.field_count, 0);
    schema_free(&out);
}

static void schema_size_is_what_encode_writes(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    struct schema schema = sample();

    (void)state;
    assert_int_equal(schema_size(&schema), sample_encode(bytes));
}

static void schema_encode_without_room_writes_nothing(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    struct schema schema = sample();
    size_t size = schema_size(&schema);

    (void)state;
    memset(bytes, 0xee, sizeof(bytes));
    assert_int_equal(schema_encode(&schema, bytes, size - 1), -ENOSPC);
    for (size_t i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0xee);
    assert_int_equal(schema_encode(&schema, bytes, size), (int)size);
    assert_int_equal(bytes[size], 0xee);
}

static void schema_fixed_bytes_adds_up_widths_and_counts_variables(void **state)
{
    struct schema schema = sample();
    uint32_t variable;

    (void)state;
    assert_int_equal(schema_fixed_bytes(&schema, &variable), 8 + 4 + 6 + 3 * 4);
    assert_int_equal(variable, 1);
}

static void expect_not_encodable(struct schema schema)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];

    assert_int_equal(schema_size(&schema), 0);
    assert_int_equal(schema_encode(&schema, bytes, sizeof(bytes)), -EINVAL);
}

static void schema_with_a_bad_name_is_not_encodable(void **state)
{
    char name[SCHEMA_NAME_MAX + 2];
    struct schema schema = sample();

    (void)state;
    memset(name, 'n', sizeof(name));
    name[SCHEMA_NAME_MAX + 1] = 0;
    schema.name = name;
    expect_not_encodable(schema);
    name[SCHEMA_NAME_MAX] = 0; /* the longest that is allowed */
    assert_true(schema_size(&schema) > 0);
    schema.name = "";
    expect_not_encodable(schema);
    schema.name = NULL;
    expect_not_encodable(schema);
    schema = sample();
    schema.provider = "";
    expect_not_encodable(schema);
}

static void schema_with_a_bad_field_is_not_encodable(void **state)
{
    static const struct ada_field bad[] = {
        {.name = "kind", .kind = 0, .width = 4, .count = 1},
        {.name = "kind", .kind = ADA_KIND_BYTES + 1, .width = 4, .count = 1},
        {.name = "width", .kind = ADA_KIND_UNSIGNED, .width = 9, .count = 1},
        {.name = "width", .kind = ADA_KIND_UNSIGNED, .width = 0, .count = 1},
        {.name = "width", .kind = ADA_KIND_FLOAT, .width = 2, .count = 1},
        {.name = "width", .kind = ADA_KIND_STRING, .width = 1, .count = 1},
        {.name = "count", .kind = ADA_KIND_UNSIGNED, .width = 4, .count = 0},
        {.name = "count", .kind = ADA_KIND_STRING, .width = 0, .count = 2},
        {.name = "labels",
         .kind = ADA_KIND_SIGNED,
         .width = 4,
         .count = 1,
         .labels = labels,
         .label_count = 3},
        {.name = "payload", .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 8193},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct schema schema = sample();

        schema.fields = &bad[i];
        schema.field_count = 1;
        expect_not_encodable(schema);
    }
}

static void schema_with_a_long_field_name_is_not_encodable(void **state)
{
    char name[SCHEMA_NAME_MAX + 2];
    const struct ada_field field = {
        .name = name, .kind = ADA_KIND_UNSIGNED, .width = 8, .count = 1};
    struct schema schema = sample();

    (void)state;
    memset(name, 'n', sizeof(name));
    name[SCHEMA_NAME_MAX + 1] = 0;
    schema.fields = &field;
    schema.field_count = 1;
    expect_not_encodable(schema);
    name[SCHEMA_NAME_MAX] = 0; /* the longest that is allowed */
    assert_true(schema_size(&schema) > 0);
}

static void schema_with_too_many_fields_is_not_encodable(void **state)
{
    struct ada_field many[SCHEMA_FIELDS_MAX + 1];
    struct schema schema = sample();

    (void)state;
    for (size_t i = 0; i <= SCHEMA_FIELDS_MAX; i++)
        many[i] = fields[0];
    schema.fields = many;
    schema.field_count = SCHEMA_FIELDS_MAX + 1;
    expect_not_encodable(schema);
    schema.field_count = SCHEMA_FIELDS_MAX;
    assert_true(schema_size(&schema) > 0);
}

/* Bytes in a block of exactly their size, so that ASan and valgrind see a read past the end. */
static int decode_exact(const unsigned char *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    struct schema_owned out;
    int result;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    result = schema_decode(copy, size, &out);
    if (result == 0)
        schema_free(&out);
    else
        assert_null(out.storage);
    free(copy);
    return result;
}

static void schema_cut_anywhere_is_refused(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    int size = sample_encode(bytes);

    (void)state;
    for (int cut = 0; cut < size; cut++)
        assert_int_equal(decode_exact(bytes, (size_t)cut), -EBADMSG);
    assert_int_equal(decode_exact(bytes, (size_t)size), 0);
}

static void schema_with_trailing_bytes_is_refused(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX] = {0};
    int size = sample_encode(bytes);

    (void)state;
    assert_int_equal(decode_exact(bytes, (size_t)size + 1), -EBADMSG);
}

/* Whatever a flipped byte turns the schema into, it is refused or valid in itself, never read out
 * of bounds. */
static void schema_with_any_byte_changed_is_refused_or_encodes_again(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX], again[SAMPLE_BYTES_MAX];
    struct schema_owned out;
    int size = sample_encode(bytes);

    (void)state;
    for (int at = 0; at < size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            unsigned char old = bytes[at];

            bytes[at] = (unsigned char)value;
            if (decode_exact(bytes, (size_t)size) == 0) {
                assert_int_equal(schema_decode(bytes, (size_t)size, &out), 0);
                assert_int_equal(schema_encode(&out.schema, again, sizeof(again)), size);
                assert_memory_equal(again, bytes, (size_t)size);
                schema_free(&out);
            }
            bytes[at] = old;
        }
    }
}

static void schema_with_an_unknown_phase_is_refused(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    int size = sample_encode(bytes);

    (void)state;
    bytes[AT_PHASE] = ADA_PHASE_FORMAT + 1;
    assert_int_equal(decode_exact(bytes, (size_t)size), -EBADMSG);
}

static void schema_with_nul_in_a_name_is_refused(void **state)
{
    unsigned char bytes[SAMPLE_BYTES_MAX];
    int size = sample_encode(bytes);

    (void)state;
    bytes[AT_PROVIDER + 2 + 1] = 0;
    assert_int_equal(decode_exact(bytes, (size_t)size), -EBADMSG);
}

/* As many nameless one-byte fields as fit: far more than the decoder has room for. */
static void schema_with_more_fields_than_allowed_is_refused(void **state)
{
    static const unsigned char field[] = {ADA_KIND_UNSIGNED, 1, 1, 0, 0, 0, 0, 0};
    struct schema schema = {.provider = "p", .name = "n"};
    unsigned char *bytes = malloc(SCHEMA_BYTES_MAX);
    uint16_t count = 0;
    int head, size;

    (void)state;
    assert_non_null(bytes);
    head = schema_encode(&schema, bytes, SCHEMA_BYTES_MAX);
    assert_true(head > 0);
    for (size = head; (size_t)size + sizeof(field) <= SCHEMA_BYTES_MAX;
         size += (int)sizeof(field), count++)
        memcpy(bytes + size, field, sizeof(field));
    le16_store(bytes + AT_FIELD_COUNT, count);
    assert_int_equal(decode_exact(bytes, (size_t)size), -EBADMSG);
    count = SCHEMA_FIELDS_MAX;
    le16_store(bytes + AT_FIELD_COUNT, count);
    assert_int_equal(decode_exact(bytes, (size_t)head + count * sizeof(field)), 0);
    free(bytes);
}

/* Well-formed, and the name of its only field that long. */
static int decode_with_field_name(size_t length)
{
    static const unsigned char head[] = {
        0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 'p', 1, 0, 'n', 0, 0, 0, 0, ADA_KIND_UNSIGNED, 8, 1, 0, 0, 0};
    unsigned char *bytes = malloc(sizeof(head) + 2 + length);
    int result;

    assert_non_null(bytes);
    memcpy(bytes, head, sizeof(head));
    le16_store(bytes + sizeof(head), (uint16_t)length);
    memset(bytes + sizeof(head) + 2, 'f', length);
    result = decode_exact(bytes, sizeof(head) + 2 + length);
    free(bytes);
    return result;
}

static void schema_with_a_long_field_name_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_with_field_name(0), 0);
    assert_int_equal(decode_with_field_name(SCHEMA_NAME_MAX), 0);
    assert_int_equal(decode_with_field_name(SCHEMA_NAME_MAX + 1), -EBADMSG);
    assert_int_equal(decode_with_field_name(60000), -EBADMSG);
}

/* Well-formed but for its size: the format string alone takes the whole limit. */
static void schema_longer_than_the_limit_is_refused(void **state)
{
    static const unsigned char head[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 'p', 1, 0, 'n', 0xff, 0xff};
    const size_t size = sizeof(head) + UINT16_MAX + 2;
    unsigned char *bytes = malloc(size);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'f', size);
    memcpy(bytes, head, sizeof(head));
    memset(bytes + size - 2, 0, 2);
    assert_int_equal(decode_exact(bytes, size), -EBADMSG);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_encoded_and_decoded_is_the_same),
        cmocka_unit_test(schema_without_optional_strings_gets_empty_ones),
        cmocka_unit_test(schema_size_is_what_encode_writes),
        cmocka_unit_test(schema_encode_without_room_writes_nothing),
        cmocka_unit_test(schema_fixed_bytes_adds_up_widths_and_counts_variables),
        cmocka_unit_test(schema_with_a_bad_name_is_not_encodable),
        cmocka_unit_test(schema_with_a_bad_field_is_not_encodable),
        cmocka_unit_test(schema_with_a_long_field_name_is_not_encodable),
        cmocka_unit_test(schema_with_too_many_fields_is_not_encodable),
        cmocka_unit_test(schema_cut_anywhere_is_refused),
        cmocka_unit_test(schema_with_trailing_bytes_is_refused),
        cmocka_unit_test(schema_with_any_byte_changed_is_refused_or_encodes_again),
        cmocka_unit_test(schema_with_an_unknown_phase_is_refused),
        cmocka_unit_test(schema_with_nul_in_a_name_is_refused),
        cmocka_unit_test(schema_with_more_fields_than_allowed_is_refused),
        cmocka_unit_test(schema_with_a_long_field_name_is_refused),
        cmocka_unit_test(schema_longer_than_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
